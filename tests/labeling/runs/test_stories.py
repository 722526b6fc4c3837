"""A run's events, read as they are written."""

import json
import time
from pathlib import Path

from barlowmatch.events import Evaluated, JsonLines, Progress, RunFailed, RunFinished, RunStarted
from labeling.runs.stories import POINTS, Curve, Story


def test_a_growing_file_is_read_bit_by_bit_and_its_curves_stay_small(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines, story = JsonLines(path), Story(path)
    assert story.catch_up().progress is None
    lines(RunStarted(stage="pretrain", folder="x"))
    for step in range(1, 5001):
        lines(Progress(work="pretrain", done=step, total=5000, metrics={"loss": 1 / step}))
        if step % 500 == 0:
            assert story.catch_up().progress is not None
            assert story.progress is not None
            assert story.progress.done == step
    lines(Evaluated(step=5000, split="val", metrics={"accuracy": 0.5}))
    lines(RunFinished(step=5000))
    lines.close()

    curve = story.catch_up().curves["loss"].points
    assert isinstance(story.end, RunFinished)
    assert POINTS / 3 < len(curve) <= POINTS + 1
    assert curve == sorted(curve)
    assert curve[0] == (1, 1.0)
    assert curve[-1] == (5000, 1 / 5000)
    assert all(value == 1 / step for step, value in curve)
    assert story.evaluations["accuracy"].points == [(5000, 0.5)]


def test_a_long_file_met_for_the_first_time_is_read_in_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    event = {
        "event": "Progress",
        "version": 1,
        "time": 1.0,
        "work": "pretrain",
        "total": 10**6,
        "metrics": {"loss": 1},
    }
    with path.open("w") as file:
        file.writelines(json.dumps(event | {"done": step}) + "\n" for step in range(200_000))
        file.write(json.dumps({"event": "RunFailed", "version": 1, "time": 2.0, "reason": "x", "status": 1}) + "\n")
    started = time.process_time()
    story = Story(path).catch_up()
    took = time.process_time() - started

    assert story.progress is not None
    assert story.progress.done == 199_999
    assert isinstance(story.end, RunFailed)
    assert len(story.curves["loss"].points) <= POINTS + 1
    assert took < 0.5, f"{took:.2f} s for 200,000 lines"


def test_a_line_cut_short_waits_for_its_rest_and_a_file_begun_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = json.dumps({"event": "Evaluated", "time": 1.0, "step": 3, "split": "val", "metrics": {"accuracy": 1.0}})
    path.write_text(line[:30])
    story = Story(path)
    assert not story.catch_up().evaluations
    with path.open("a") as file:
        file.write(line[30:] + "\nno event\n")
    assert story.catch_up().evaluations["accuracy"].points == [(3, 1.0)]
    path.unlink()
    path.write_text("")
    assert not story.catch_up().evaluations


def test_a_resumed_run_forgets_what_it_does_again() -> None:
    curve = Curve()
    for step in range(10):
        curve.add(step, 0.0)
    curve.go_back(4)
    curve.add(5, 1.0)
    assert curve.points == [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0), (4, 0.0), (5, 1.0)]
