"""A run folder has one run at a time."""

import os
import signal
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pytest

from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.errors import InputError
from barlowmatch.events import silent
from barlowmatch.runs.claims import claimed
from barlowmatch.runs.folders import place_run
from barlowmatch.runs.run import open_run
from tests.commands import forks


def try_to_open(folder: Path, meeting: Barrier, told: "SimpleQueue[tuple[int, str]]") -> None:
    config = ClassifyConfig(run_dir=folder)
    run = open_run("train-classifier", config, place_run("train-classifier", config, "d"), {}, silent)
    meeting.wait()
    try:
        with run:
            told.put((os.getpid(), "opened"))
            meeting.wait()
    except InputError as error:
        told.put((os.getpid(), str(error)))
        meeting.wait()


@pytest.mark.parametrize("before", ["no folder", "a folder"])
def test_of_two_runs_that_meet_in_a_folder_one_gets_it(before: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    if before == "a folder":
        folder.mkdir()
    meeting, told = forks.Barrier(2), forks.SimpleQueue()
    both = [forks.Process(target=try_to_open, args=(folder, meeting, told), daemon=True) for _ in range(2)]
    for process in both:
        process.start()
    said = dict(told.get() for _ in both)
    for process in both:
        process.join(60)
    (winner,) = (pid for pid, what in said.items() if what == "opened")
    (loser,) = said.keys() - {winner}
    taken = f"{folder}: a run (process {winner}) is using this folder; wait for it or name another --run-dir"
    assert said[loser] == taken
    assert {path.name for path in folder.iterdir()} == {"config.json", "process.json", "events.jsonl", "log.txt"}


def hold(folder: Path, held: Event) -> None:
    with claimed(folder):
        held.set()
        signal.pause()


def test_a_folder_is_held_by_who_lives_even_where_nothing_says_so(tmp_path: Path) -> None:
    """Its process may be one of another machine, which no number names here."""
    held = forks.Event()
    holder = forks.Process(target=hold, args=(tmp_path, held), daemon=True)
    holder.start()
    assert held.wait(60)
    with (
        pytest.raises(InputError, match=r"a run \(it holds \.lock, perhaps on another machine\) is using"),
        claimed(tmp_path),
    ):
        pass
    holder.kill()
    holder.join(60)
    assert (tmp_path / ".lock").exists(), "what was killed took nothing away"
    with claimed(tmp_path) as made:
        assert made == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_taken_away_meanwhile_is_another_one(tmp_path: Path) -> None:
    """The lock of who made it anew stays."""
    folder = tmp_path / "a" / "b"
    with claimed(folder) as made:
        assert made == [folder, folder.parent]
        (folder / ".lock").unlink()
        with claimed(folder):
            pass
        (folder / ".lock").touch()
    assert (folder / ".lock").exists()
