"""The command lines of the app's runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from barlowmatch.cli import parse_config
from barlowmatch.config_changes import plain
from barlowmatch.configs.presets import PRESETS
from labeling.runs.stages import HIDDEN, STAGES, base_config, command_words, words_as_begun
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
