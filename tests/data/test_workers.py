"""Worker processes: no picture can take the caller down."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from barlowmatch.data.workers import run_tasks
from tests.pictures import photo
from tests.waiting import until


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    files = [str(tmp_path / f"{number}.png") for number in range(20)]
    for file in files:
        photo(np.random.default_rng(0)).save(file)
    return files


def kill_the_reader_of(fifo: Path, times: int) -> threading.Thread:
    """Each time a worker has opened `fifo`, kill it while it reads."""

    def hunt() -> None:
        for _ in range(times):
            writer = os.open(fifo, os.O_WRONLY)  # waits until a worker opens it
            for child in psutil.Process().children():
                if _holds(child, fifo):
                    child.kill()
                    _await_its_end(child)
            os.close(writer)

    thread = threading.Thread(target=hunt)
    thread.start()
    return thread


def _await_its_end(child: psutil.Process) -> None:
    """Wait until whoever started a process has taken its exit status: not before are all its files closed."""
    until(lambda: not psutil.pid_exists(child.pid), pause=0.001)


def _holds(process: psutil.Process, fifo: Path) -> bool:
    folder = Path(f"/proc/{process.pid}/fd")
    with contextlib.suppress(OSError):  # it has ended meanwhile
        return any(os.path.realpath(link) == os.path.realpath(fifo) for link in folder.iterdir())
    return False


def test_a_picture_that_kills_its_worker_twice_is_named_and_the_others_are_read(
    pictures: list[str], tmp_path: Path
) -> None:
    fifo = tmp_path / "fatal.png"
    os.mkfifo(fifo)
    thread = kill_the_reader_of(fifo, times=2)
    files = [*pictures[:7], str(fifo), *pictures[7:]]
    answers = dict(run_tasks("hash", files, workers=1))
    thread.join()
    assert answers.pop(7) == {
        "reason": "the decoder was killed on it, perhaps for want of memory", "passing": True,
    }  # fmt: skip
    assert len(answers) == 20
    assert all("sha256" in answer for answer in answers.values())


def test_a_worker_killed_from_outside_costs_nothing(pictures: list[str], tmp_path: Path) -> None:
    fifo = tmp_path / "slow.png"
    os.mkfifo(fifo)
    thread = kill_the_reader_of(fifo, times=1)
    served = threading.Thread(target=lambda: (thread.join(), fifo.write_bytes(Path(pictures[0]).read_bytes())))
    served.start()
    answers = dict(run_tasks("hash", [str(fifo), *pictures], workers=1))
    served.join()
    assert answers[0] == answers[1]
    assert len(answers) == 21


def test_a_picture_that_never_ends_ends_its_worker(tmp_path: Path) -> None:
    fifo = tmp_path / "endless.png"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)  # opened at both ends: a reader waits for ever
    program = "import barlowmatch.data.worker as worker; worker.TIME_LIMIT = 1; worker.main()"
    request = json.dumps({"task": "hash", "setup": {}, "items": [str(fifo)]}) + "\n"
    ended = subprocess.run(
        [sys.executable, "-c", program], input=request, capture_output=True, text=True, timeout=30, check=False
    )
    os.close(writer)
    assert ended.stdout == "ready\n"
    assert ended.returncode == 1, "it waited, which is not the picture's fault"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('sys.executable = "/nowhere/python"', "no process can be started to read images (No such file or directory)"),
        ('os.environ["PYTHONHOME"] = "/nowhere"', "a process started to read images ended at once ("),
    ],
)
def test_where_no_worker_can_live_there_is_one_line_and_no_waiting(broken: str, said: str) -> None:
    program = f"""
import os, sys
from barlowmatch.data.workers import run_tasks
from barlowmatch.errors import InputError
{broken}
try:
    list(run_tasks("hash", ["a.png", "b.png"], workers=2))
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith(said), done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_leaving_early_stops_the_workers(pictures: list[str]) -> None:
    answers = run_tasks("hash", pictures * 100, workers=2)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    living = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    assert not [child for child in living if "barlowmatch.data.worker" in " ".join(child.cmdline())]
