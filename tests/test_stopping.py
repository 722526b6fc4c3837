"""Ctrl-C and SIGTERM at any moment of a process's life: one line and status 130 or 143, never a traceback."""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.stages.small_datasets import pictures
from tests.waiting import until

ROOT = Path(__file__).parents[1]
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
PIPE_HOLDS = 65536
"""Bytes that a pipe takes before whoever writes into it has to wait."""


def stopped_after_import(module: str, number: signal.Signals, program: list[str], tmp_path: Path) -> tuple[int, str]:
    """Start a program, send a signal as soon as it tells of an import, and return its status and what it said.

    It tells of an import when that is done, and those within it before it: so this is in the midst of a larger one.
    """
    words = [sys.executable, "-X", "importtime", *program]
    pythonpath = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = []
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=pythonpath) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not line.startswith("import time:"):
                said.append(line)
            elif line.split("|")[-1].strip() == module:
                process.send_signal(number)
        assert process.wait(60) is not None
    return process.returncode, "".join(said)


APP = [str(ROOT / "app.py"), "--project", "p", "--dataset-folder", "photos", "--port", "0"]


@pytest.mark.parametrize(
    ("module", "number", "program"),
    [
        ("barlowmatch.errors", signal.SIGINT, ["-m", "barlowmatch", "pretrain", "--dataset-folder", "photos"]),
        ("tyro._strings", signal.SIGTERM, ["-m", "barlowmatch", "pretrain", "--dataset-folder", "photos"]),
        ("tyro._strings", signal.SIGINT, ["-m", "labeling", "stats", "--project", "p"]),
        ("tyro._strings", signal.SIGTERM, APP),
        ("numpy._core._exceptions", signal.SIGINT, ["-m", "barlowmatch", "pretrain", "--dataset-folder", "photos"]),
        ("torch._utils", signal.SIGINT, ["-m", "barlowmatch", "pretrain", "--dataset-folder", "photos"]),
        ("torch._utils", signal.SIGTERM, ["-m", "barlowmatch", "pretrain", "--dataset-folder", "photos"]),
    ],
)
def test_who_is_stopped_while_packages_are_imported_says_so_in_one_line(
    module: str, number: signal.Signals, program: list[str], tmp_path: Path
) -> None:
    pictures(tmp_path / "photos", "a.png", "b.png")
    status, said = stopped_after_import(module, number, program, tmp_path)
    name = Path(program[0]).name if program[0] != "-m" else program[1]
    assert (status, said) == (STATUS[number], f"{name}: stopped\n")
    assert {path.name for path in tmp_path.iterdir()} == {"photos"}


def test_the_story_of_work_stopped_before_it_began_has_an_end(tmp_path: Path) -> None:
    pictures(tmp_path / "photos", "a.png", "b.png")
    program = ["-m", "barlowmatch", "inspect", "--dataset-folder", "photos", "--events", "e.jsonl"]
    assert stopped_after_import("barlowmatch.data.layouts", signal.SIGINT, program, tmp_path)[0] == 130
    told = [line.split('"')[3] for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert (told[0], told[-1]) == ("RunStarted", "RunFailed")
    assert told.count("RunFailed") == 1


def test_who_is_stopped_while_it_prints_what_it_found_says_so_in_one_line(tmp_path: Path) -> None:
    """Nobody reads: it waits in the midst of printing."""
    pictures(tmp_path / "photos", "a.png")
    for copy in range(400):
        shutil.copy(tmp_path / "photos/a.png", tmp_path / f"photos/{'x' * 200}-{copy}.png")
    words = [sys.executable, "-m", "barlowmatch", "inspect", "--dataset-folder", "photos", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        words, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        waiting = process.stdout.fileno()
        until(lambda: struct.unpack("i", fcntl.ioctl(waiting, termios.FIONREAD, b"\0" * 4))[0] == PIPE_HOLDS)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        said = process.stderr.read()
    assert said.endswith("\nbarlowmatch: stopped\n")
    assert "Traceback" not in said


@pytest.mark.parametrize("number", STATUS)
def test_who_is_stopped_while_python_ends_says_so_in_one_line(number: signal.Signals) -> None:
    program = """
import atexit, runpy, sys
atexit.register(lambda: (print("ending", flush=True), sys.stdin.readline()))
sys.argv = ["barlowmatch", "--help"]
runpy.run_module("barlowmatch", run_name="__main__", alter_sys=True)
"""
    words = [sys.executable, "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes) as process:
        assert process.stdout is not None
        assert any(line == "ending\n" for line in process.stdout)
        process.send_signal(number)
        assert process.wait(60) == STATUS[number]
        assert process.stderr is not None
        assert process.stderr.read() == "barlowmatch: stopped\n"


IN_WORK = """
import signal, sys
from barlowmatch.stopping import stops_raised

def turned_into_an_error():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as stop:
        raise ImportError("numpy failed to import") from stop

def passed_over():
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        pass

try:
    with stops_raised():
        {how}()
except KeyboardInterrupt:
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.mark.parametrize("how", ["turned_into_an_error", "passed_over"])
def test_what_packages_make_of_ctrl_c_ends_work_all_the_same(how: str) -> None:
    words = [sys.executable, "-c", IN_WORK.replace("{how}", how)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_who_was_started_with_ctrl_c_ignored_goes_on_ignoring_it() -> None:
    program = """
import signal
from barlowmatch.leaving import leave_when_asked
signal.signal(signal.SIGINT, signal.SIG_IGN)
leave_when_asked("it")
signal.raise_signal(signal.SIGINT)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("line", [["barlowmatch", "--help"], ["labeling", "--help"], ["labeling", "people", "--help"]])
def test_who_read_enough_of_the_output_sees_no_traceback(line: list[str]) -> None:
    """As `head` does."""
    ours, theirs = os.pipe()
    os.close(ours)
    words = [sys.executable, "-m", *line]
    try:
        done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")
