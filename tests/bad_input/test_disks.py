"""Disks that are full, too small or read-only: one line that names the place, status 2, nothing half-written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from barlowmatch.cli import main
from tests.bad_input.commands import SMALL, create


def in_namespace(mount: str, words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command where `mount` has been mounted: the tests run as root, whom permission bits do not stop."""
    script = f"{mount} && {sys.executable} -m barlowmatch {words}"
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def namespaces_work() -> bool:
    return shutil.which("unshare") is not None and (
        subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    )


needs_namespaces = pytest.mark.skipif(not namespaces_work(), reason="no unprivileged mount namespaces here")


@needs_namespaces
def test_a_full_disk(home: Path, classifier: Path) -> None:
    (home / "small").mkdir()
    done = in_namespace(
        "mount -t tmpfs -o size=64k none small",
        f"embed --dataset-folder data --checkpoint-path {classifier} --out-path small/reps", home,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "small/reps: cannot be written (No space left on device)" in done.stderr.splitlines()[-1]


@pytest.mark.slow
@needs_namespaces
def test_a_disk_that_is_too_small_for_a_checkpoint(home: Path) -> None:
    (home / "small").mkdir()
    done = in_namespace(
        "mount -t tmpfs -o size=256k none small && trap 'find small -type f > left' EXIT",
        f"pretrain --dataset-folder data --checkpoint-path small/p.pt --projector-width 64 {' '.join(SMALL)}", home,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "small/p.pt: cannot be written (No space left on device)" in done.stderr.splitlines()[-1]
    files = {Path(line).name for line in (home / "left").read_text().splitlines()}
    assert files == {"config.json", "process.json", "events.jsonl", "log.txt"}


@needs_namespaces
@pytest.mark.parametrize("command", ["select", pytest.param("create-dataset", marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_under_a_round(requested: Path, classifier: Path, command: str) -> None:
    (requested / "small").mkdir()
    (requested / "labels.csv").write_text("file,label\nunlabeled/3.png,1\nunlabeled/4.png,1\n")
    assert main(f"embed --dataset-folder data --checkpoint-path {classifier} --out-path reps".split()) == 0
    line = {
        "select": "select --representations-path reps --strategy random --budget 300 --dest-path small/request",
        "create-dataset": create("labels.csv").replace("--out-path next", "--out-path small/next"),
    }[command]
    mount = "mount -t tmpfs -o size=16k none small && trap 'find small -mindepth 1 > left' EXIT"
    done = in_namespace(mount, line, requested)
    assert done.returncode == 2, done.stderr
    assert "small/" in done.stderr.splitlines()[-1]
    assert "cannot be written (No space left on device)" in done.stderr.splitlines()[-1]
    assert (requested / "left").read_text() == ""


@needs_namespaces
@pytest.mark.parametrize(
    "command",
    [
        "train",
        "select",
        *(pytest.param(name, marks=pytest.mark.faults) for name in ("embed", "predict", "create-dataset")),
    ],
)
def test_a_folder_that_cannot_be_written(requested: Path, classifier: Path, command: str) -> None:
    home = requested
    (home / "locked").mkdir()
    (home / "labels.csv").write_text("file,label\nunlabeled/3.png,1\nunlabeled/4.png,1\n")
    if command == "select":
        assert main(f"embed --dataset-folder data --checkpoint-path {classifier} --out-path reps".split()) == 0
    lines = {
        "train": f"train-classifier --dataset-folder data --checkpoint-path locked/c.pt {' '.join(SMALL)}",
        "embed": f"embed --dataset-folder data --checkpoint-path {classifier} --out-path locked/reps",
        "predict": f"predict --dataset-folder data --checkpoint-path {classifier} --out-path locked/p.csv",
        "select": "select --representations-path reps --strategy random --budget 5 --dest-path locked/request",
        "create-dataset": create("labels.csv").replace("--out-path next", "--out-path locked/next"),
    }
    done = in_namespace("mount --bind locked locked && mount -o remount,bind,ro locked", lines[command], home)
    assert done.returncode == 2, done.stderr
    assert "locked/" in done.stderr.splitlines()[-1]
    assert "cannot be written (Read-only file system)" in done.stderr.splitlines()[-1]
    assert list((home / "locked").iterdir()) == []
