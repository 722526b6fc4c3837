"""Requests for labels and the labels that answer them, checked against each other and against the dataset."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from barlowmatch.data.classes import CLASSES_FILE, LARGEST_LABEL, ImageClass, class_id, classes_of, some
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.file_rows import FileRows, composed, local
from barlowmatch.data.labels import largest_unlisted, read_label_tensor
from barlowmatch.data.repeats import without_repeats
from barlowmatch.data.tables import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    delimiter_of,
    label_in,
    read_csv_text,
    read_table,
    rows_of,
    unguard,
)
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, silent

_REQUEST = re.compile(r"request(?:_(\d+))?\.csv")
_LABELS = re.compile(r"labels?(?:_(\d+))?\.(?:csv|pt)")
_TENSORS = re.compile(r"label_(\d+)\.pt")


@dataclass(frozen=True)
class Answers:
    """Labels for requested images: the rows that have one, in the order of the request, and their class names."""

    rows: tuple[int, ...]
    names: tuple[str, ...]


def latest_request(folder: Path) -> Path:
    """Return the request in a folder: `request.csv`, else of `request_<n>.csv` that of the highest n.

    Raises:
        InputError: there is none.
    """
    found = _latest(folder, _REQUEST, None)
    if found is None:
        raise InputError(
            f"{folder}: holds no request (request.csv or request_1.csv); name the file by --request, for labels that "
            "nobody asked for theirs"
        )
    return found


def labels_for(request: Path, folder: Path, dataset: Path) -> Path:
    """Return the labels in a folder, else in the dataset's, where the original code looked for its `label_<n>.pt`.

    They are those with the request's number where it has one, else the latest.

    Raises:
        InputError: there are none.
    """
    match = _REQUEST.fullmatch(request.name)
    number = match[1] if match else None
    found = _latest(folder, _LABELS, number) or _latest(dataset, _TENSORS, number)
    if found is None:
        wanted = f"labels.csv or label_{number or 1}.pt"
        raise InputError(f"{folder}: holds no labels ({wanted}), nor does {dataset}; name the file by --labels")
    return found


def _latest(folder: Path, pattern: re.Pattern[str], number: str | None) -> Path | None:
    """Return the file with this number, else with none, else (where any number will do) with the highest."""
    found = {path: pattern.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ())}
    ranked = sorted(
        (match[1] == number, int(match[1] or 0), path)
        for path, match in found.items()
        if match and (number is None or match[1] in (number, None))
    )
    return ranked[-1][-1] if ranked else None


def read_request(path: Path, dataset: Dataset) -> tuple[int, ...]:
    """Return the rows that a request names, in its order; one that is named again counts once.

    Raises:
        InputError: it names nothing, an unknown image, or one that is not in the pool; a list without a header, whose
            lines a tensor answers one by one, names one twice.
    """
    names, listed = _requested_names(path)
    if not names:
        raise InputError(f"{path}: requests no image")
    finder = _Finder(dataset)
    rows = tuple(finder.row(name, f"{path}: line {line}") for line, name in names)
    if listed:
        _refuse_repeats(path, [name for _, name in names], rows)
    pool = set(dataset.unlabeled.tolist())
    for (line, name), row in zip(names, rows, strict=True):
        if row not in pool:
            label = f" as {dataset.class_names[dataset.labels[row]]}" if dataset.labels[row] >= 0 else ""
            raise InputError(
                f"{path}: line {line}: {name} is not in the pool, it is in {dataset.splits[row]}{label}; "
                "this request belongs to another round's dataset"
            )
    return tuple(dict.fromkeys(rows))


def read_answers(path: Path, request: Path, rows: tuple[int, ...], dataset: Dataset, emit: Emit = silent) -> Answers:
    """Return the labels of requested rows; those without one are left out.

    Args:
        path: the labels.
        request: what they answer, named in errors.
        rows: what it names.
        dataset: whose rows these are.
        emit: hears of lines that repeat others.

    Raises:
        InputError: no image has a label; one has two, was not requested or is unknown; a tensor of another length.
    """
    if path.suffix == ".pt":
        return _answered(path, request, rows, _tensor_names(path, request, rows, dataset))
    table = read_table(path)
    finder = _Finder(dataset)
    named = zip(table.lines, table.need(FILE_COLUMNS), strict=True)
    answered = [finder.row(name, f"{path}: line {line}") for line, name in named]
    table, kept = without_repeats(table, [dataset.files[row] for row in answered], emit)
    answered = [answered[place] for place in kept]
    files, labels = table.need(FILE_COLUMNS), table.need(LABEL_COLUMNS)
    requested = set(rows)
    stray = [place for place, row in enumerate(answered) if row not in requested]
    if stray:
        raise InputError(
            f"{path}: line {table.lines[stray[0]]}: {files[stray[0]]} was not requested by {request} ({len(stray)} "
            "such lines); remove these lines, or name the request they answer by --request, for labels that nobody "
            "asked for their own file"
        )
    by_row = dict(zip(answered, labels, strict=True))
    known = set(dataset.class_names)
    return _answered(path, request, rows, [label_in(by_row.get(row, ""), known) for row in rows])


def _answered(path: Path, request: Path, rows: tuple[int, ...], names: Sequence[str]) -> Answers:
    """Return the answers among the names that requested rows have, "" for none.

    Raises:
        InputError: there are none, as where the labels are those of another request.
    """
    pairs = [(row, name) for row, name in zip(rows, names, strict=True) if name]
    if not pairs:
        way_out = "label some of them, or name the request that it answers by --request"
        raise InputError(f"{path}: answers none of the {len(rows)} images of {request}; {way_out}")
    answered, given = zip(*pairs, strict=True)
    return Answers(answered, given)


def with_answers(dataset: Dataset, answers: Answers, source: Path, new_classes: bool) -> Dataset:
    """Return the dataset with the answered images in train.

    Args:
        dataset: the round before.
        answers: rows of its pool and their classes.
        source: the labels' file, named in errors.
        new_classes: whether labels may name classes the dataset lacks; the first labels of all always may.

    Raises:
        InputError: a label is outside the classes.
    """
    known = set(map(composed, dataset.class_names))
    unknown = sorted(name for name in set(answers.names) if composed(name) not in known)
    where = {name: f"{source}: {dataset.files[row]}" for row, name in zip(answers.rows, answers.names, strict=True)}
    if unknown and dataset.classes and not new_classes:
        raise InputError(
            f'{where[unknown[0]]}: the label "{unknown[0]}" is outside the {len(dataset.classes)} classes '
            f"({some(dataset.class_names)}); correct it, or add --new-classes"
        )
    classes = _extended(dataset, unknown, where)
    position = {composed(item.name): place for place, item in enumerate(classes)}
    old = np.array([position[composed(name)] for name in dataset.class_names] + [-1], np.int64)
    labels, splits = old[dataset.labels], dataset.splits.copy()
    rows = np.array(answers.rows, np.int64)
    labels[rows] = [position[composed(name)] for name in answers.names]
    splits[rows] = "train"
    return replace(dataset, classes=classes, labels=labels, splits=splits)


def _extended(dataset: Dataset, unknown: Sequence[str], where: Mapping[str, str]) -> tuple[ImageClass, ...]:
    """Return the classes with new ones, in the order in which the layout will be read again.

    Args:
        dataset: the round before.
        unknown: names of the new ones.
        where: an image that was answered so, by name, for errors.
    """
    if not unknown:
        return dataset.classes
    if (dataset.root / CLASSES_FILE).is_file():
        return _appended(dataset, unknown)
    if dataset.layout == "seed":
        wrong = [name for name in unknown if class_id(name) > LARGEST_LABEL]
        if wrong:
            told = f'the label "{wrong[0]}" is no number; this dataset numbers its classes from 0'
            raise InputError(f"{where[wrong[0]]}: {told}")
        ids = {item.id: item for item in dataset.classes}
        largest = max(map(int, unknown))
        if largest > largest_unlisted(len(dataset)):
            told = f'the label "{largest}" would make {largest + 1:,} classes of {len(dataset):,} images'
            raise InputError(f"{where[str(largest)]}: {told}; correct it, or list the classes in {CLASSES_FILE}")
        return tuple(ids.get(value, ImageClass(value, str(value))) for value in range(max(largest, *ids, 0) + 1))
    named = {item.name: item for item in dataset.classes}
    both = classes_of([*named, *unknown])
    return tuple(named.get(item.name, item) for item in both)


def _appended(dataset: Dataset, unknown: Sequence[str]) -> tuple[ImageClass, ...]:
    """Return listed classes in their own order with new ones behind them, whose ids no listed one has."""
    classes = list(dataset.classes)
    for item in classes_of(unknown):
        taken = {known.id for known in classes}
        fits = item.id not in taken and (dataset.layout != "seed" or item.id <= LARGEST_LABEL)
        free = 1 + max((number for number in taken if number <= LARGEST_LABEL), default=-1)
        classes.append(item if fits else ImageClass(free, item.name))
    return tuple(classes)


class _Finder:
    """Finds the row that a name means: a path in the dataset, a name in `unlabeled/`, or a name that occurs once."""

    def __init__(self, dataset: Dataset) -> None:
        names = [composed(PurePosixPath(file).name) for file in dataset.files]
        self._rows = FileRows(dataset.files)
        self._last = {name: row for row, name in enumerate(names)}
        self._counts = Counter(names)
        self._root = dataset.root.absolute()

    def row(self, name: str, where: str) -> int:
        """Return the row that a name means as it is written, else without spaces around it: files may have them too."""
        for written in (name, local(name, self._root), name.strip(), local(name.strip(), self._root)):
            row = self._find(written, where)
            if row is not None:
                return row
        raise InputError(f"{where}: {name.strip()} is not among the images of {self._root}")

    def _find(self, name: str, where: str) -> int | None:
        for candidate in (name, f"unlabeled/{name}"):
            row = self._rows.find(candidate)
            if row is not None:
                return row
        count = self._counts[composed(name)]
        if count > 1:
            raise InputError(f"{where}: {count} images are called {name}; give the path in {self._root}")
        return self._last.get(composed(name))


def _requested_names(path: Path) -> tuple[list[tuple[int, str]], bool]:
    """Return line and name of each requested image, and whether they are the seed's: a list without a header."""
    text = read_csv_text(path)
    _, first = next(rows_of(path, text, delimiter_of(text)), (0, []))
    if any(value.strip().lower() in FILE_COLUMNS for value in first):
        table = read_table(path)
        return list(zip(table.lines, table.need(FILE_COLUMNS), strict=True)), False
    return [(line, unguard(row[0])) for line, row in rows_of(path, text, ",") if row[0].strip()], True


def _tensor_names(path: Path, request: Path, rows: tuple[int, ...], dataset: Dataset) -> list[str]:
    """Return the class names that the seed's tensor gives: ids in the seed's layout, else places; "" for -1."""
    numbers = read_label_tensor(path).tolist()
    if len(numbers) != len(rows):
        raise InputError(
            f"{path}: holds {len(numbers)} labels and {request} names {len(rows)} images; name the request it answers"
        )
    by_number = {
        item.id if dataset.layout == "seed" else place: item.name for place, item in enumerate(dataset.classes)
    }
    return ["" if value < 0 else by_number.get(value, str(value)) for value in numbers]


def _refuse_repeats(path: Path, names: Sequence[str], rows: Sequence[int]) -> None:
    repeated = [row for row, count in Counter(rows).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: names {names[list(rows).index(repeated[0])]} twice; remove one of the lines")
