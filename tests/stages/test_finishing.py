"""What a stage does to its network once all steps are made, and what of its start it keeps."""

import json
from pathlib import Path

import pytest
import torch

from barlowmatch.checkpoints import load_checkpoint
from barlowmatch.cli import parse_config
from barlowmatch.configs.inference import EvaluateConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Event, Said, silent
from barlowmatch.machine.compute import Compute
from barlowmatch.stages import classify, evaluate, fixmatch, pretrain
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import restore_network
from barlowmatch.stages.session import beside_start
from barlowmatch.training.norm_statistics import retake_statistics
from tests.stages.running import words

RUN = {"pretrain": pretrain.run, "train-classifier": classify.run, "fixmatch": fixmatch.run}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, seed_layout: Path) -> dict[str, Path]:
    """Return the last checkpoints of short runs, by stage."""
    home = tmp_path_factory.mktemp("begun")
    for stage in ("pretrain", "train-classifier"):
        train(stage, seed_layout, home / f"{stage}.pt", "--num-epochs", "1")
    return {stage: home / f"{stage}.pt" for stage in RUN}


def train(stage: str, data: Path, path: Path, *more: str) -> list[str]:
    """Make a run and return what it said."""
    line, events = words(stage, data, path, *more), list[Event]()
    RUN[stage](parse_config(line[0], line[1:]), events.append)
    return [event.message for event in events if isinstance(event, Said)]


@pytest.mark.parametrize("stage", ["pretrain", "fixmatch"])
def test_what_is_kept_knows_whole_images(stage: str, begun: dict[str, Path], tmp_path: Path, seed_layout: Path) -> None:
    """Its statistics are those that are found when they are taken again, in both checkpoints."""
    path = begun[stage]
    if stage == "fixmatch":
        path = tmp_path / "f.pt"
        train(stage, seed_layout, path, "--transfer-path", str(begun["train-classifier"]), "--num-epochs", "1")
    config = parse_config(stage, words(stage, seed_layout, path)[1:])
    compute = Compute(torch.device("cpu"), torch.float32, autocast=False)
    images = load_images(read_dataset(config), config, compute, silent)
    for file in (path, path.with_suffix(".run") / "best.pt"):
        network = restore_network(load_checkpoint(file), file)
        compute.prepare(network)
        before = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}
        retake_statistics(network, images.store, images.learnable, compute, config.seed)
        for name, value in network.state_dict().items():
            if "running" in name:
                torch.testing.assert_close(before[name], value, rtol=1e-5, atol=1e-6)


def test_a_frozen_backbone_keeps_the_statistics_it_came_with(
    begun: dict[str, Path], tmp_path: Path, seed_layout: Path
) -> None:
    path, start = tmp_path / "f.pt", begun["train-classifier"]
    train("fixmatch", seed_layout, path, "--transfer-path", str(start), "--fine-tune", "0", "--num-epochs", "1")
    after = restore_network(load_checkpoint(path.with_suffix(".run") / "best.pt"), path).backbone.state_dict()
    before = restore_network(load_checkpoint(start), start).backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("start", "kept"), [("train-classifier", True), ("pretrain", False)])
def test_a_start_has_a_share_where_it_is_a_classifier_and_is_what_evaluate_judges(
    start: str, kept: bool, begun: dict[str, Path], tmp_path: Path, seed_layout: Path
) -> None:
    path = tmp_path / "f.pt"
    said = train("fixmatch", seed_layout, path, "--transfer-path", str(begun[start]), "--num-epochs", "1")
    assert ("--start-share 0.5 has no effect: it begins with no classifier of all classes" in said) != kept
    average, first = load_checkpoint(path)["ema"], restore_network(load_checkpoint(begun[start]), begun[start])
    held = {name.removeprefix("start."): value for name, value in average.items() if name.startswith("start.")}
    assert bool(held) == kept
    for name, value in held.items():
        assert torch.equal(value, first.state_dict()[name]), name


@pytest.mark.slow
def test_fixmatch_says_how_good_the_classifier_was_that_it_began_with(
    begun: dict[str, Path], tmp_path: Path, seed_layout: Path
) -> None:
    path, start = tmp_path / "f.pt", begun["train-classifier"]
    flags = ("--num-epochs", "1", "--num-steps", "2", "--learning-rate", "1", "--start-share", "0")
    said = train("fixmatch", seed_layout, path, "--transfer-path", str(start), *flags)
    result = json.loads((path.with_suffix(".run") / "result.json").read_text())
    source = EvaluateConfig(dataset_folder=seed_layout, checkpoint_path=start, precision="float32")
    before, after = evaluate.run(source)["classifier"]["accuracy"], result["val"]["accuracy"]
    assert result["started"]["accuracy"] == before != after
    assert load_checkpoint(path)["started"] == result["started"], "a resumed run has its start no more"
    assert beside_start(after, before, 40).message in said


def test_a_worse_end_than_the_start_is_a_warning() -> None:
    worse, better = beside_start(0.5, 0.625, 1040), beside_start(0.625, 0.5, 1)
    assert (worse.level, better.level, beside_start(0.5, 0.5, 9).level) == ("warning", "note", "note")
    assert worse.message == (
        "worse than it began: accuracy 50.0 % of 1,040 validation images, the classifier it began with 62.5 %; "
        "the file it began with is the better model"
    )
    assert better.message == "accuracy 62.5 % of 1 validation image, the classifier it began with 50.0 %"
