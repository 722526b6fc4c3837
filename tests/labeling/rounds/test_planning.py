"""Rounds: what is planned from what is there, runs that pretrained among it."""

from pathlib import Path
from typing import Any

import pytest

from barlowmatch.errors import InputError
from barlowmatch.files import write_json
from labeling.project import ProjectFolder
from labeling.rounds.planning import (
    RESERVE,
    PlannedStep,
    Pretrained,
    RoundWish,
    Situation,
    plan_round,
)
from labeling.rounds.pretraining import look_for_pretraining
from labeling.runs.supervising import Runs
from storage.splits import SplitCounts
from tests.labeling.rounds.pretraining import pretrained

WISH = RoundWish(minutes=20, budget=100)
DONE = Pretrained("pretrain-x", passes=19.6, wanted=20)


def situation(labeled: int = 0, classes: int = 0, **known: Any) -> Situation:
    counts = SplitCounts(learnable=1000, labeled=labeled, classes=classes, judged=0, kept=200)
    given = {"pretrained": None, "unfinished": None, "embedded": 0, "images": 1200, "askable": True, "asked": 0}
    return Situation(counts, **{**given, **known})


def waiting(steps: list[PlannedStep]) -> list[str]:
    return [step.key for step in steps if step.state == "waiting"]


class TestPlans:
    def test_without_labels_it_pretrains_embeds_and_asks(self) -> None:
        assert waiting(plan_round(situation(), WISH)) == ["pretrain", "embed", "ask", "take-up"]

    def test_with_one_class_it_does_the_same(self) -> None:
        assert waiting(plan_round(situation(30, 1), WISH)) == ["pretrain", "embed", "ask", "take-up"]

    def test_with_two_classes_it_learns_them_first(self) -> None:
        plan = plan_round(situation(30, 2, pretrained=DONE, embedded=1200), WISH)
        assert waiting(plan) == ["train-classifier", "fixmatch", "embed", "ask", "take-up"]

    def test_what_is_there_is_used_again_and_an_unfinished_run_goes_on(self) -> None:
        plan = plan_round(situation(pretrained=DONE, embedded=1200), WISH)
        assert waiting(plan) == ["ask", "take-up"]
        assert [step.run for step in plan if step.key == "pretrain"] == ["pretrain-x"]
        plan = plan_round(situation(unfinished="pretrain-y"), WISH)
        assert (plan[0].state, plan[0].run) == ("waiting", "pretrain-y")

    def test_new_images_are_embedded_again(self) -> None:
        assert "embed" in waiting(plan_round(situation(pretrained=DONE, embedded=1199), WISH))

    def test_pretraining_goes_on_until_its_recipe_is_fulfilled(self) -> None:
        begun = Pretrained("pretrain-x", passes=3.36, wanted=20)
        plan = plan_round(situation(pretrained=begun, embedded=1200), WISH)
        assert waiting(plan) == ["pretrain", "embed", "ask", "take-up"]
        assert plan[0].why == (
            "pretrain-x, which showed each image 3.4 times, of 20 that its recipe asks for, goes on."
        )
        assert plan[0].run is None, "as a run of its own"

    @pytest.mark.parametrize("known", [{"askable": False}, {"asked": 100}])
    def test_nothing_is_asked_for_in_vain(self, known: dict[str, Any]) -> None:
        assert "ask" not in waiting(plan_round(situation(**known), WISH))

    def test_images_asked_for_already_count(self) -> None:
        ask = next(step for step in plan_round(situation(asked=60), WISH) if step.key == "ask")
        assert ask.why.startswith("40 images")

    @pytest.mark.parametrize("labeled", [10, 500, 100_000])
    def test_the_time_is_divided_without_a_rest(self, labeled: int) -> None:
        plan = plan_round(situation(labeled, 5), WISH)
        minutes = {step.key: step.minutes for step in plan if step.minutes is not None}
        assert sum(minutes.values()) == pytest.approx(20 * (1 - RESERVE), abs=0.01)
        assert minutes.keys() == {"pretrain", "train-classifier", "fixmatch"}
        assert minutes["train-classifier"] <= max(1.0, labeled / 100)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(ProjectFolder(tmp_path))


def test_passes_of_runs_that_went_on_from_each_other_add_up(runs: Runs) -> None:
    """Of 1,000 images 256 a step: four steps show each once."""
    first = pretrained(runs, 1, None, 20)
    assert look_for_pretraining(runs, 1000) == (Pretrained(first, 5.0, 20), None)
    second = pretrained(runs, 2, first, 8)
    assert look_for_pretraining(runs, 1000) == (Pretrained(second, 7.0, 20), None)
    assert look_for_pretraining(runs, 2000) == (Pretrained(second, 3.5, 20), None)


@pytest.mark.parametrize(("images", "wanted"), [(100, 200), (1000, 50), (100_000, 20)])
def test_of_few_images_a_recipe_asks_for_as_many_passes_as_its_least_steps_take(
    runs: Runs, images: int, wanted: int
) -> None:
    run = pretrained(runs, 1, None, 20)
    config = {"batch_size": None, "num_epochs": 20, "least_steps": 200}
    write_json(runs.folder(run) / "config.json", {"config": config})
    found, _ = look_for_pretraining(runs, images)
    assert found is not None
    assert (found.wanted, found.is_enough) == (wanted, False)


def test_further_pretraining_that_was_stopped_goes_on_itself(runs: Runs) -> None:
    first = pretrained(runs, 1, None, 4)
    stopped = pretrained(runs, 2, first, None)
    pretrained(runs, 3, None, None)  # somebody's try, from nothing
    found, unfinished = look_for_pretraining(runs, 1000)
    assert (found, unfinished) == (Pretrained(first, 1.0, 20), stopped)
    plan = plan_round(situation(pretrained=found, unfinished=unfinished), WISH)
    assert (plan[0].state, plan[0].run) == ("waiting", stopped)


def test_pretraining_that_was_started_by_hand_is_used_as_it_is(runs: Runs) -> None:
    by_hand = pretrained(runs, 1, by_hand=True)
    found, _ = look_for_pretraining(runs, 1000)
    plan = plan_round(situation(pretrained=found), WISH)
    assert (plan[0].state, plan[0].run) == ("skipped", by_hand)


def test_a_strategy_that_there_is_not_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(InputError, match="typiclust"):
        RoundWish(minutes=60, strategy="typiclustt")
