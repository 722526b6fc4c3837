"""Flags: what they take, and one-line answers to mistakes."""

import dataclasses
import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from barlowmatch.cli import COMMANDS, config_class, parse_config
from barlowmatch.command_line.flag_words import Known, check_words
from barlowmatch.command_line.flags import read_flags
from barlowmatch.configs.fields import Parameter, Range, parameters
from barlowmatch.configs.training import usual_projector
from barlowmatch.errors import InputError
from labeling.cli.main import COMMANDS as LABELING


def test_the_last_of_repeated_flags_wins() -> None:
    config = parse_config("pretrain", ["--wide", "1", "--num-epochs", "500", "--num-epochs", "1", "--wide", "0"])
    assert (config.backbone, config.num_epochs) == ("resnet18", 1)


TRAINING = ("pretrain", "train-classifier", "fixmatch")


EVERY_CONFIG = {name: config_class(command) for name, command in COMMANDS.items()} | LABELING


def outside(limits: Range) -> float:
    return limits.high + 1 if math.isfinite(limits.high) else limits.low - 1


def test_code_is_told_of_a_wrong_number_what_the_command_line_is_told() -> None:
    seen = 0
    for name, cls in EVERY_CONFIG.items():
        needed = ["--project", "p"] if name in LABELING else []
        needed += {"init": ["--dataset-folder", "d"], "import": ["--rescan"]}.get(name, [])
        ranged = [parameter for parameter in parameters(cls) if parameter.range is not None]
        if not ranged:
            continue
        config = read_flags(cls, needed, prog=name)
        for parameter in ranged:
            assert parameter.range is not None
            wrong = parameter.kind(outside(parameter.range))
            with pytest.raises(InputError) as by_flag:
                read_flags(cls, [*needed, parameter.flag, str(wrong)], prog=name)
            with pytest.raises(InputError) as by_code:
                dataclasses.replace(config, **{parameter.name: wrong})
            assert str(by_flag.value).startswith(f"{by_code.value}, such as ")
            seen += 1
    assert seen > 50


LISTS = [
    (name, parameter) for name, cls in EVERY_CONFIG.items() for parameter in parameters(cls) if parameter.kind is tuple
]


@pytest.mark.parametrize(("name", "parameter"), LISTS, ids=[f"{name} {parameter.flag}" for name, parameter in LISTS])
def test_a_repeated_list_flag_keeps_every_value(name: str, parameter: Parameter) -> None:
    cls, flag = EVERY_CONFIG[name], parameter.flag
    needed = ["--project", "p"] if name in LABELING else []
    config = read_flags(cls, [flag, "a", "b", *needed, flag, "c", f"{flag}=d"], prog=name)
    assert list(map(str, getattr(config, parameter.name))) == ["a", "b", "c", "d"]
    assert getattr(read_flags(cls, needed, prog=name), parameter.name) == ()
    more = read_flags(cls, [flag, "e", *needed], prog=name, default=config)
    assert list(map(str, getattr(more, parameter.name))) == ["a", "b", "c", "d", "e"]


def test_wide_means_what_the_readme_says() -> None:
    """And what METHOD.md says of the projector: the paper's network has the paper's."""
    for command in ("pretrain", "train-classifier", "embed"):
        for wide, name, width in (("1", "wide_resnet50_2", 8192), ("0", "resnet18", 2048)):
            config = parse_config(command, ["--wide", wide])
            assert config == parse_config(command, ["--backbone", name])
            assert config == parse_config(command, ["--backbone", name, f"--wide={wide}"])
            assert usual_projector(config.backbone) == width


