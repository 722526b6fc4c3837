"""Write the next round's dataset: the labeled images with the newly labeled ones, and the pool without them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.configs.create_dataset import CreateDatasetConfig
from barlowmatch.data.answered import hold_out_answered
from barlowmatch.data.answers import labels_for, latest_request, read_answers, read_request, with_answers
from barlowmatch.data.classes import some
from barlowmatch.data.copies import Pictures, compare_pictures, contradiction, same
from barlowmatch.data.dataset import SPLITS, Dataset
from barlowmatch.data.layouts import read_with_columns
from barlowmatch.data.likely_mistakes import tell_likely_mistakes
from barlowmatch.data.shares import few_to_hold_out, none_held_out, share_held_out
from barlowmatch.data.splits import held_out_note, only_in_val, refuse_other_groups, val_is_sample
from barlowmatch.data.workers import run_tasks
from barlowmatch.data.writing import write_dataset
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.stages.earlier_labels import tell_of_labels_asked_beside
from barlowmatch.words import count

_ROUND = re.compile(r"(.*)-round-(\d+)")


def run(config: CreateDatasetConfig, emit: Emit = silent) -> dict[str, Any]:
    """Check request and labels against each other and the dataset, and write the next dataset.

    Returns:
        Where it is and what it holds: `out_path`, `request`, `labels`, how many images with a new label were `added`
        that can be read and how many are `unreadable`, how many are `held_out`, how many requested ones stay
        `unanswered`, images by split, `classes`, `new_classes`, `linked`, `copied`.

    Raises:
        InputError: request, labels and dataset do not fit together, or the new folder cannot be written.
    """
    dataset, columns = read_with_columns(config.source, emit)
    request = config.request or latest_request(config.label_request_path)
    labels = config.labels or labels_for(request, config.label_request_path, dataset.root)
    tell_of_labels_asked_beside(request, dataset, emit)
    asked = read_request(request, dataset)
    answers = read_answers(labels, request, asked, dataset, emit)
    rows = answers.rows
    _tell_unanswered(dataset, labels, asked, rows, emit)
    if config.strict:
        _refuse_unreadable(dataset, rows)
    grown = with_answers(dataset, answers, labels, config.new_classes)
    if len(grown.classes) > len(dataset.classes):
        tell_likely_mistakes(grown, emit)
    pictures = compare_pictures(grown, np.flatnonzero(grown.labels >= 0).tolist(), emit)
    unreadable = [row for row in rows if row in pictures.reasons]
    _tell_about_pictures(grown, pictures, labels, unreadable, emit)
    share = share_held_out(grown, config.val_share)
    if val_is_sample(dataset):
        refuse_other_groups(dataset.root, config.group_by)
        grown = hold_out_answered(grown, np.array(rows, np.int64), share, pictures.shown)
        _tell_if_none_held_out(grown, share, config.val_share, emit)
        lost = only_in_val(grown)
        if lost:
            message = f"all labels of {some(lost)} are in val, so nothing is learned of them; label more images of them"
            emit(Said(message=message, level="warning"))
    answered = set(rows)
    order = [row for row in range(len(grown)) if row not in answered]
    spared = len(dataset.train) if share_held_out(dataset, config.val_share) == 0 else 0
    beside = held_out_note(dataset, share, config.group_by, spared)
    out_path = config.out_path or next_folder(dataset.root)
    written = write_dataset(grown, columns, [*order, *rows], out_path, emit, beside)
    known = set(dataset.class_names)
    return {
        "out_path": str(out_path),
        "request": str(request),
        "labels": str(labels),
        "added": len(rows) - len(unreadable),
        "unreadable": len(unreadable),
        "unanswered": len(asked) - len(rows),
        "held_out": int((grown.splits[list(rows)] == "val").sum()),
        "images": {split: int((grown.splits == split).sum()) for split in SPLITS},
        "classes": len(grown.classes),
        "new_classes": [name for name in grown.class_names if name not in known],
        "linked": written.linked,
        "copied": written.copied,
    }


def present(config: CreateDatasetConfig, result: dict[str, Any]) -> None:
    """Print what was written."""
    images = ", ".join(f"{number:,} {split}" for split, number in result["images"].items() if number)
    new = f", new: {', '.join(result['new_classes'])}" if result["new_classes"] else ""
    held = f", {result['held_out']:,} of them held out as val" if result["held_out"] else ""
    print(f"{count(result['added'], 'newly labeled image')} from {result['request']} and {result['labels']}{held}")  # noqa: T201
    print(f"{result['out_path']}: {images}; {count(result['classes'], 'class', 'classes')}{new}")  # noqa: T201


def next_folder(root: Path) -> Path:
    """Return the first free folder of `dataset-round-1`, `dataset-round-2`, … beside a dataset, after its own round."""
    root = root.resolve()
    match = _ROUND.fullmatch(root.name)
    base, number = (match[1], int(match[2])) if match else (root.name, 0)
    while True:
        number += 1
        folder = root.with_name(f"{base}-round-{number}")
        if not folder.exists():
            return folder


def _tell_if_none_held_out(grown: Dataset, share: float, asked: float | None, emit: Emit) -> None:
    """Say that no label is held out, by chance or as there are few, unless that was asked for."""
    if "val" in grown.splits:
        return
    if share:
        way_out = "a larger --val-share holds some out, into another --out-path"
        emit(Said(message=f"{none_held_out(len(grown.train), share)}; {way_out}", level="warning"))
    elif asked is None:
        emit(Said(message=few_to_hold_out(grown)))


def _tell_unanswered(dataset: Dataset, labels: Path, asked: Sequence[int], rows: Sequence[int], emit: Emit) -> None:
    """Say how many requested images have no label yet."""
    answered = set(rows)
    rest = [dataset.files[row] for row in asked if row not in answered]
    if rest:
        told = f"{len(rest):,} of {len(asked):,} requested images have no label and stay in the pool"
        emit(Said(message=f"{labels}: {told}, the first {rest[0]}"))


def _tell_about_pictures(
    dataset: Dataset, pictures: Pictures, labels: Path, unreadable: Sequence[int], emit: Emit
) -> None:
    """Warn of new labels of files that show nothing, and of labels that contradict each other."""
    if unreadable:
        named = some(f"{dataset.files[row]} ({pictures.reasons[row]})" for row in unreadable)
        told = f"{count(len(unreadable), 'label')} of files that cannot be read, of which nothing is learned: {named}"
        emit(Said(message=f"{labels}: {told}", level="warning"))
    disputed = contradiction(dataset, same(pictures.shown))
    if disputed is not None:
        emit(Said(message=disputed, level="warning"))


def _refuse_unreadable(dataset: Dataset, rows: tuple[int, ...]) -> None:
    for place, answer in run_tasks("examine", [str(dataset.path(row)) for row in rows]):
        if "reason" in answer:
            file = dataset.path(rows[place])
            raise InputError(f"{file}: {answer['reason']}; take it out of the request, or leave out --strict")
