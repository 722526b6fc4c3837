"""Forms: every field of every config, what is entered checked by the configs' own ranges, and the same command line."""

import subprocess
import sys
from typing import Any

import pytest

from barlowmatch.cli import COMMANDS, config_class, parse_config
from barlowmatch.configs.presets import PRESETS
from barlowmatch.selection.catalog import CATALOG
from labeling.forms import form_fields, read_form, words
from storage.errors import Refused

TRAINING = ("pretrain", "train-classifier", "fixmatch")
QUICK = PRESETS[config_class(COMMANDS["pretrain"])]["quick"]()


@pytest.mark.parametrize("stage", TRAINING)
@pytest.mark.parametrize("preset", ["paper", "small-images", "laptop", "quick"])
def test_a_form_sent_back_unchanged_is_the_preset_and_its_words_parse_to_it(stage: str, preset: str) -> None:
    base = PRESETS[config_class(COMMANDS[stage])][preset]()
    sent = {field.name: field.default for field in form_fields(base)}

    assert read_form(base, sent) == base
    assert parse_config(stage, words(base, type(base)())) == base
    assert parse_config(stage, ["--preset", preset]) == base


def test_what_was_changed_reaches_the_command_line() -> None:
    entered = {
        "batch_size": "64", "minutes": 2, "views": "digits", "tensorboard": True, "image_size": "", "fit": "pad",
        "weights": "a b.pt", "backbone": None,
    }  # fmt: skip
    config = read_form(QUICK, entered)

    assert (config.batch_size, config.minutes, config.views, config.image_size) == (64, 2.0, "digits", None)
    assert parse_config("pretrain", ["--preset", "quick", *words(config, QUICK)]) == config


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 1), ("batch_size", "many"), ("batch_size", 2.5), ("batch_size", True), ("seed", None),
        ("minutes", 0), ("minutes", "NaN"), ("minutes", 1e400), ("views", "upside down"), ("lambd", [1]),
        ("tensorboard", "yes"), ("no such field", 1), ("run_dir", "/elsewhere"), ("device", {"a": 1}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_at_its_field(field: str, value: Any) -> None:
    with pytest.raises(Refused) as refusal:
        read_form(QUICK, {field: value}, hidden=["run_dir"])

    assert refusal.value.field == field
    assert refusal.value.fault == "invalid"


def test_a_number_out_of_range_is_answered_as_on_the_command_line() -> None:
    with pytest.raises(Refused) as refusal:
        read_form(QUICK, {"num_epochs": 0})
    assert str(refusal.value) == "num epochs must be a whole number 1 to 100,000 epochs"


def test_what_fits_no_other_field_is_refused_too() -> None:
    with pytest.raises(Refused, match="give one of them"):
        read_form(QUICK, {"dataset_folder": "a", "manifest": "b"})


def test_every_strategy_has_a_form_and_basic_fields_come_first_in_their_order() -> None:
    for entry in CATALOG.values():
        assert all(field.help and not field.advanced for field in form_fields(entry.config))
    fields = form_fields(QUICK, hidden=["run_dir"], basic=["minutes", "batch_size"])

    assert [field.name for field in fields if not field.advanced] == ["minutes", "batch_size"]
    assert [field.name for field in fields[:2]] == ["minutes", "batch_size"]
    assert "run_dir" not in {field.name for field in fields}


def test_forms_do_without_torch() -> None:
    code = "import sys, labeling.forms; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
