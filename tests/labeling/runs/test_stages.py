"""The command lines of the app's runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from barlowmatch.cli import parse_config
from barlowmatch.configs.presets import PRESETS
from barlowmatch.runs.config_changes import plain
from labeling.runs.stages import HIDDEN, STAGES, base_config, command_words, entered_config, words_as_begun
from labeling.runs.wishes import what_lacks
from storage.splits import SplitCounts

RECIPES = [(stage, preset) for stage in STAGES.values() if stage.timed for preset in PRESETS[stage.config]]


@pytest.mark.parametrize(("name", "preset"), [(stage.name, preset) for stage, preset in RECIPES])
def test_a_run_goes_on_with_what_it_began_with_whatever_its_preset_means_by_now(name: str, preset: str) -> None:
    stage = STAGES[name]
    now = stage.presets[preset]()
    then = plain(replace(now, max_image_size=77, num_epochs=3, quarter_turns=1, tensorboard=True, precision="float32"))
    asked = [*command_words(stage, preset, now, Path("run"), Path("a.pt")), "--num-epochs", "9"]

    found = plain(parse_config(name, words_as_begun(stage, preset, asked, then)[2:]))

    assert {field: found[field] for field in found if field not in HIDDEN | {"weights"}} == {
        field: value for field, value in {**then, "num_epochs": 9}.items() if field not in HIDDEN | {"weights"}
    }


@pytest.mark.parametrize(("name", "preset"), [(stage.name, preset) for stage, preset in RECIPES])
@pytest.mark.parametrize(
    "entered", [{}, {"num_epochs": 7}, {"num_epochs": 7, "least_steps": 9}, {"least_steps": 9}, {"seed": 1}]
)
def test_epochs_entered_in_the_form_are_those_that_are_run(name: str, preset: str, entered: dict[str, int]) -> None:
    stage, recipe = STAGES[name], PRESETS[STAGES[name].config][preset]()
    config = entered_config(recipe, entered, None)
    by_itself = 0 if "num_epochs" in entered else recipe.least_steps
    assert config.least_steps == entered.get("least_steps", by_itself)
    if entered.get("least_steps") == 9:  # another recipe's own number is said too
        config = entered_config(recipe, {**entered, "least_steps": recipe.least_steps}, None)

    line = command_words(stage, preset, config, Path("run"), None)

    found = parse_config(name, line[2:])
    assert (found.num_epochs, found.least_steps) == (config.num_epochs, config.least_steps)
    again = parse_config(name, words_as_begun(stage, preset, line, plain(config))[2:])
    assert (again.num_epochs, again.least_steps) == (config.num_epochs, config.least_steps)


def test_a_run_from_before_there_was_a_least_number_of_steps_goes_on_without() -> None:
    stage = STAGES["pretrain"]
    begun = plain(replace(stage.presets["quick"](), num_epochs=20))
    del begun["least_steps"]
    again = words_as_begun(stage, "quick", ["barlowmatch", "pretrain", "--preset", "quick"], begun)
    assert parse_config("pretrain", again[2:]).passes(1) == 20


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (SplitCounts(learnable=9, labeled=3, classes=1, judged=0, kept=0), "at least two classes; label"),
        (SplitCounts(learnable=9, labeled=3, classes=1, judged=2, kept=2), "two classes outside the control sample, "),
    ],
)
def test_labels_that_only_measure_are_told_apart_from_those_that_a_stage_lacks(counts: SplitCounts, said: str) -> None:
    assert said in (what_lacks(STAGES["train-classifier"], counts, has_source=True) or "")


@pytest.mark.parametrize(("stage", "preset", "batch"), [
    ("train-classifier", "paper", 6), ("fixmatch", "paper", None), ("fixmatch", "quick", 32), ("pretrain", "paper", 90),
])  # fmt: skip
def test_a_batch_holds_no_more_images_than_there_are_but_fixmatch_repeats_its_few_labeled_ones(
    stage: str, preset: str, batch: int | None
) -> None:
    """Its batch sets how many unlabeled images a step sees: a tenth of them would be another recipe."""
    counts = SplitCounts(learnable=90, labeled=6, classes=2, judged=0, kept=0)
    assert base_config(STAGES[stage], preset, counts, {}).batch_size == batch
