"""Golden runs: the losses of short seeded float64 runs, stored. A refactor must reproduce them.

Where a change is meant to change them, `python -m tests.test_golden` writes the new ones; say why in the commit.
"""

import json
import os
import tempfile
from pathlib import Path

import pytest
import torch

import barlowmatch.training.loop
from barlowmatch.cli import parse_config, run_command
from barlowmatch.events import Event, Progress
from tests.conftest import write_seed_layout

STORED = Path(__file__).with_name("golden_losses.json")
SMALL = "--backbone resnet18_quarter --views natural --precision float64 --batch-size 16 --num-epochs 1"
RUNS = {
    # Small steps: large ones would blow up what machines round differently.
    "pretrain": (
        f"{SMALL} --projector-width 32 --trust-as scale --trust 1e-3 --learning-rate 0.3 --learning-rate-biases 0.005"
    ),
    "train-classifier": f"{SMALL} --classifier-width 32 --num-epochs 4",
    # No guess here is within 1e-4 of the threshold or of another class: rounding would decide it.
    "fixmatch": f"{SMALL} --classifier-width 32 --num-steps 12 --mu 2 --threshold 0.17 --seed 1",
}


def losses(stage: str, data: Path, home: Path, more: str = "") -> list[float]:
    """Return the loss of every step."""
    found: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.work == stage:
            found.append(event.metrics["loss"])

    line = f"--dataset-folder {data} --run-dir {home / stage} --cache-folder {home / 'cache'} {RUNS[stage]} {more}"
    assert run_command(stage, parse_config(stage, line.split()), listen) == 0
    return found


@pytest.mark.parametrize("stage", RUNS)
def test_losses_are_reproduced(stage: str, tmp_path: Path, seed_layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barlowmatch.training.loop, "REPORT_SECONDS", 0.0)
    expected = json.loads(STORED.read_text(encoding="utf-8"))[stage]
    assert losses(stage, seed_layout, tmp_path) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("crop", "is_the_same"), [("0.08", True), ("0.5", False)])
def test_the_smallest_crop_of_photos_is_what_it_says(
    crop: str, is_the_same: bool, tmp_path: Path, seed_layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barlowmatch.training.loop, "REPORT_SECONDS", 0.0)
    expected = json.loads(STORED.read_text(encoding="utf-8"))["pretrain"]
    found = losses("pretrain", seed_layout, tmp_path, f"--smallest-crop {crop}")
    assert (found == pytest.approx(expected, rel=1e-6)) == is_the_same


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    barlowmatch.training.loop.REPORT_SECONDS = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        data = write_seed_layout(Path(temporary) / "digits")
        stored = {stage: losses(stage, data, Path(temporary)) for stage in RUNS}
    STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
