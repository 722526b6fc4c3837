"""What tells the parameters of one run from those of another, where a run is to go on from an earlier one."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from barlowmatch.configs.training import ADDED_LATER

IRRELEVANT_TO_RESUME = {
    "resume", "train_from_start", "run_dir", "checkpoint_path", "best_path", "cache_folder", "workers", "threads",
    "device", "checkpoint_minutes", "tensorboard", "minutes", "dataset_folder", "manifest", "strict",
    "activation_memory", "class_folders",
}  # fmt: skip
"""Parameters that change where and how fast a run runs, not what it computes.

Of the dataset, file names, splits and labels are compared; other contents under the same names are told, not refused.
"""
OTHER_IMAGES = "the dataset's files or labels"
"""How a difference of datasets is named."""


def plain(config: Any) -> dict[str, Any]:
    """Return a config as plain values, for JSON and checkpoints."""
    return {
        name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(config).items()
    }


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return, as `--flag old → new`, the parameters that would make a resumed run another run."""
    before, now = _as_meant({**ADDED_LATER, **old}), _as_meant(new)
    return [
        f"--{name.replace('_', '-')} {before[name]} → {value}"
        for name, value in now.items()
        if name in before and name not in IRRELEVANT_TO_RESUME and _normal(before[name]) != _normal(value)
    ]


def _as_meant(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return parameters with the rate of biases that stands for none given, which earlier runs have as a number."""
    if config.get("learning_rate_biases", 0.0) is not None:
        return config
    return {**config, "learning_rate_biases": config["learning_rate"]}


def _normal(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
