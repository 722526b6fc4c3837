"""The parameters of an earlier run beside those of today: what they are called now, and which of them differ."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from barlowmatch.configs.fields import parameters
from barlowmatch.configs.shared import WIDE
from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig, usual_projector

_TRAINED_BY = [*parameters(PretrainConfig), *parameters(ClassifyConfig), *parameters(FixMatchConfig)]
IRRELEVANT_TO_RESUME = frozenset(parameter.name for parameter in _TRAINED_BY if parameter.free)
"""Parameters that change where and how fast a run runs, not what it computes.

Of the dataset, file names, splits and labels are compared; other contents under the same names are told, not refused.
"""
_ADDED_LATER = {parameter.name: parameter.since.before for parameter in _TRAINED_BY if parameter.since is not None}
OTHER_IMAGES = "the dataset's files or labels"
"""How a difference of datasets is named."""


def plain(config: Any) -> dict[str, Any]:
    """Return a config as plain values, for JSON and checkpoints."""
    return {
        name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(config).items()
    }


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return, as `--flag old → new`, the parameters that would make a resumed run another run."""
    before, now = dict(_as_meant(upgraded(old))), _as_meant(new)
    if "least_steps" not in old:
        before.pop("least_steps")  # the checkpoint of such a run says how many steps it has in all
    return [
        f"--{name.replace('_', '-')} {before[name]} → {value}"
        for name, value in now.items()
        if name in before and name not in IRRELEVANT_TO_RESUME and _normal(before[name]) != _normal(value)
    ]


def upgraded(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a run of any version began with, under today's names and with today's meaning.

    Args:
        old: as its `config.json` or its checkpoint has them.
    """
    found = {**_ADDED_LATER, **old}
    if "wide" not in found:
        return found
    wide = found.pop("wide")  # it stood beside --backbone, which won, and alone set the projector's width
    if wide is not None:
        found["backbone"] = found.get("backbone") or WIDE.values[wide]
    if found.get("projector_width", 0) is None:
        found["projector_width"] = usual_projector(None if wide is None else WIDE.values[wide])
    return found


def _as_meant(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return parameters with the numbers for which none was given: what none means may change, the run must not."""
    meant = dict(config)
    if meant.get("learning_rate_biases", 0.0) is None:
        meant["learning_rate_biases"] = meant["learning_rate"]
    if meant.get("projector_width", 0) is None:
        meant["projector_width"] = usual_projector(meant.get("backbone"))
    return meant


def _normal(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
