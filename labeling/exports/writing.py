"""Exports: the labeled images as a dataset of their own, of one moment, whole or not at all.

| format | holds |
|---|---|
| `folders` | `<split>/<class>/<file>` of the labeled images |
| `seed` | `<split>/0.png …` with `<split>_label_tensor.pt`, and `unlabeled/` |
| `csv` | no images: tables, and a link to the images |

Each holds `manifest.csv` (trainable by `--manifest`), `labels.csv` (file, sha256, split, label), `classes.csv` (id,
name) and `export.json` (format, label event, counts, what was left out and why). Images are copied and compared with
what was indexed on the way, so that a file replaced meanwhile never gets the label of another.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barlowmatch.data.classes import CLASSES_FILE
from barlowmatch.data.listings import MANIFEST_COLUMNS
from barlowmatch.data.progress import Rate
from barlowmatch.data.tables import write_table
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.files import whole_folder, write_json
from labeling.configs import Format
from labeling.exports.names import class_folders, numbered, within_folders
from labeling.exports.seed_tensors import LARGEST_LABEL, write_label_tensors
from labeling.project import ProjectFolder, reading
from storage.classes import list_classes
from storage.database import Database, now
from storage.exporting import JUDGED_BY, Labeled, contents_judged_by, groups_across, labeled_images, name_groups
from storage.requests import latest_event
from storage.settings import get_setting

SCHEMA = 1
SPLITS = ("train", "val", "test", "unlabeled")
IMAGES_LINK = "images"
_COME_BACK = "connect their disk, or say where they lie now on the Project page (or by import --rescan)"
_SPARE = 200 * 2**20
"""Bytes of the disk that an export leaves free, for labels to be stored in."""
_NAMED = 3
"""Groups that a warning names."""
_BLOCK = 4096
"""Bytes that the content of a file takes at least, and in multiples of which."""


@dataclass(frozen=True)
class Row:
    """A row of an export: an image, its split there, its class's name or None, and where it goes, if it is copied."""

    of: Labeled
    split: str
    label: str | None
    target: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A project at one moment: rows to export, what is left out by reason, classes as (id, name), the newest event."""

    rows: tuple[Row, ...]
    left_out: Counter[str]
    classes: tuple[tuple[int, str], ...]
    event: int
    root: Path


def export(folder: Path, kind: Format, name: str, emit: Emit) -> dict[str, Any]:
    """Write an export of a project and return what `export.json` says of it, with its path.

    Raises:
        InputError: there is an export of that name, nothing is labeled, the images are away, or the disk is full.
    """
    paths = ProjectFolder(folder).need()
    target = paths.exports / name
    if target.exists():
        raise InputError(f"{target}: exists already; name another export")
    with reading(folder) as db:
        snapshot = take_snapshot(db)
    if not any(row.label for row in snapshot.rows):
        raise InputError(f"{folder}: nothing is labeled yet; label some images first")
    if not snapshot.root.is_dir():
        raise InputError(f"{snapshot.root}: the folder of the images is not there; {_COME_BACK}")
    with whole_folder(target) as partial:
        rows, left_out = _WRITERS[kind](snapshot, partial, emit)
        if not any(row.label for row in rows):
            raise InputError(f"{snapshot.root}: no labeled image in it is as it was indexed; {_COME_BACK}")
        across = groups_across(row.of for row in rows)
        warnings = [*_about_lost(left_out.total()), *_about_groups(rows, across)]
        for warning in warnings:
            emit(Said(message=warning, level="warning"))
        classes = _numbers(snapshot.classes) if kind == "seed" else snapshot.classes
        _write_tables(rows, partial, classes, across)
        if kind == "seed":
            ids = {name: number for number, name in classes}
            splits = {split: [ids[row.label] for row in rows if row.split == split and row.label] for split in SPLITS}
            write_label_tensors(partial, {split: numbers for split, numbers in splits.items() if numbers})
        summary = {
            "schema": SCHEMA, "format": kind, "event": snapshot.event, "created": now(), "images": len(rows),
            "labeled": sum(row.label is not None for row in rows), "left_out": dict(snapshot.left_out + left_out),
            "warning": "; ".join(warnings) or None,
        }  # fmt: skip
        write_json(partial / "export.json", summary)
    return {**summary, "path": str(target)}


def _about_lost(lost: int) -> Iterator[str]:
    """Say that images were left out which the project counts as there, if there are any."""
    if lost:
        files = "1 file" if lost == 1 else f"{lost:,} files"
        yield (
            f"{files} could not be read as indexed: look through the images again on the Project page, "
            "then export them under another name"
        )


def _about_groups(rows: Sequence[Row], across: Sequence[str]) -> Iterator[str]:
    """Say which groups the manifest does not name, if there are any."""
    if across:
        names = ", ".join(across[:_NAMED]) + (", …" if len(across) > _NAMED else "")
        images = sum(row.of.image.group in set(across) for row in rows)
        yield (
            f"{'1 group is' if len(across) == 1 else f'{len(across):,} groups are'} both learned from and judged by "
            f"({names}): the manifest names no group for {images:,} images, and figures on them may flatter"
        )


def take_snapshot(db: Database) -> Snapshot:
    """Return what a project would export now."""
    rows, left_out = [], Counter[str]()
    everything = list(labeled_images(db))
    judged_by = contents_judged_by(everything)
    for item in everything:
        reason = _why_not(item, judged_by)
        if reason:
            left_out[reason] += 1
        else:
            rows.append(Row(item, item.split, item.label))
    classes = tuple((item.id, item.name) for item in list_classes(db))
    return Snapshot(tuple(rows), left_out, classes, latest_event(db), Path(get_setting(db, "root")))


def _why_not(item: Labeled, judged_by: set[str]) -> str | None:
    image = item.image
    if not image.present:
        return "its file is gone"
    if image.label.state == "disputed":
        return "disputed"
    if image.label.state == "rejected":
        return "none of the classes"
    if item.label is None and image.split in JUDGED_BY:
        return f"kept for {image.split}, not labeled yet"
    if image.split not in JUDGED_BY and image.sha256 in judged_by:
        return "the same picture as one kept for val or test"
    return None


Written = tuple[list[Row], Counter[str]]


def _write_folders(snapshot: Snapshot, folder: Path, emit: Emit) -> Written:
    """Copy the labeled images into class folders."""
    folders = class_folders([name for _, name in snapshot.classes])
    labeled = [row for row in snapshot.rows if row.label is not None]
    return _copy(snapshot, within_folders(labeled, folders), folder, emit)


def _write_seed(snapshot: Snapshot, folder: Path, emit: Emit) -> Written:
    """Copy all images under numbers, those of the pool too."""
    rows, left_out = _copy(snapshot, numbered(snapshot.rows), folder, emit)
    if not left_out:
        return rows, left_out
    return _renumber(rows, folder), left_out


def _write_csv(snapshot: Snapshot, folder: Path, _: Emit) -> Written:
    """Link to the images instead of copying them."""
    (folder / IMAGES_LINK).symlink_to(snapshot.root, target_is_directory=True)
    rows = [
        Row(row.of, row.split, row.label, f"{IMAGES_LINK}/{os.fsdecode(row.of.image.path)}") for row in snapshot.rows
    ]
    return rows, Counter()


_WRITERS: dict[Format, Callable[[Snapshot, Path, Emit], Written]] = {
    "folders": _write_folders, "seed": _write_seed, "csv": _write_csv,
}  # fmt: skip


def _copy(snapshot: Snapshot, targets: Iterator[tuple[Row, str]], folder: Path, emit: Emit) -> Written:
    """Copy images to their targets, leaving out those whose content is not what was labeled."""
    planned = list(targets)
    _need_room(folder, [row.of.image.bytes or 0 for row, _ in planned])
    rate = Rate("export images", len(planned), emit)
    written: list[Row] = []
    left_out: Counter[str] = Counter()
    for row, target in planned:
        content = _content(snapshot.root / os.fsdecode(row.of.image.path))
        if content is None:
            left_out["its file is gone"] += 1
        elif hashlib.sha256(content).hexdigest() != row.of.image.sha256:
            left_out["its file has other content than when it was indexed"] += 1
        else:
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(Row(row.of, row.split, row.label, target))
        rate.step()
    return written, left_out


def _need_room(folder: Path, sizes: Sequence[int]) -> None:
    """Refuse what the disk cannot hold before it is full for everybody.

    Raises:
        InputError: there is too little space.
    """
    needed = sum(-(-size // _BLOCK) * _BLOCK for size in sizes) + _SPARE
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.parent}: copying {len(sizes):,} images needs {needed / 1e9:,.1f} GB free, and "
            f"{free / 1e9:,.1f} GB are; free some space, or export the tables only (csv)"
        )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _renumber(rows: list[Row], folder: Path) -> list[Row]:
    """Close the gaps that images left out of numbered folders."""
    closed = []
    for row, target in numbered(rows):
        if target != row.target:
            (folder / row.target).rename(folder / target)  # numbers only fall, so the target is free
        closed.append(Row(row.of, row.split, row.label, target))
    return closed


def _write_tables(rows: list[Row], folder: Path, classes: tuple[tuple[int, str], ...], across: Sequence[str]) -> None:
    groups = name_groups([row.of for row in rows], set(across))
    write_table(
        folder / "manifest.csv", MANIFEST_COLUMNS,
        (
            (row.target, row.of.image.sha256, row.split, row.label or "", group)
            for row, group in zip(rows, groups, strict=True)
        ),
    )  # fmt: skip
    write_table(
        folder / "labels.csv", ("file", "sha256", "split", "label"),
        ((row.target, row.of.image.sha256, row.split, row.label) for row in rows if row.label is not None),
    )  # fmt: skip
    write_table(folder / CLASSES_FILE, ("id", "name"), classes)


def _numbers(classes: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """Return classes with ids that fit into the seed's label tensors: their own, or else their places."""
    if all(number <= LARGEST_LABEL for number, _ in classes):
        return classes
    return tuple((place, name) for place, (_, name) in enumerate(classes))
