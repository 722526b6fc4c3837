"""No acknowledged label is lost: by kills, by a full disk; and damage is said in one line."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from benchmarks.labeling_server import Client, running, write_project
from labeling.cli.main import main
from storage.checks import find_faults
from storage.database import open_reader

ROOT = Path(__file__).parents[2]


def module(name: str, *words: object, before: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run a module as a process and return the JSON of its last line."""
    done = subprocess.run(
        [*before, sys.executable, "-m", name, *map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.parametrize("kills", [25, pytest.param(1000, marks=pytest.mark.faults)])
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, kills: int) -> None:
    found = module("tests.faults.killed_writer", tmp_path / "project.db", kills)
    assert found["acknowledged"] > kills
    assert (found["lost"], found["faults"]) == (0, [])


def test_a_writer_that_answers_before_the_commit_is_found_out(tmp_path: Path) -> None:
    """The harness above is worth something: it finds the fault that it is there to find."""
    assert module("tests.faults.killed_writer", tmp_path / "project.db", 40, "early")["lost"] > 0


@pytest.mark.parametrize(
    "kills", [pytest.param(1, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.faults)]
)
def test_a_killed_server_loses_and_doubles_nothing(tmp_path: Path, kills: int) -> None:
    """Three people label by an outbox that sends until it hears an answer; the server is killed under them."""
    images = 500 * (kills + 1)  # more than three people label until the last kill
    write_project(tmp_path / "p", images, requested=images, overlap=2)
    draw = random.Random(1)
    people = [Outbox(name) for name in ("Ann", "Bob", "Cid")]
    for _ in range(kills):
        with running(tmp_path / "p") as (url, process):
            stop = threading.Event()
            threads = [threading.Thread(target=one.work, args=(url, stop)) for one in people]
            for thread in threads:
                thread.start()
            heard = sum(len(one.acknowledged) for one in people)
            end = time.monotonic() + 60
            while sum(len(one.acknowledged) for one in people) < heard + 5:
                assert time.monotonic() < end, "nobody is answered any more"
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
    with running(tmp_path / "p") as (url, _):
        for one in people:
            one.flush(url)
    reader = open_reader(tmp_path / "p" / "project.db")
    stored = {row["uuid"] for row in reader.execute("SELECT uuid FROM label_event")}
    acknowledged = {own for one in people for own in one.acknowledged}
    assert acknowledged <= stored
    assert stored == {own for one in people for own in one.sent}, "what was sent until answered is there, once"
    most = reader.execute(
        "SELECT max(held) FROM (SELECT count(*) AS held FROM lease WHERE state IN ('active', 'done') GROUP BY image)"
    ).fetchone()[0]
    assert most <= 2, "no image goes to more people than asked for"
    assert find_faults(reader) == []
    reader.close()


class Outbox:
    """Somebody whose labels wait until they are acknowledged, as the page's do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: list[dict[str, Any]] = []
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.tab = uuid.uuid4().hex

    def work(self, url: str, stop: threading.Event) -> None:
        try:
            client = Client(url, self.name)
            client.tab = self.tab
            class_id = client.get("/api/classes")["classes"][0]["id"]
            while not stop.is_set():
                self._send(client)
                for item in client.lease(3):
                    self.waiting.append({
                        "uuid": str(uuid.uuid4()), "kind": "label", "image": item["image"], "class": class_id,
                        "lease": item["lease"],
                    })  # fmt: skip
                    self._send(client)
        except OSError:
            return  # killed; what waits is sent again

    def flush(self, url: str) -> None:
        client = Client(url, self.name)
        client.tab = self.tab
        self._send(client)

    def _send(self, client: Client) -> None:
        while self.waiting:
            self.sent.add(self.waiting[0]["uuid"])
            answer = client.post("/api/labels", {"client": client.tab, "events": self.waiting[:1]})
            assert answer["results"][0]["status"] in ("acknowledged", "late")
            self.acknowledged.add(self.waiting.pop(0)["uuid"])


def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path) -> None:
    small = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"', str(tmp_path))
    if subprocess.run([*small, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a disk of their own")
    found = module("tests.faults.full_disk", tmp_path, before=small)
    assert found["refused"] == 15
    assert (found["missing"], found["doubled"], found["faults"]) == (0, 0, [])


@pytest.mark.parametrize("seed", range(6))
def test_damage_is_found_and_said_in_one_line(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str], whole: Path
) -> None:
    folder = tmp_path / "p"
    shutil.copytree(whole, folder)
    draw = random.Random(seed)
    path = folder / "project.db"
    data = bytearray(path.read_bytes())
    for _ in range(8):
        start = draw.randrange(100, len(data) - 600)
        data[start : start + 500] = draw.randbytes(500)
    path.write_bytes(data)
    for command in ("verify", "stats"):
        status = main([command, "--project", str(folder)])
        said = capsys.readouterr()
        assert status in (0, 1, 2)
        assert command == "stats" or status != 0
        assert "Traceback" not in said.err
        assert len(said.err.splitlines()) <= 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "p"
    write_project(folder, 300, labeled=100, requested=100)
    return folder
