"""The command line: the seed's lines word for word, and one-line answers to mistakes."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from barlowmatch.cli import COMMANDS, config_class, parse_config
from barlowmatch.command_line.flag_words import Known, check_words
from barlowmatch.command_line.flags import read_flags
from barlowmatch.configs.fields import Parameter, need_inputs, parameters
from barlowmatch.configs.presets import PRESET_WORDS, PRESETS
from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig, usual_projector
from barlowmatch.errors import InputError
from barlowmatch.selection.catalog import CATALOG
from labeling.cli.main import COMMANDS as LABELING
from tests.pictures import photo
from tests.stages.small_datasets import class_folders, pictures

SEED_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "pretrain": (
        """--checkpoint-path $SCRATCH/checkpoints/model_barlow.pth.tar --num-epochs 500 --batch-size 512
        --train-from-start 1 --dataset-folder /dataset --learning-rate 0.05 --lambd 0.05 --weight-decay 0.000015
        --wide 1""",
        {
            "checkpoint_path": Path("$SCRATCH/checkpoints/model_barlow.pth.tar"), "num_epochs": 500, "batch_size": 512,
            "train_from_start": 1, "dataset_folder": Path("/dataset"), "learning_rate": 0.05, "lambd": 0.05,
            "weight_decay": 1.5e-5, "backbone": "wide_resnet50_2",
        },
    ),
    "train-classifier": (
        """--checkpoint-path $SCRATCH/checkpoints/model_transfer.pth.tar
        --transfer-path $SCRATCH/checkpoints/model_barlow.pth.tar
        --best-path $SCRATCH/checkpoints/model_transfer_best.pth.tar --num-epochs 160 --batch-size 32 --fine-tune 1
        --dataset-folder /dataset --learning-rate-classifier 0.00001 --learning-rate-barlow 0.00001
        --weight-decay 0.001 --wide 1 --model-name barlow --dropout 0.1 --seed 10""",
        {
            "transfer_path": Path("$SCRATCH/checkpoints/model_barlow.pth.tar"),
            "best_path": Path("$SCRATCH/checkpoints/model_transfer_best.pth.tar"), "num_epochs": 160, "batch_size": 32,
            "fine_tune": 1, "learning_rate_classifier": 1e-5, "learning_rate_barlow": 1e-5, "weight_decay": 1e-3,
            "backbone": "wide_resnet50_2", "model_name": "barlow", "dropout": 0.1, "seed": 10,
        },
    ),
    "fixmatch": (
        """--checkpoint-path $SCRATCH/checkpoints/model_fm_transfer.pth.tar
        --transfer-path $SCRATCH/checkpoints/model_transfer_best.pth.tar
        --best-path $SCRATCH/checkpoints/model_transfer_fm_best.pth.tar --num-epochs 400 --num-steps 200
        --train-from-start 1 --batch-size 64 --fine-tune 1 --dataset-folder /dataset --learning-rate 0.00001 --mu 7
        --threshold 0.9 --lambd 1 --momentum 0.9 --weight-decay 0.001""",
        {
            "num_epochs": 400, "num_steps": 200, "train_from_start": 1, "batch_size": 64, "learning_rate": 1e-5,
            "mu": 7, "threshold": 0.9, "lambd": 1.0, "momentum": 0.9, "weight_decay": 1e-3,
        },
    ),
    "embed": (
        """--checkpoint-path /scratch/rv2138/checkpoints/model_transfer_barlow_best.pth.tar
        --out-path /scratch/rv2138/representations/ --batch-size 512 --dataset-folder /dataset --wide 1""",
        {"out_path": Path("/scratch/rv2138/representations"), "batch_size": 512, "backbone": "wide_resnet50_2"},
    ),
    "select": ("", {"representations_path": Path("representations"), "dest_path": Path("label_request")}),
    "create-dataset": ("", {}),
}  # fmt: skip


@pytest.mark.parametrize("command", SEED_LINES)
def test_the_seeds_lines_are_taken_word_for_word(command: str) -> None:
    line, expected = SEED_LINES[command]
    config = parse_config(command, shlex.split(line))
    assert {name: getattr(config, name) for name in expected} == expected


def test_the_last_of_repeated_flags_wins() -> None:
    config = parse_config("pretrain", ["--wide", "1", "--num-epochs", "500", "--num-epochs", "1", "--wide", "0"])
    assert (config.backbone, config.num_epochs) == ("resnet18", 1)


TRAINING = ("pretrain", "train-classifier", "fixmatch")
EVERY_CONFIG = {name: config_class(command) for name, command in COMMANDS.items()} | LABELING
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


def test_presets_set_defaults_and_flags_win() -> None:
    config = parse_config("pretrain", ["--num-epochs", "7", "--preset", "quick"])
    assert (config.backbone, config.num_epochs) == ("resnet18_quarter", 7)
    assert parse_config("pretrain", ["--preset=paper"]).projector_width == 8192
    wide = parse_config("pretrain", ["--preset", "quick", "--wide", "1"])
    assert (wide.backbone, wide.projector_width) == ("wide_resnet50_2", 512)


def test_every_parameter_of_every_command_has_help() -> None:
    for name in COMMANDS:
        for parameter in parameters(type(parse_config(name, []))):
            assert parameter.help.endswith("."), (name, parameter.name)


def helped(name: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Return the help of a command, the box and the breaks of its lines taken out."""
    with pytest.raises(SystemExit) as end:
        parse_config(name, [*more, "--help"])
    assert end.value.code == 0
    return " ".join(re.sub("[│╭╰╮╯─]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_how_to_call_a_command_and_never_that_nothing_is_the_default(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = helped(name, capsys)
    assert said.startswith(f"usage: python -m barlowmatch {name} ")
    assert "--events PATH Append progress" in said
    assert "None" not in said
    assert all(parameter.flag in said for parameter in parameters(config_class(COMMANDS[name])))


def test_help_tells_units_bounds_recipes_and_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    assert "(default: 6.0; 0 to 1,000,000 GB)" in helped("select", capsys)
    pretrain = helped("pretrain", capsys)
    assert "(8 to 1,024 px)" in pretrain
    assert "(above 0, at most 1,000,000 min)" in pretrain
    assert all(f"{name} {about}" in pretrain for name, about in PRESET_WORDS.items())
    assert "--preset {paper,small-images,laptop,quick}" in pretrain
    assert "(default: 20; 1 to 100,000 epochs)" in helped("pretrain", capsys, "--preset", "quick")
    select = helped("select", capsys)
    assert all(name in select for name in CATALOG)
    assert "purity=0.95 (0 to 1)" in select


def test_help_names_the_usual_batches() -> None:
    told = {parameter.name: parameter.help for parameter in parameters(PretrainConfig)}["batch_size"]
    assert told.endswith("default at most 256, in train-classifier and fixmatch 64.")
    assert PretrainConfig.usual_batch == 256
    assert ClassifyConfig.usual_batch == FixMatchConfig.usual_batch == 64


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
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
    told, has_torch = json.loads(done.stdout)
    for line, (status, said) in zip(lines, told, strict=True):
        assert (status, said.count("\n"), "gone/a.csv: no such " in said) == (2, 1, True), (line, said)
    assert not has_torch


@pytest.mark.parametrize("flag", ["--transfer-path", "--weights"])
def test_what_a_run_began_with_may_be_gone_when_it_goes_on(flag: str) -> None:
    config = parse_config("fixmatch", [flag, "gone.pt"])
    with pytest.raises(InputError, match=r"gone\.pt: no such"):
        need_inputs(config)
    need_inputs(config, may_go_on=True)


def test_every_preset_is_a_config_of_its_command() -> None:
    for cls, presets in PRESETS.items():
        assert all(type(make()) is cls for make in presets.values())


def test_a_wrong_command_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "barlowmatch", "pretrian"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "barlowmatch: pretrian: no such command; did you mean pretrain?\n"


def test_a_folder_whose_name_is_no_text_is_printed_to_any_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    photo(np.random.default_rng(0)).save(folder / "a.png")
    done = subprocess.run(
        [sys.executable, "-m", "barlowmatch", "inspect", "--dataset-folder", folder], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/caf\\udce9: flat layout")


def test_folders_that_are_no_classes_are_said_so_by_a_flag(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{name}/{n}.png" for name in ("dawn", "noon") for n in range(3)))
    words = [sys.executable, "-m", "barlowmatch", "inspect", "--dataset-folder", tmp_path]
    taken = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "if they are none, give --class-folders 0" in taken.stderr
    none = subprocess.run([*words, "--class-folders", "0"], capture_output=True, text=True, check=True)
    assert none.stdout.startswith(f"{tmp_path}: flat layout, 6 images")
    assert "--class-folders" not in none.stderr
    wrong = subprocess.run([*words, "--class-folders", "2"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "--class-folders" in wrong.stderr


def test_who_is_asked_to_stop_takes_back_what_it_has_begun(tmp_path: Path) -> None:
    dataset = class_folders(tmp_path / "dataset").dataset_folder
    (tmp_path / "request.csv").write_text("file\n7.png\n")
    (tmp_path / "labels.csv").write_text("file,label\n7.png,1\n")
    program = """
import os, signal, sys
from pathlib import Path
from barlowmatch.cli import COMMANDS, parse_config, run_command
from barlowmatch.events import Progress
def emit(event):
    if isinstance(event, Progress) and event.work == "write images":
        print(any(Path(sys.argv[1]).glob(".partial-*")), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
sys.exit(run_command("create-dataset", parse_config("create-dataset", sys.argv[2:]), emit))
"""
    words = f"--dataset-path {dataset} --label-request-path {tmp_path} --out-path {tmp_path}/new".split()
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path, *words], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode, done.stderr) == ("True\n", 143, "barlowmatch: stopped\n")
    assert {path.name for path in tmp_path.iterdir()} == {"dataset", "request.csv", "labels.csv"}


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("--help", 0),
        ("embed --help", 0),
        ("fixmatch --preset quick --help", 0),
        ("pretrain --epochs 3", 2),
        ("inspect --dataset-folder {pictures}", 0),
        ("pretrain --dataset-folder {pictures}/none", 2),
        ("fixmatch --manifest {pictures}/none.csv", 2),
        ("embed --dataset-folder {pictures} --checkpoint-path {pictures}/none.pt", 2),
        ("simulate --dataset-folder {pictures} --checkpoint-path {pictures}/none.pt", 2),
    ],
)
def test_what_computes_nothing_waits_for_no_torch(command: str, status: int, tmp_path: Path) -> None:
    photo(np.random.default_rng(0)).save(tmp_path / "a.png")
    program = (
        "import sys; from barlowmatch.cli import main\n"
        "try: status = main(sys.argv[1:])\n"
        "except SystemExit as end: status = end.code\n"
        "print(status, 'torch' in sys.modules)"
    )
    words = command.format(pictures=tmp_path).split()
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == f"{status} False", "torch takes seconds to import"
