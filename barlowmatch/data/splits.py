"""Holding out validation images, and keeping together what belongs together."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from barlowmatch.data.dataset import HELD_OUT_FILE, SYNONYMS, Dataset
from barlowmatch.data.file_rows import composed
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said


def hold_out(dataset: Dataset, share: float) -> Dataset:
    """Return the dataset with a uniform sample of its labeled training images as split val, where none was drawn yet.

    An image is held out by a hash of its group, else of its file name, never by its place: labels that come later
    move no image between train and val. With groups whole groups are held out, their unlabeled images included; a
    group without a label has nothing to judge by and stays in the pool.
    Images of test stay where they are: what picks the best model must not report how good it is.
    """
    return _held_out(dataset, share) if draws_sample(dataset, share) else dataset


def draws_sample(dataset: Dataset, share: float) -> bool:
    """Say whether a sample is to be drawn, as there is no val and none was drawn in an earlier round."""
    return share > 0 and "val" not in dataset.splits and not (dataset.root / HELD_OUT_FILE).is_file()


def val_was_drawn(dataset: Dataset) -> bool:
    """Say whether flags decided on reading which images are val, be they none, and no split that lies there."""
    return dataset.held_out or draws_sample(dataset, 1)


def only_in_val(dataset: Dataset) -> tuple[str, ...]:
    """Return the names of the classes that have labels in val and none in train: nothing is learned of them."""
    lost = np.setdiff1d(dataset.labels[dataset.val], dataset.labels[dataset.train])
    return tuple(dataset.class_names[label] for label in lost)


def _held_out(dataset: Dataset, share: float) -> Dataset:
    """Return the dataset with a sample of its labeled training images, or of their groups, in val."""
    rows = dataset.train
    if dataset.groups is None:
        chosen = np.zeros(len(dataset), dtype=bool)
        for row in rows.tolist():
            chosen[row] = draw(dataset.files[row]) < share
    else:
        held = {group for group in {dataset.groups[row] for row in rows} if draw(group) < share}
        chosen = np.fromiter((group in held for group in dataset.groups), dtype=bool, count=len(dataset))
    chosen &= dataset.splits != "test"
    splits = np.where(chosen, "val", dataset.splits).astype("<U9")
    return replace(dataset, splits=splits, held_out=dataset.held_out or bool(chosen.any()))


def val_is_sample(dataset: Dataset) -> bool:
    """Say whether val, where there is one, was drawn from the labeled images, now or in an earlier round."""
    return dataset.held_out or "val" not in dataset.splits or (dataset.root / HELD_OUT_FILE).is_file()


def held_out_note(dataset: Dataset, share: float, group_by: str | None, spared: int = 0) -> dict[str, str]:
    """Return the file, name and text, that says beside the next round's dataset that its val is a sample.

    It names the groups that go on, and how the sample was drawn first: later draws are of newly labeled images alone.
    There is none where val is no sample, or is to be drawn on reading as none was drawn so far.

    Args:
        dataset: the round before.
        share: held out of the newly labeled images.
        group_by: what belongs together.
        spared: how many labels of the round before were too few to be held out of: what learned from so many at most
            has seen nothing of val.
    """
    before = _read_note(dataset.root)
    if not val_is_sample(dataset) or (share == 0 and before is None):
        return {}
    drawn = {"val_share": share, "group_by": group_by, **({"spared": spared} if spared else {})}
    first = drawn if before is None else before.get("first")
    return {HELD_OUT_FILE: json.dumps({"group_by": group_by, "first": first}) + "\n"}


def first_draw(dataset: Dataset) -> Mapping[str, Any] | None:
    """Return by which flags the first of a dataset's val was held out, None where nothing says so.

    Beside the flags it says, as `spared`, out of how many earlier labels nothing was.

    Raises:
        InputError: what lies there is damaged.
    """
    return (_read_note(dataset.root) or {}).get("first")


def refuse_other_groups(root: Path, group_by: str | None) -> None:
    """Refuse to go on with a sample by other groups, which would lie in train and val.

    Raises:
        InputError: it was drawn by others.
    """
    before = (_read_note(root) or {}).get("group_by")
    if before not in (None, group_by):
        path = root / HELD_OUT_FILE
        raise InputError(f"--group-by {group_by}: {path} names {before}, by which val was held out; give that")


def _read_note(root: Path) -> dict[str, Any] | None:
    path = root / HELD_OUT_FILE
    if not path.is_file():
        return None
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        first = note.get("first")  # earlier versions did not say
        drawn = first and {
            "val_share": float(first["val_share"]), "group_by": first["group_by"],
            "spared": int(first.get("spared", 0)),
        }  # fmt: skip
        return {"group_by": note["group_by"], "first": drawn or None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged; remove it, and val stays as it is") from error


def draw(name: str) -> float:
    """Return a number in [0, 1) that depends on `name` alone and is uniform over names."""
    digest = hashlib.sha256(b"held out\0" + name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def with_groups(
    dataset: Dataset,
    group_by: str | None,
    columns: Mapping[str, Sequence[str]],
    emit: Emit,
    complain: Callable[[str], None],
) -> Dataset:
    """Return the dataset with the group of each image.

    Args:
        dataset: without groups.
        group_by: `folder`, a column's name, or a regular expression; None: the column `group` where there is one.
        columns: what tables say, row by row.
        emit: hears of images without a group; each becomes a group of its own.
        complain: told of groups that lie in more than one of train (with the pool), val and test.

    Raises:
        InputError: `group_by` is none of these.
    """
    if group_by is None and not any(columns.get("group", ())):
        return dataset
    found = _groups(dataset, group_by or "group", columns)
    alone = [row for row, group in enumerate(found) if not group]
    if alone:
        emit(
            Said(
                message=f"--group-by {group_by or 'group'}: {len(alone):,} images have no group, the first "
                f"{dataset.files[alone[0]]}; each is a group of its own",
                level="warning",
            )
        )
    groups = tuple(group or f"file {file}" for group, file in zip(found, dataset.files, strict=True))
    grouped = replace(dataset, groups=groups)
    _check_crossing(grouped, complain)
    return grouped


def _groups(dataset: Dataset, group_by: str, columns: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if group_by == "folder":
        return [folders_below(dataset, file) for file in dataset.files]
    if group_by.lower() in columns:
        return columns[group_by.lower()]
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise InputError(f"--group-by {group_by}: no column and no regular expression ({error})") from error
    if pattern.groups == 0:
        named = f" (columns: {', '.join(columns)})" if columns else ""
        raise InputError(
            f"--group-by {group_by}: neither `folder` nor a column{named}, and as a regular expression it has no "
            "group in parentheses; put the part that names the group into them, as in (plate\\d+)"
        )
    whole = "/" in group_by
    matches = [pattern.search(file if whole else PurePosixPath(file).name) for file in dataset.files]
    return [(match.group(1) or "") if match else "" for match in matches]


def folders_below(dataset: Dataset, file: str) -> str:
    """Return the folders around a file below its split and its class, "" where it lies directly there."""
    parts = PurePosixPath(file).parent.parts
    split = SYNONYMS.get(parts[0].lower()) if parts else None
    if split is not None:
        parts = parts[1:]
    if (
        dataset.layout == "class-folders"
        and split != "unlabeled"
        and parts
        and composed(parts[0]) in dataset.composed_names
    ):
        parts = parts[1:]
    return "/".join(parts)


def _check_crossing(dataset: Dataset, complain: Callable[[str], None]) -> None:
    """Complain of a group that lies in two of train (with the pool), val and test."""
    assert dataset.groups is not None
    sides = np.where(np.isin(dataset.splits, ("train", "unlabeled")), "train", dataset.splits).tolist()
    first: dict[str, tuple[str, int]] = {}
    for row, (group, side) in enumerate(zip(dataset.groups, sides, strict=True)):
        other, place = first.setdefault(group, (side, row))
        if other != side:
            complain(
                f'--group-by: the group "{group}" lies in {dataset.splits[place]} ({dataset.files[place]}) and in '
                f"{dataset.splits[row]} ({dataset.files[row]}); put it into one split, or leave --group-by out"
            )
            return
