"""Datasets described row by row: by a manifest, or by tables that lie with the images.

A manifest (`file,sha256,split,label,group`; only `file` is needed) names every image, relative to its own folder; a
table (`tables_beside`) some of those it lies with. Further columns of both can be grouped by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from barlowmatch.data.classes import ImageClass, number, read_classes
from barlowmatch.data.dataset import SYNONYMS, Dataset
from barlowmatch.data.file_rows import composed
from barlowmatch.data.folder_classes import Taken
from barlowmatch.data.folders import Tree
from barlowmatch.data.repeats import without_repeats
from barlowmatch.data.tables import FILE_COLUMNS, Table, label_in, read_table, write_table
from barlowmatch.data.tables_beside import LABEL, Columns
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.words import count

MANIFEST_COLUMNS = ("file", "sha256", "split", "label", "group")


def read_manifest(path: Path, train_split: str | None, emit: Emit) -> tuple[Dataset, Columns]:
    """Read a manifest.

    Raises:
        InputError: no such file, no column `file`, no rows, a file twice, a name that leaves the manifest's folder, an
            unknown split, a hash that is none, or a label outside the classes beside it.
    """
    table = read_table(path)
    files = [local_name(table, row, name) for row, name in enumerate(table.need(FILE_COLUMNS))]
    if not files:
        raise InputError(f"{path}: names no image; write one a line below the header")
    table, rows = without_repeats(table, files, emit)
    files = [files[row] for row in rows]
    root = path.parent
    listed = read_classes(root)
    labels = _labels(table.labels() or [""] * len(files), listed)
    values = table.columns.get("split", [""] * len(files))
    splits = [
        parse_split(value, train_split, f"{path}: line {line}") for line, value in zip(table.lines, values, strict=True)
    ]
    if train_split is not None and train_split not in values:
        raise InputError(f"--train-split {train_split}: no row of {path} has this split")
    hashes = tuple(read_hash(table, row) for row in range(len(files)))
    dataset = listed_dataset(root, "manifest", files, splits, labels, listed, emit)
    columns = {name: values for name, values in table.columns.items() if name not in FILE_COLUMNS}
    return replace(dataset, sha256=hashes), columns


def write_manifest(path: Path, dataset: Dataset, sha256: Sequence[str]) -> None:
    """Write a dataset as a manifest.

    Raises:
        InputError: `path` is not in the folder of the images or above it, so that it could not name them.
    """
    folder, root = path.parent.absolute(), dataset.root.absolute()  # a link to the images beside the manifest will do
    if not root.is_relative_to(folder):
        folder, root = folder.resolve(), root.resolve()
    if not root.is_relative_to(folder):
        raise InputError(
            f"{path}: a manifest names images relative to its own folder; write it to {dataset.root} or a folder above"
        )
    prefix = root.relative_to(folder)
    names = (*dataset.class_names, "")
    groups = dataset.groups or [""] * len(dataset)
    rows = zip(dataset.files, sha256, dataset.splits.tolist(), dataset.labels.tolist(), groups, strict=True)
    write_table(
        path,
        MANIFEST_COLUMNS,
        ((str(prefix / file), digest, split, names[label], group) for file, digest, split, label, group in rows),
    )


def table_dataset(
    tree: Tree,
    files: Sequence[str],
    folder_splits: Mapping[str, str],
    columns: Columns,
    folders: Taken,
    train_split: str | None,
    emit: Emit,
) -> Dataset:
    """Return the dataset of images whose labels a table gives, and the folders of those that it leaves out.

    Args:
        tree: what lies in the folder.
        files: the images.
        folder_splits: split folders and what each means.
        columns: what the tables say, row by row.
        folders: the folders whose names are the classes of the images, where they are any.
        train_split: value of the split column that means train.
        emit: hears what was left aside, and where folders and tables differ.
    """
    nothing = [""] * len(files)
    listed = read_classes(tree.root)
    labels = _labels(columns.get(LABEL, nothing), listed)
    splits = []
    for file, value, label in zip(files, columns.get("split", nothing), labels, strict=True):
        folder = folder_splits.get(file.partition("/")[0], "")
        said = parse_split(value, train_split, f"{tree.root}: {file}")
        splits.append(said or ("train" if label and folder == "unlabeled" else folder))
    named = [None if split == "unlabeled" else name for name, split in zip(folders.names, splits, strict=True)]
    missing = [row for row, name in enumerate(named) if name is not None and labels[row] is None]
    if missing:
        folders.tell(emit)
    filled = folders.doubt is None and bool(missing)
    if folders.doubt is None:
        _tell_contradictions(labels, named, emit)
        labels = [name if label is None else label for label, name in zip(labels, named, strict=True)]
    return listed_dataset(tree.root, "class-folders" if filled else "table", files, splits, labels, listed, emit)


def _tell_contradictions(labels: Sequence[str | None], named: Sequence[str | None], emit: Emit) -> None:
    """Say of how many images a table gives another label than the folder they lie in."""
    count = sum(
        label is not None and name is not None and composed(label) != composed(name)
        for label, name in zip(labels, named, strict=True)
    )
    if count:
        emit(Said(message=f"{count:,} images lie in the folder of another class than a table names: the table counts"))


def split_by_table(dataset: Dataset, columns: Columns, train_split: str | None, emit: Emit) -> Dataset:
    """Return the dataset with the splits that its tables name; where they name none, the folders decide.

    Raises:
        InputError: a split is unknown.
    """
    if not any(columns.get("split", ())):
        return dataset
    cells = zip(dataset.files, columns["split"], dataset.splits.tolist(), strict=True)
    splits = [parse_split(value, train_split, f"{dataset.root}: {file}") or folder for file, value, folder in cells]
    labels = [None if place < 0 else dataset.class_names[place] for place in dataset.labels.tolist()]
    return listed_dataset(dataset.root, dataset.layout, dataset.files, splits, labels, dataset.classes, emit)


def _labels(cells: Sequence[str], listed: tuple[ImageClass, ...] | None) -> list[str | None]:
    """Return the label in each cell, None in a blank one."""
    known = {item.name for item in listed or ()}
    return [label_in(cell, known) or None for cell in cells]


def listed_dataset(
    root: Path,
    layout: str,
    files: Sequence[str],
    splits: Sequence[str],
    labels: Sequence[str | None],
    listed: tuple[ImageClass, ...] | None,
    emit: Emit,
) -> Dataset:
    """Return a dataset from splits ("" where the label decides) and labels (None where there is none)."""
    aside = sum(split == "unlabeled" and label is not None for split, label in zip(splits, labels, strict=True))
    if aside:
        emit(Said(message=f"{count(aside, 'label')} in the split unlabeled left aside: that split is the pool"))
    labels = [None if split == "unlabeled" else label for split, label in zip(splits, labels, strict=True)]
    classes, positions = number(labels, listed)
    names = np.array([split or "train" for split in splits], dtype="<U9")
    names[(names == "train") & (positions < 0)] = "unlabeled"
    return Dataset(root, layout, classes, tuple(files), names, positions)


def local_name(table: Table, row: int, name: str) -> str:
    """Return the relative name of a manifest's row in its plain form.

    Raises:
        InputError: it is empty, absolute, or leads out of the folder.
    """
    path = PurePosixPath(name)
    absolute = path.is_absolute() or PureWindowsPath(name).is_absolute() or Path(name).drive
    if absolute or ".." in path.parts or "\0" in name or not path.parts:
        raise InputError(
            f'{table.path}: line {table.lines[row]} names "{name}", which is not inside the manifest\'s folder; '
            "move the image there, or the manifest to a folder above both"
        )
    return str(path)


def parse_split(value: str, train_split: str | None, where: str) -> str:
    """Return the split that a value means, "" for an empty one; `train_split` means train too.

    Raises:
        InputError: it is unknown; the line begins with `where`.
    """
    if train_split is not None and value == train_split:
        return "train"
    split = SYNONYMS.get(value.strip().lower(), "")
    if value and not split:
        raise InputError(f'{where}: the split "{value}" is unknown; use train, val, test or unlabeled')
    return split


def read_hash(table: Table, row: int) -> str:
    """Return the sha256 of a row, "" where it names none.

    Raises:
        InputError: it is no sha256 in hex.
    """
    value = table.columns["sha256"][row].lower() if "sha256" in table.columns else ""
    if value and (len(value) != 64 or set(value) - set("0123456789abcdef")):
        raise InputError(f'{table.path}: line {table.lines[row]}: "{value}" is no sha256 (64 hexadecimal digits)')
    return value