@pytest.mark.parametrize(
    ("command", "line", "said"),
    [
        ("pretrain", "--wide 2", "--wide"),
        ("pretrain", "--wide 1 --backbone resnet18", "--wide 1 and --backbone resnet18: the first means --backbone"),
        ("embed", "--backbone=wide_resnet50_2 --wide 0", "means --backbone resnet18; leave one out"),
        ("pretrain", "--preset quick --wide 1 --backbone resnet18_quarter", "--backbone resnet18_quarter: the first"),
        ("fixmatch", "--wid 1", "--wid: no such flag; did you mean --wide?"),
        ("pretrain", "--lambda 2", "--lambda: no such flag; did you mean --lambd?"),
        ("pretrain", "--lambd x", "--lambd"),
        ("pretrain", "--presett quick", "--presett: no such flag; did you mean --preset?"),
        ("embed", "--event e.jsonl", "--event: no such flag; did you mean --events?"),
        ("pretrain", "--learning-rate -1", "--learning-rate -1: must be a number above 0, at most 100"),
        ("pretrain", "--batch-size 1", "--batch-size 1: must be a whole number 2 to 65,536 images"),
        ("pretrain", "--image-size x", "--image-size x: must be a whole number 8 to 1,024 px, such as --image-size 96"),
        (
            "pretrain",
            "--minutes 1m",
            "1m: must be a number above 0, at most 1,000,000 min, such as --minutes 20",
        ),
        ("pretrain", "--minutes", "--minutes: needs a value, a number above 0"),
        ("pretrain", "--minutes --strict", "--minutes: needs a value, a number above 0"),
        ("pretrain", "--minutes=", "--minutes '': must be a number above 0"),
        ("pretrain", "--num-epochs 2.5", "--num-epochs 2.5: must be a whole number 1 to 100,000 epochs"),
        ("pretrain", "--views nature", "natural, microscope or digits, such as --views natural; did you mean natural?"),
        ("pretrain", "--strict yes", "--strict yes: takes no value; write --strict, or --no-strict for no"),
        ("evaluate", "--json=1", "--json 1: takes no value; write --json, or --no-json for no"),
        ("embed", "--out-path ''", "--out-path '': names nothing; must be a path, such as --out-path representations"),
        ("select", "--asked --budget 5", "--asked: needs a value, one or more as in --asked WORD"),
        (
            "select",
            "--budget 10%",
            "10%: must be a whole number 1 to 1,000,000,000 images, such as --budget 100",
        ),
        ("pretrain", "-n 3", "-n: no such flag"),
        ("pretrain", "images/", "write python -m barlowmatch pretrain --dataset-folder images/"),
        ("pretrain", "--strict my photos --seed 1", "pretrain --strict --dataset-folder 'my photos' --seed 1"),
        ("select", "reps", "write python -m barlowmatch select --representations-path reps"),
        ("pretrain", "--dataset-folder my photos", "put into quotes: --dataset-folder 'my photos'"),
        ("pretrain", "--minutes 20 30", "30: --minutes takes one value, and that is 20"),
        ("embed", "--manifest m.csv photos", "photos: --manifest takes one value"),
        ("embed", "--manifest m.csv --strict photos", "photos: values stand behind flags; --help shows these"),
        ("pretrain", "--lambd nan", "--lambd nan: must be a number 0 to 10, such as --lambd 0.0051"),
        ("pretrain", "--preset huge", "--preset huge: the presets are paper, small-images, laptop, quick"),
        ("pretrain", "--dataset-folder a --manifest b.csv", "--dataset-folder and --manifest: give one of them"),
        ("fixmatch", "--mu 0", "--mu 0: must be a whole number 1 to 64, such as --mu 7"),
        ("embed", "--preset quick", "--preset quick: embed has no presets"),
        ("fixmatch", "--half-turns 0 --quarter-turns 1", "--half-turns 0 and --quarter-turns 1: two quarter turns"),
    ],
)
def test_mistakes_are_answered_in_one_line(command: str, line: str, said: str) -> None:
    with pytest.raises(InputError) as complaint:
        parse_config(command, shlex.split(line))
    assert said in str(complaint.value)
    assert "\n" not in str(complaint.value)


def wrong_for(parameter: Parameter) -> str | None:
    """Return a value that a parameter cannot have, None where any word may be one."""
    if parameter.kind is bool or parameter.kind is Path:
        return ""
    return "1m" if parameter.choices or parameter.kind in (int, float) else None


@pytest.mark.parametrize("name", EVERY_CONFIG)
def test_a_wrong_value_of_any_flag_is_answered_by_what_is_allowed_and_an_example_that_works(name: str) -> None:
    cls = EVERY_CONFIG[name]
    positional = ("action", "name") if name == "people" else ()
    for parameter in parameters(cls):
        value = wrong_for(parameter)
        if value is None or parameter.name in positional:
            continue
        with pytest.raises(InputError) as complaint:
            read_flags(cls, [f"{parameter.flag}={value}"], prog=name)
        said = str(complaint.value)
        assert said.startswith(f"{parameter.flag} {value or shlex.quote(value)}: ")
        assert not re.search("literal|convert|Expected|argument|None|\n", said), said
        if parameter.kind is bool:
            continue
        example = shlex.split(said.split("such as ")[1].split("; did you mean", maxsplit=1)[0])
        known = Known(name, {parameter.flag: parameter})
        check_words(example, known)
        assert example[0] == parameter.flag


WRITTEN = {
    "manifest_out", "cache_folder", "run_dir", "best_path", "out_path", "dest_path", "to", "events",
}  # fmt: skip


OTHERWISE_CHECKED = {
    "project",  # opened by every command but init, which makes it
    "label_request_path",  # read only for what --request and --labels do not name
}


PATHS = [
    (name, parameter)
    for name, cls in EVERY_CONFIG.items()
    for parameter in parameters(cls)
    if parameter.kind is Path or "Path" in str(get_type_hints(cls)[parameter.name])
]


READ = [(name, parameter.flag) for name, parameter in PATHS if parameter.reads is not None]


@pytest.mark.parametrize(("name", "parameter"), PATHS, ids=[f"{name} {parameter.flag}" for name, parameter in PATHS])
def test_every_path_that_is_read_says_what_has_to_be_there(name: str, parameter: Parameter) -> None:
    is_output = parameter.name in WRITTEN or (parameter.name == "checkpoint_path" and name in TRAINING)
    assert (parameter.reads is None) == (is_output or parameter.name in OTHERWISE_CHECKED)


def test_a_wrong_path_is_answered_in_one_line_before_torch_is_loaded(tmp_path: Path) -> None:
    """Of every command in one process: a single one that loads torch shows in all."""
    program = """
import contextlib, io, json, sys
import barlowmatch.cli
told = []
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = barlowmatch.cli.main(line)
    told.append([status, said.getvalue()])
print(json.dumps([told, "torch" in sys.modules]))
"""
    # Whatever else a command needs is there.
    (tmp_path / "representations").mkdir()
    for name in ("representations/meta.json", "checkpoint.pt"):
        (tmp_path / name).touch()
    lines = [[name, flag, "gone/a.csv"] for name, flag in READ if name in COMMANDS]
    words = [sys.executable, "-c", program, json.dumps(lines)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
    told, has_torch = json.loads(done.stdout)
    for line, (status, said) in zip(lines, told, strict=True):
        assert (status, said.count("\n"), "gone/a.csv: no such " in said) == (2, 1, True), (line, said)
    assert not has_torch
