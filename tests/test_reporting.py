"""Each command tells one start and one end, however it ends."""

import importlib
import inspect
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from barlowmatch.cli import COMMANDS, config_class, main, parse_config, run_command
from barlowmatch.configs.shared import RunOptions
from barlowmatch.errors import InputError
from barlowmatch.events import Event, JsonLines, Progress, RunFailed, RunFinished, RunStarted, Said
from barlowmatch.reporting import exit_status, reported
from barlowmatch.stopping import Interrupted, Terminated
from tests.stages.running import SMALL
from tests.told import ending

STATUS: dict[BaseException, int] = {
    InputError("a.png: is no picture"): 2, RuntimeError("a bug"): 1, KeyboardInterrupt(): 130, Terminated(): 143,
    SystemExit(143): 143, Interrupted(143): 143,
}  # fmt: skip
NEEDS = {
    "inspect": "--dataset-folder", "pretrain": "--dataset-folder", "train-classifier": "--dataset-folder",
    "fixmatch": "--dataset-folder", "embed": "--checkpoint-path", "select": "--representations-path",
    "simulate": "--representations-path", "find-suspects": "--representations-path", "create-dataset": "--dataset-path",
    "evaluate": "--checkpoint-path", "predict": "--checkpoint-path",
}  # fmt: skip


@contextmanager
def raised(error: BaseException | None) -> Iterator[None]:
    """Expect this very error, or none."""
    if error is None:
        yield
        return
    with pytest.raises(type(error)) as caught:
        yield
    assert caught.value is error


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_what_its_fields_say(name: str) -> None:
    command = COMMANDS[name]
    stage = importlib.import_module(f"barlowmatch.stages.{command.stage}")
    assert list(inspect.signature(stage.run).parameters) == ["config", "emit"]
    assert issubclass(config_class(command), RunOptions) == command.is_run
    assert hasattr(stage, "present") == command.presents


@pytest.mark.parametrize("error", [None, *STATUS], ids=lambda error: type(error).__name__)
def test_whatever_is_told_there_is_one_start_before_one_end(error: BaseException | None) -> None:
    within: list[Event] = [
        RunStarted(stage="run", folder="r"), Said(message="so far"), RunFinished(step=7, results={"steps": 7}),
        RunFailed(reason="no", status=2),
    ]  # fmt: skip
    for begins, length in itertools.product((False, True), range(4)):
        for told in itertools.product(within, repeat=length):
            heard: list[Event] = []
            with raised(error), reported("work", heard.append) as report:
                if begins:
                    report.start()
                for event in told:
                    report(event)
                if error is not None:
                    raise error
            starts = [place for place, event in enumerate(heard) if isinstance(event, RunStarted)]
            ends = [place for place, event in enumerate(heard) if isinstance(event, (RunFinished, RunFailed))]
            assert len(starts) == len(ends) == 1
            assert starts < ends
            end = heard[ends[0]]
            its_own = [event for event in told if isinstance(event, (RunFinished, RunFailed)) and not begins]
            if its_own:
                assert end is its_own[0]
            elif error is None:
                assert isinstance(end, RunFinished)
            else:
                assert isinstance(end, RunFailed)
                assert end.status == exit_status(error) == STATUS[error]


@pytest.mark.parametrize("name", COMMANDS)
def test_bad_input_is_the_end_of_every_command(name: str, tmp_path: Path) -> None:
    line = [name, NEEDS[name], str(tmp_path / "none"), "--events", str(tmp_path / "e.jsonl")]
    assert main(line) == 2
    start, end = ending(tmp_path / "e.jsonl")
    assert start.stage == name
    assert isinstance(end, RunFailed)
    assert end.status == 2
    assert str(tmp_path / "none") in end.reason


@pytest.mark.parametrize("error", STATUS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ["inspect", "pretrain"])
def test_a_crash_and_a_stop_are_the_end_too(name: str, error: BaseException, tmp_path: Path, seed_layout: Path) -> None:
    lines = JsonLines(tmp_path / "e.jsonl")

    def emit(event: Event) -> None:
        lines(event)
        if isinstance(event, (Said, Progress)):
            raise error

    status = STATUS[error]
    with raised(None if isinstance(error, (KeyboardInterrupt, Interrupted)) else error):
        status = run_command(name, parse_config(name, ["--dataset-folder", str(seed_layout)]), emit)
    lines.close()
    end = ending(tmp_path / "e.jsonl")[1]
    assert isinstance(end, RunFailed)
    assert status == end.status == STATUS[error]


def test_the_story_of_a_run_is_its_own(tmp_path: Path, seed_layout: Path) -> None:
    """Of `--events F --events G` the last counts, as of all flags."""
    line = f"pretrain --dataset-folder {seed_layout} --num-epochs 1 --projector-width 32 {' '.join(SMALL)}".split()

    def run(folder: str, *more: str) -> int:
        return main([*line, "--run-dir", str(tmp_path / folder), "--events", str(tmp_path / folder), *more])

    last = ["--events", str(tmp_path / "done.jsonl")]
    assert run("done", *last) == 0
    for story in (tmp_path / "done.jsonl", tmp_path / "done" / "events.jsonl"):
        start, end = ending(story)
        assert (start.stage, start.folder) == ("pretrain", str(tmp_path / "done"))
        assert isinstance(end, RunFinished)
        assert end.step > 0
        assert end.results["checkpoint"] == str(tmp_path / "done" / "last.pt")
    assert run("refused", "--batch-size", "4000", f"--events={tmp_path / 'refused.jsonl'}") == 2
    end = ending(tmp_path / "refused.jsonl")[1]
    assert isinstance(end, RunFailed)
    assert "batch" in end.reason
