"""A run that was ended goes on as if nobody had ended it, or says why it cannot."""

import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torchvision.models.resnet import ResNet

from barlowmatch.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from barlowmatch.cli import parse_config
from barlowmatch.events import CheckpointSaved, Evaluated, Event
from barlowmatch.stages import classify, pretrain
from barlowmatch.stopping import Interrupted
from tests.conftest import Command
from tests.stages.running import kill_after_steps, tensors, words


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, barlowmatch: Command, seed_layout: Path
) -> Callable[[str], Checkpoint]:
    """Return by a stage's name the last checkpoint of a run of it, which is made when it is first asked for."""
    home = tmp_path_factory.mktemp("whole")

    @cache
    def finished(stage: str) -> Checkpoint:
        done = barlowmatch(*words(stage, seed_layout, home / f"{stage}.pt"))
        assert done.returncode == 0, done.stderr
        return load_checkpoint(home / f"{stage}.pt")

    return finished


@pytest.mark.parametrize(
    ("stage", "how"),
    [
        ("fixmatch", signal.SIGKILL),  # the one with most to remember; the others by `make slow`
        pytest.param("fixmatch", signal.SIGTERM, marks=pytest.mark.slow),
        *(
            pytest.param(stage, how, marks=pytest.mark.slow)
            for stage in ("pretrain", "train-classifier")
            for how in (signal.SIGKILL, signal.SIGTERM)
        ),
    ],
)
def test_a_killed_run_resumes_to_the_same_weights(
    stage: str, how: signal.Signals, tmp_path: Path, barlowmatch: Command, seed_layout: Path,
    uninterrupted: Callable[[str], Checkpoint],
) -> None:  # fmt: skip
    path = tmp_path / f"{stage}.pt"
    status = kill_after_steps(seed_layout, path, stage, 5, how)
    assert status == (143 if how == signal.SIGTERM else -signal.SIGKILL)
    assert 0 < load_checkpoint(path)["step"] < uninterrupted(stage)["step"]
    done = barlowmatch(*words(stage, seed_layout, path, "--resume", "auto"))
    assert done.returncode == 0, done.stderr
    expected, found = tensors(uninterrupted(stage)), tensors(load_checkpoint(path))
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_an_epoch_that_a_kill_left_unjudged_is_judged_on_resuming(tmp_path: Path, seed_layout: Path) -> None:
    """The checkpoint between steps is written before the epoch is judged; at such rates the first one is the best."""
    flags = ("--select-best-from", "1", "--checkpoint-minutes", "0.0001", "--num-epochs", "4", "--batch-size", "60",
             "--learning-rate-barlow", "1e-6", "--learning-rate-classifier", "1e-6")  # fmt: skip
    whole = words("train-classifier", seed_layout, tmp_path / "whole.pt", *flags)
    classify.run(parse_config(whole[0], whole[1:]))
    expected = load_checkpoint(tmp_path / "whole.run" / "best.pt")
    assert expected["step"] < expected["total_steps"]

    def kill_before_the_best_is_judged(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step == expected["step"]:
            raise KeyboardInterrupt

    killed = words("train-classifier", seed_layout, tmp_path / "killed.pt", *flags, "--resume", "auto")
    with pytest.raises(KeyboardInterrupt):
        classify.run(parse_config(killed[0], killed[1:]), kill_before_the_best_is_judged)
    classify.run(parse_config(killed[0], killed[1:]))
    found = load_checkpoint(tmp_path / "killed.run" / "best.pt")
    assert (found["step"], found["metrics"]) == (expected["step"], expected["metrics"])
    best, again = tensors(expected), tensors(found)
    assert [name for name in best if not torch.equal(best[name], again[name])] == []


def test_a_stop_while_the_finished_network_is_judged_costs_no_training(tmp_path: Path, seed_layout: Path) -> None:
    line = words("train-classifier", seed_layout, tmp_path / "c.pt", "--num-epochs", "1", "--resume", "auto")

    def stop(event: Event) -> None:
        if isinstance(event, Evaluated):
            signal.raise_signal(signal.SIGTERM)

    def too_late(_number: int, _frame: object) -> None:
        raise AssertionError("nobody listens to signals")

    before = signal.signal(signal.SIGTERM, too_late)
    try:
        with pytest.raises(Interrupted):
            classify.run(parse_config(line[0], line[1:]), stop)
    finally:
        signal.signal(signal.SIGTERM, before)
    stopped = load_checkpoint(tmp_path / "c.pt")
    assert stopped["step"] == stopped["total_steps"]
    judged: list[int] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, ResNet) and not module.training:
            judged.append(len(inputs[0]))

    with register_module_forward_pre_hook(note):
        result = classify.run(parse_config(line[0], line[1:]))
    assert result["val"]["count"] == 40
    assert judged == [40], "once for the curve and the result"
    expected, found = tensors(stopped), tensors(load_checkpoint(tmp_path / "c.pt"))
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_training_is_kept_before_the_finished_network_is_judged(tmp_path: Path, seed_layout: Path) -> None:
    line = words("train-classifier", seed_layout, tmp_path / "c.pt", "--num-epochs", "1")

    def kill(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify.run(parse_config(line[0], line[1:]), kill)
    kept = load_checkpoint(tmp_path / "c.pt")
    assert (kept["step"], kept["metrics"]) == (kept["total_steps"], {})


@pytest.mark.slow
def test_a_resumed_run_keeps_the_arithmetic_it_began_in(
    tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    """`auto` times the two, and may time them differently the second time."""
    path = tmp_path / "p.pt"
    auto = ("--precision", "auto", "--num-epochs", "1")  # emulated bfloat16 is slow
    kill_after_steps(seed_layout, path, "pretrain", 2, signal.SIGTERM, *auto)
    checkpoint = load_checkpoint(path)
    checkpoint["autocast"] = not checkpoint["autocast"]
    save_checkpoint(path, checkpoint)
    done = barlowmatch(*words("pretrain", seed_layout, path, *auto, "--resume", "auto"))
    assert done.returncode == 0, done.stderr
    assert f"computing on cpu, {'bfloat16' if checkpoint['autocast'] else 'float32'}" in done.stderr


def test_a_resumed_run_keeps_the_pixels_it_began_with_or_says_that_they_changed(
    tmp_path: Path, seed_layout: Path
) -> None:
    """A run that began on a full disk learns from JPEG files, also when the disk has room again."""
    data = shutil.copytree(seed_layout, tmp_path / "data")
    line = words("pretrain", data, tmp_path / "p.pt", "--cache-folder", str(tmp_path / "cache"), "--num-epochs", "1")
    said: list[str] = []

    def run(*more: str) -> str:
        said.clear()
        pretrain.run(
            parse_config(line[0], [*line[1:], *more]), lambda event: said.append(getattr(event, "message", ""))
        )
        return "\n".join(said)

    run()
    checkpoint = load_checkpoint(tmp_path / "p.pt")
    assert not checkpoint["pixels"]["compressed"]
    assert "not those the run began with" not in run("--resume", "auto")
    assert not (tmp_path / "cache" / "jpeg").exists()
    save_checkpoint(tmp_path / "p.pt", checkpoint | {"pixels": checkpoint["pixels"] | {"compressed": True}})
    assert "not those the run began with" not in run("--resume", "auto")
    assert (tmp_path / "cache" / "jpeg").is_dir()
    shutil.copy(data / "train" / "1.png", data / "train" / "0.png")
    assert "(files were changed)" in run("--resume", "auto")


@pytest.mark.slow
def test_a_resumed_run_keeps_the_length_that_was_planned_for_its_minutes(
    tmp_path: Path, barlowmatch: Command, seed_layout: Path
) -> None:
    """It would take its minutes a second time, and its learning rate would rise again."""
    path, minutes = tmp_path / "c.pt", ("--minutes", "0.6")
    kill_after_steps(seed_layout, path, "train-classifier", 20, signal.SIGTERM, *minutes)
    stopped = load_checkpoint(path)
    assert stopped["planned"]
    assert stopped["step"] < stopped["total_steps"]
    done = barlowmatch(*words("train-classifier", seed_layout, path, *minutes, "--resume", "auto"))
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(path)["step"] == stopped["total_steps"]


@pytest.mark.slow
def test_a_resumed_run_needs_no_more_what_it_began_with(tmp_path: Path, seed_layout: Path) -> None:
    """The file may be another network's by now; the input statistics of the run stay in any case."""
    begun = words("pretrain", seed_layout, tmp_path / "p.pt", "--num-epochs", "1")
    pretrain.run(parse_config(begun[0], begun[1:]))
    transfer = ("--transfer-path", str(tmp_path / "p.pt"))
    whole = words("train-classifier", seed_layout, tmp_path / "whole.pt", *transfer)
    classify.run(parse_config(whole[0], whole[1:]))
    flags = ("--checkpoint-minutes", "0.0001", "--resume", "auto")
    killed = words("train-classifier", seed_layout, tmp_path / "c.pt", *transfer, *flags)

    def kill(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify.run(parse_config(killed[0], killed[1:]), kill)
    (tmp_path / "p.pt").unlink()
    classify.run(parse_config(killed[0], killed[1:]))
    expected, found = (tensors(load_checkpoint(tmp_path / name)) for name in ("whole.pt", "c.pt"))
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_another_config_is_not_resumed(tmp_path: Path, barlowmatch: Command, seed_layout: Path) -> None:
    path = tmp_path / "p.pt"
    kill_after_steps(seed_layout, path, "pretrain", 2, signal.SIGTERM)
    before = path.read_bytes()
    done = barlowmatch(*words("pretrain", seed_layout, path, "--resume", "auto", "--lambd", "0.1", "--seed", "9"))
    assert done.returncode == 2
    assert "--lambd 0.0051 → 0.1" in done.stderr
    assert "--seed 0 → 9" in done.stderr
    assert path.read_bytes() == before
