"""Parameters of earlier runs beside today's: the same under other names, or another run."""

import pytest

from barlowmatch.cli import COMMANDS, config_class, parse_config
from barlowmatch.configs.fields import parameters
from barlowmatch.runs.config_changes import IRRELEVANT_TO_RESUME, changed_fields, plain, upgraded
from labeling.runs.stages import STAGES, words_as_begun


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


@pytest.mark.parametrize(("crop", "changes"), [(None, []), (0.3, ["--smallest-crop None → 0.3"])])
def test_runs_from_before_there_was_a_smallest_crop_had_their_views(crop: float | None, changes: list[str]) -> None:
    assert changed_fields({"lambd": 0.1}, {"lambd": 0.1, "smallest_crop": crop}) == changes


@pytest.mark.parametrize(
    ("wide", "backbone", "width", "flags"),
    [
        (1, None, None, ["--wide", "1"]),
        (1, None, None, ["--backbone", "wide_resnet50_2"]),
        (0, None, None, ["--wide", "0"]),
        (0, None, None, ["--backbone", "resnet18"]),
        (None, "resnet18", None, ["--wide", "0"]),
        (None, None, None, []),
        (None, "wide_resnet50_2", None, ["--wide", "1", "--projector-width", "2048"]),
        (1, "resnet18", None, ["--wide", "0", "--projector-width", "8192"]),
        (1, None, 512, ["--wide", "1", "--projector-width", "512"]),
    ],
)
def test_runs_that_stored_wide_beside_the_backbone_go_on_as_what_they_computed(
    wide: int | None, backbone: str | None, width: int | None, flags: list[str]
) -> None:
    """`--backbone` won, and the projector was 8192 wide by `--wide 1` alone."""
    old = plain(parse_config("pretrain", [])) | {"wide": wide, "backbone": backbone, "projector_width": width}
    assert changed_fields(old, plain(parse_config("pretrain", flags))) == []
    other = ["--wide", "0" if "wide_resnet50_2" in str(upgraded(old)["backbone"]) else "1", "--projector-width", "9"]
    assert len(changed_fields(old, plain(parse_config("pretrain", other)))) == 2


def test_the_app_goes_on_with_a_run_that_stored_wide() -> None:
    command = ["barlowmatch", "pretrain", "--preset", "quick"]
    begun = plain(parse_config("pretrain", [])) | {"wide": None, "backbone": "wide_resnet50_2"}
    again = words_as_begun(STAGES["pretrain"], "quick", command, begun)
    assert changed_fields(begun, plain(parse_config("pretrain", again[2:]))) == []


def test_two_names_of_one_network_are_one_run() -> None:
    wide, named = (plain(parse_config("pretrain", words)) for words in (["--wide", "0"], ["--backbone", "resnet18"]))
    assert wide == named


@pytest.mark.parametrize("stage", ["pretrain", "train-classifier", "fixmatch"])
def test_what_a_run_computes_is_compared_and_where_it_runs_is_not(stage: str) -> None:
    old = plain(parse_config(stage, []))
    for parameter in parameters(config_class(COMMANDS[stage])):
        changed = changed_fields(old, old | {parameter.name: "other"})
        assert (changed[-1:] == []) == (parameter.name in IRRELEVANT_TO_RESUME) == parameter.free
        assert parameter.free or (changed[0].startswith(f"{parameter.flag} ") and changed[0].endswith(" → other"))


def test_a_run_may_go_on_elsewhere_but_not_with_other_rates() -> None:
    assert {"device", "threads", "minutes", "run_dir", "dataset_folder", "cache_folder"} <= IRRELEVANT_TO_RESUME
    assert not IRRELEVANT_TO_RESUME & {"learning_rate", "seed", "batch_size", "image_size", "views", "train_split"}
