"""Pretraining: how many images a batch has, and by which optimizer it goes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore

from barlowmatch.checkpoints import load_checkpoint
from barlowmatch.cli import parse_config
from barlowmatch.errors import InputError
from barlowmatch.stages import pretrain
from barlowmatch.stages.batches import batch_size, labeled_batch_size
from tests.stages.running import kill_after_steps, tensors, words


@pytest.mark.parametrize(("stage", "usual"), [("pretrain", 256), ("train-classifier", 64)])
@pytest.mark.parametrize("preset", ["small-images", "laptop", "quick"])
def test_a_recipe_makes_do_with_fewer_images_than_its_usual_batch(stage: str, usual: int, preset: str) -> None:
    config = parse_config(stage, ["--preset", preset])
    assert [batch_size(config, available) for available in (40, usual, 10_000)] == [40, usual, usual]


@pytest.mark.parametrize(("flags", "labeled"), [("", 64), ("--preset quick", 32), ("--batch-size 500", 500)])
def test_fixmatch_takes_its_few_labeled_images_again_and_again(flags: str, labeled: int) -> None:
    assert labeled_batch_size(parse_config("fixmatch", flags.split())) == labeled


@pytest.fixture
def three_processes() -> Iterator[None]:
    """Be the first of three processes, with the group that PyTorch tests itself by."""
    dist.init_process_group("fake", rank=0, world_size=3, store=FakeStore())
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("three_processes")
def test_every_process_has_an_image_of_the_batch() -> None:
    two = "--batch-size 2: fewer than the 3 processes"
    for stage in ("pretrain", "train-classifier"):
        with pytest.raises(InputError, match=two):
            batch_size(parse_config(stage, ["--batch-size", "2"]), 90)
    with pytest.raises(InputError, match=two):
        labeled_batch_size(parse_config("fixmatch", ["--batch-size", "2"]))
    assert labeled_batch_size(parse_config("fixmatch", ["--batch-size", "3"])) == 3


@pytest.mark.slow
def test_muon_trains_where_it_is_asked_for_and_goes_on_from_its_state(tmp_path: Path, seed_layout: Path) -> None:
    """Stopped and resumed, it ends with the weights it would have had."""
    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"
    for path in (whole, parts):
        if path == parts:
            kill_after_steps(seed_layout, parts, "pretrain", 3, signal.SIGTERM, "--optimizer", "muon")
        command = words("pretrain", seed_layout, path, "--optimizer", "muon", "--resume", "auto")
        pretrain.run(parse_config(command[0], command[1:]))
    checkpoint = load_checkpoint(whole)
    weights, biases = checkpoint["optimizer"]["param_groups"]
    assert (weights["momentum"], weights["eta"], "clip" in weights) == (0.95, 0.02, False)
    assert (biases["adapt"], biases["momentum"]) == (False, 0.9)
    expected, found = tensors(checkpoint), tensors(load_checkpoint(parts))
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


@pytest.mark.parametrize(("flags", "ratio"), [((), 1), (("--learning-rate-biases", "0.005"), 10)])
def test_biases_learn_at_the_rate_of_the_weights_unless_they_are_given_their_own(
    tmp_path: Path, seed_layout: Path, flags: tuple[str, ...], ratio: float
) -> None:
    """The original's commands name one rate; biases at a rate of another recipe would run away from the weights."""
    command = words("pretrain", seed_layout, tmp_path / "p.pt", "--learning-rate", "0.05", *flags)
    pretrain.run(parse_config(command[0], command[1:]))
    weights, biases = load_checkpoint(tmp_path / "p.pt")["optimizer"]["param_groups"]
    assert weights["lr"] / biases["lr"] == pytest.approx(ratio)
