"""Of few images recipes pass over them until there are steps enough; a number of epochs said by hand stays as it is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from barlowmatch.cli import COMMANDS, config_class, parse_config, run_command
from barlowmatch.configs.presets import PRESETS
from barlowmatch.events import Event, Said, silent
from barlowmatch.runs.config_changes import changed_fields, plain
from barlowmatch.stages import pretrain
from barlowmatch.stages.pretrain import BarlowTwins
from tests.stages.running import words

STAGES = ("pretrain", "train-classifier", "fixmatch")
RECIPES = ("small-images", "laptop", "quick")


def counted(num_epochs: int, least_steps: int, an_epoch: int) -> int:
    """Return passes, made one by one until both are reached."""
    passes = 0
    while passes < num_epochs or passes * an_epoch < least_steps:
        passes += 1
    return passes


@pytest.mark.parametrize("an_epoch", [1, 2, 7, 19, 20, 21, 400])
@pytest.mark.parametrize(("num_epochs", "least_steps"), [(3, 0), (1, 20), (1, 1), (3, 200)])
def test_whole_passes_are_made_until_the_steps_are_enough(num_epochs: int, least_steps: int, an_epoch: int) -> None:
    config = parse_config("pretrain", ["--num-epochs", str(num_epochs), "--least-steps", str(least_steps)])
    assert config.passes(an_epoch) == counted(num_epochs, least_steps, an_epoch)


def steps_of_an_epoch(stage: str, images: int) -> Iterator[int]:
    """Yield the steps of a pass by each recipe; a tenth of the images is labeled."""
    for recipe in RECIPES:
        config = PRESETS[config_class(COMMANDS[stage])][recipe]()
        rows = images // 10 if stage == "train-classifier" else images
        batch = (config.batch_size or config.usual_batch) * getattr(config, "mu", 1)
        yield max(1, round(rows / min(batch, rows)))


@pytest.mark.parametrize("stage", STAGES)
def test_recipes_pass_more_often_over_few_images_and_as_ever_over_many(stage: str) -> None:
    for recipe, few, many in zip(RECIPES, steps_of_an_epoch(stage, 100), steps_of_an_epoch(stage, 10_000), strict=True):
        config = parse_config(stage, ["--preset", recipe])
        assert config.passes(few) * few >= config.least_steps >= 100
        assert config.passes(many) == config.num_epochs
    assert parse_config(stage, ["--preset", "paper"]).least_steps == parse_config(stage, []).least_steps == 0


@pytest.mark.parametrize("line", ["--num-epochs 20", "--num-epochs=3", "--num_epochs 20"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_number_of_epochs_said_by_hand_wins(stage: str, line: str) -> None:
    assert parse_config(stage, ["--preset", "quick", *line.split()]).least_steps == 0
    assert parse_config(stage, ["--preset", "quick", *line.split(), "--least-steps", "9"]).least_steps == 9


def test_an_epoch_of_a_length_said_by_hand_is_left_alone_too() -> None:
    assert parse_config("fixmatch", ["--preset", "quick", "--num-steps", "5"]).least_steps == 0


def test_older_runs_go_on_and_later_ones_only_with_the_same_number() -> None:
    now = plain(parse_config("pretrain", ["--preset", "quick"]))
    old = {name: value for name, value in now.items() if name != "least_steps"}
    assert changed_fields(old, now) == []
    by_hand = plain(parse_config("pretrain", ["--preset", "quick", "--num-epochs", "20"]))
    assert changed_fields(now, by_hand) == [f"--least-steps {now['least_steps']} → 0"]


@pytest.mark.slow
def test_a_run_makes_the_steps_and_one_of_hardly_any_says_so(tmp_path: Path, seed_layout: Path) -> None:
    """60 labels are two batches of 32."""
    heard: list[Event] = []
    for name, flags, steps in (("more", ("--least-steps", "5"), 6), ("few", (), 2)):
        line = words("train-classifier", seed_layout, tmp_path / f"{name}.pt", "--num-epochs", "1", *flags)
        assert run_command(line[0], parse_config(line[0], line[1:]), heard.append) == 0
        assert json.loads((tmp_path / f"{name}.run" / "result.json").read_text())["steps"] == steps
    told = [event.message for event in heard if isinstance(event, Said) and event.level == "warning"]
    for steps in (6, 2):
        expected = f"--num-epochs 1 is {steps} steps in all, with which hardly anything is learned; give more, or leave"
        assert any(message.startswith(expected) for message in told)


def test_a_longer_run_warms_up_for_the_same_share_of_it(
    tmp_path: Path, seed_layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """360 images in batches of 120 are three steps: a warm-up of one epoch of twenty is one of ten steps of 200."""
    tasks: list[BarlowTwins] = []
    monkeypatch.setattr("barlowmatch.stages.pretrain.train_network", lambda *given, resumed: tasks.append(given[4]))
    base = ("--num-epochs", "20", "--warmup-epochs", "1", "--batch-size", "120")
    for name, flags in (("short", ()), ("long", ("--least-steps", "300"))):
        line = words("pretrain", seed_layout, tmp_path / f"{name}.pt", *base, *flags)
        parsed = parse_config(line[0], line[1:])
        pretrain.run(parsed, silent)
    short, long = tasks
    assert (short.warmup_steps, long.warmup_steps) == (3, 15)
    assert long.rate(14, 300) == 1.0 > long.rate(13, 300)


def test_a_run_from_before_there_were_least_steps_warms_up_as_it_began() -> None:
    config = parse_config("pretrain", ["--preset", "quick", "--dataset-folder", "photos"])
    assert pretrain._as_begun(config, {"config": {"num_epochs": 20}}).least_steps == 0
    assert pretrain._as_begun(config, {"config": {"least_steps": 7}}) is pretrain._as_begun(config, None) is config
