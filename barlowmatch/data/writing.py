"""Writing a dataset into a new folder: hard links where the file system allows them, whole or not at all.

| layout read | written |
|---|---|
| seed | `train_new/0.png …`, `val/`, `test/` numbered beside their label tensors, `unlabeled/` with its names |
| class folders | `train/<class>/…`, `val/<class>/…`, `test/<class>/…`, `unlabeled/…` |
| table, flat, manifest | the images where they were, and a `labels.csv` that is a manifest too |

A hard link is the same file under a second name: it takes no space, and what is changed in place changes in both.
Files are called by `barlowmatch.data.naming`, as in exports of the app, which say where they differ and why.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from barlowmatch.data.classes import CLASSES_FILE, write_classes
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.labels import write_label_tensors
from barlowmatch.data.naming import checked_folders, kept, numbered
from barlowmatch.data.progress import Rate
from barlowmatch.data.splits import folders_below
from barlowmatch.data.tables import FILE_COLUMNS, LABEL_COLUMNS, write_table
from barlowmatch.data.tables_beside import Columns
from barlowmatch.errors import InputError
from barlowmatch.events import Emit
from barlowmatch.files import whole_folder


@dataclass(frozen=True)
class Written:
    """How a dataset was written: files linked and files copied because they could not be linked."""

    linked: int
    copied: int


def write_dataset(
    dataset: Dataset,
    columns: Columns,
    order: Sequence[int],
    folder: Path,
    emit: Emit,
    beside: Mapping[str, str],
) -> Written:
    """Write a dataset, in the layout it was read in, into a new folder.

    Args:
        dataset: what to write.
        columns: what its tables say beside file, label and split, row by row.
        order: all rows, in the order in which numbered images are numbered.
        folder: where; it must not exist or be empty, and not lie in the dataset.
        emit: hears of progress.
        beside: texts of further files by name.

    Raises:
        InputError: the folder lies in the dataset, is not empty or cannot be written.
    """
    if folder.resolve().is_relative_to(dataset.root.resolve()):
        raise InputError(f"{folder}: lies in the dataset that is read; name a folder outside {dataset.root}")
    targets = _TARGETS.get(dataset.layout, _in_place)(dataset, order)
    linked = 0
    with whole_folder(folder) as partial:
        rate = Rate("write images", len(targets), emit)
        for row, target in targets:
            linked += link(dataset.path(row), partial / target)
            rate.step()
        if dataset.layout == "seed":
            _write_tensors(dataset, targets, partial)
        if dataset.layout in _TARGETS:
            _write_further(columns, targets, partial)
        else:
            _write_labels(dataset, columns, partial)
        if (dataset.root / CLASSES_FILE).is_file():
            write_classes(partial, dataset.classes)
        for name, text in beside.items():
            (partial / name).write_text(text, encoding="utf-8")
    return Written(linked, len(targets) - linked)


def link(source: Path, target: Path) -> bool:
    """Make `target` a hard link to `source`, or where that is impossible a copy of it; say whether it is a link.

    Raises:
        OSError: neither could be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    real = os.path.realpath(source)
    try:
        os.link(real, target)
    except OSError:
        shutil.copy2(real, target)
        return False
    return True


Targets = list[tuple[int, str]]

_NUMBERED = {"train": "train_new", "val": "val", "test": "test"}
"""Folders of the seed: its commands look for `train_new` after a round, and for `train` before."""


def _by_number(dataset: Dataset, order: Sequence[int]) -> Targets:
    """Return the seed's names: numbers in the labeled splits, old names in the pool, by which requests name images."""
    labeled = [row for row in order if dataset.splits[row] in _NUMBERED]
    pool = [row for row in order if dataset.splits[row] not in _NUMBERED]
    folders = [_NUMBERED[str(dataset.splits[row])] for row in labeled]
    numbers = numbered([dataset.files[row] for row in labeled], folders)
    return [*zip(labeled, numbers, strict=True), *_with_folders(dataset, pool, {})]


def _by_class(dataset: Dataset, order: Sequence[int]) -> Targets:
    """Return `<split>/<class>/<name>`; images without a label lie in the split's folder itself."""
    return _with_folders(dataset, order, checked_folders(dataset.class_names))


def _with_folders(dataset: Dataset, rows: Sequence[int], classes: Mapping[str, str]) -> Targets:
    """Return rows with their old names, and the folders around these, which may say what belongs together."""
    names = (*dataset.class_names, None)

    def place(row: int) -> str:
        split, name = str(dataset.splits[row]), names[dataset.labels[row]]
        inside = "" if split == "unlabeled" or name is None else classes[name]
        return str(PurePosixPath(split, inside, folders_below(dataset, dataset.files[row])))

    targets = kept([dataset.files[row] for row in rows], [place(row) for row in rows])
    return list(zip(rows, targets, strict=True))


def _in_place(dataset: Dataset, order: Sequence[int]) -> Targets:
    return [(row, dataset.files[row]) for row in order]


_TARGETS: dict[str, Callable[[Dataset, Sequence[int]], Targets]] = {"seed": _by_number, "class-folders": _by_class}


def _write_tensors(dataset: Dataset, targets: Targets, folder: Path) -> None:
    ids = [item.id for item in dataset.classes] + [-1]
    labels: dict[str, list[int]] = {name: [] for name in _NUMBERED.values()}
    for row, target in targets:
        name = target.partition("/")[0]
        if name in labels:
            labels[name].append(ids[dataset.labels[row]])
    write_label_tensors(folder, labels)


def _write_further(columns: Columns, targets: Targets, folder: Path) -> None:
    """Keep what tables say beside file, label and split, under the files' new names."""
    further = _further(columns)
    if further:
        rows = ((target, *(columns[name][row] for name in further)) for row, target in targets)
        write_table(folder / "metadata.csv", ["file_name", *further], rows)


def _further(columns: Columns) -> list[str]:
    return [name for name in columns if name not in (*FILE_COLUMNS, *LABEL_COLUMNS, "split")]


def _write_labels(dataset: Dataset, columns: Columns, folder: Path) -> None:
    further = _further(columns)
    names = (*dataset.class_names, "")
    header = ["file", "split", "label", *further]
    rows = (
        (file, split, names[label], *(columns[name][row] for name in further))
        for row, (file, split, label) in enumerate(
            zip(dataset.files, dataset.splits.tolist(), dataset.labels.tolist(), strict=True)
        )
    )
    write_table(folder / "labels.csv", header, rows)
