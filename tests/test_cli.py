"""The command line: the seed's lines word for word, and one-line answers to mistakes."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barlowmatch.cli import parse_config
from barlowmatch.configs.fields import need_inputs
from barlowmatch.configs.presets import PRESETS
from barlowmatch.errors import InputError
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


def test_presets_set_defaults_and_flags_win() -> None:
    config = parse_config("pretrain", ["--num-epochs", "7", "--preset", "quick"])
    assert (config.backbone, config.num_epochs) == ("resnet18_quarter", 7)
    assert parse_config("pretrain", ["--preset=paper"]).projector_width == 8192
    wide = parse_config("pretrain", ["--preset", "quick", "--wide", "1"])
    assert (wide.backbone, wide.projector_width) == ("wide_resnet50_2", 512)


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
    assert "if they are none" not in none.stderr
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
