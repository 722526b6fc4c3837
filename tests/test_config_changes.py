"""Which parameters make a resumed run another run."""

import pytest

from barlowmatch.config_changes import changed_fields


@pytest.mark.parametrize("before", [{}, {"class_folders": 1}, {"class_folders": None}, {"class_folders": 0}])
def test_what_is_said_of_folders_matters_by_the_labels_alone_that_they_give(before: dict[str, int | None]) -> None:
    assert changed_fields({"lambd": 0.1, **before}, {"lambd": 0.1, "class_folders": None}) == []


@pytest.mark.parametrize(
    ("rate", "changes"),
    [({}, []), ({"learning_rate": 0.5}, ["--learning-rate 0.9 → 0.5", "--learning-rate-biases 0.9 → 0.5"]),
     ({"learning_rate_biases": 0.1}, ["--learning-rate-biases 0.9 → 0.1"])],
)  # fmt: skip
def test_no_rate_of_biases_is_that_of_the_weights(rate: dict[str, float], changes: list[str]) -> None:
    """Runs from before it could be left out have it as a number."""
    before = {"learning_rate": 0.9, "learning_rate_biases": 0.9}
    assert changed_fields(before, {"learning_rate": 0.9, "learning_rate_biases": None, **rate}) == changes


@pytest.mark.parametrize(("optimizer", "changes"), [("lars", []), ("muon", ["--optimizer lars → muon"])])
def test_runs_from_before_there_were_optimizers_were_of_lars(optimizer: str, changes: list[str]) -> None:
    assert changed_fields({"lambd": 0.1}, {"lambd": 0.1, "optimizer": optimizer}) == changes
