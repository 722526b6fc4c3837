"""Small runs of the stages that train, and ways to end them."""

import signal
from pathlib import Path
from typing import Any

import torch

from barlowmatch.events import CheckpointSaved, read_events
from tests.commands import Started
from tests.waiting import until

SMALL = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--batch-size", "32")
HALFWAY = ("--start-share", "0.5")
STAGES: dict[str, tuple[str, ...]] = {
    "pretrain": (*SMALL, "--projector-width", "64", "--num-epochs", "3"),
    "train-classifier": (*SMALL, "--classifier-width", "64", "--num-epochs", "12"),
    "fixmatch": (*SMALL, "--classifier-width", "64", "--num-epochs", "3", "--num-steps", "6", "--mu", "3", *HALFWAY),
}


def words(stage: str, data: Path, path: Path, *more: str) -> list[str]:
    return [stage, "--dataset-folder", str(data), "--checkpoint-path", str(path), *STAGES[stage], *more]


def tensors(checkpoint: dict[str, Any], prefix: str = "") -> dict[str, torch.Tensor]:
    """Return every tensor of a checkpoint by its place."""
    found: dict[str, torch.Tensor] = {}
    for name, value in checkpoint.items():
        if isinstance(value, torch.Tensor):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, dict):
            found |= tensors({str(key): item for key, item in value.items()}, f"{prefix}{name}.")
    return found


def saved_steps(events: Path) -> int:
    """Return the step of the newest checkpoint that a run told of, 0 before the first."""
    if not events.exists():
        return 0
    return max((event.step for event in read_events(events) if isinstance(event, CheckpointSaved)), default=0)


def kill_after_steps(data: Path, path: Path, stage: str, steps: int, how: signal.Signals, *more: str) -> int:
    """Start a run, end it by a signal once it reports so many steps, and return its exit status."""
    process = Started(words(stage, data, path, *more, "--checkpoint-minutes", "0.0001"))
    events = path.with_suffix(".run") / "events.jsonl"
    until(lambda: not process.running or saved_steps(events) >= steps, pause=0.005)
    if process.running:
        process.send(how)
    return process.finish().returncode
