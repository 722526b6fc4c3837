"""Parameters of the command that reports what a dataset holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from barlowmatch.configs.fields import Range
from barlowmatch.configs.shared import DatasetOptions


@dataclass(frozen=True, kw_only=True)
class InspectConfig(DatasetOptions):
    """Report what a dataset holds and what is wrong with it; nothing in it is changed."""

    manifest_out: Annotated[
        Path | None,
        Doc("Write the dataset as a manifest (file, sha256, split, label, group) to this file, beside or above it."),
    ] = None
    json: Annotated[bool, Doc("Print the report as one JSON object, all equal images in it.")] = False
    workers: Annotated[int | None, Range(1, 256), Doc("Processes that read images; default one per core.")] = None
