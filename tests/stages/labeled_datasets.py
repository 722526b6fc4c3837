"""Datasets as they become when people label: copies among them, the next one, and what is said on the way."""

import shutil
from pathlib import Path

from PIL import Image

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Emit, Event, Said, silent
from barlowmatch.stages.create_dataset import run
from tests.stages.small_datasets import config, pictures, write_csv


def said(heard: list[Event], level: str = "warning") -> list[str]:
    return [event.message for event in heard if isinstance(event, Said) and event.level == level]


def copied(folder: Path, names: list[str], copies: int) -> None:
    """Write pictures, and of each in turn a copy with the same bytes or only the same pixels."""
    pictures(folder, *(f"{name}.png" for name in names))
    for number in range(copies):
        for place, name in enumerate(names):
            target = folder / f"copy {number} of {name}.png"
            if place % 2:
                shutil.copy(folder / f"{name}.png", target)
            else:
                Image.open(folder / f"{name}.png").save(target, compress_level=0)


def label_all(source: DatasetOptions, home: Path, labels: dict[str, str], emit: Emit = silent) -> Dataset:
    """Write the next dataset with labels that nobody asked for, and return it."""
    table = write_csv(home / "l.csv", ("file", "label"), list(labels.items()))
    result = run(config(source, request=table, labels=table, new_classes=True, group_by=source.group_by), emit)
    return read_dataset(DatasetOptions(dataset_folder=Path(result["out_path"]), group_by=source.group_by))
