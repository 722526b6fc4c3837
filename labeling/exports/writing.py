"""Exports: the labeled images as a dataset of their own, of one moment, whole or not at all.

| format | holds |
|---|---|
| `folders` | `<split>/<class>/<file>` of the labeled images |
| `seed` | `<split>/0.png …` with `<split>_label_tensor.pt`, and `unlabeled/` |
| `csv` | no images: tables, and a link to the images |

Each holds `manifest.csv` (trainable by `--manifest`), `labels.csv` (file, sha256, split, label), `classes.csv` (id,
name) and `export.json` (format, label event, counts, what was left out and why).

Files and folders are called as those that `create-dataset` writes (`barlowmatch.data.naming`). Some things differ, as
an export is taken away and the next round's dataset stays beside the one before:

- Images are copied, not linked, and compared with what was indexed on the way: a file replaced meanwhile never gets the
  label of another, and what is changed in the copy changes nothing in the project.
- In the seed's layout it is a dataset before any round: its commands read `train/` then, and a pool without gaps.
- In class folders it holds no pool and no folders within a class: the manifest has the groups.
- A class whose name no folder can have gets another folder: `labels.csv` says what it is called.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from barlowmatch.data.classes import LARGEST_LABEL, ImageClass, write_classes
from barlowmatch.data.dataset import SPLITS
from barlowmatch.data.listings import MANIFEST_COLUMNS
from barlowmatch.data.naming import kept, numbered, safe_folders
from barlowmatch.data.progress import Rate
from barlowmatch.data.tables import write_table
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.files import whole_folder, write_json
from barlowmatch.words import count
from labeling.configs import Format
from labeling.exports.seed_tensors import write_label_tensors
from labeling.project import ProjectFolder, reading
from storage.classes import list_classes
from storage.clock import now
from storage.database import Database
from storage.exporting import JUDGED_BY, Labeled, contents_judged_by, groups_across, labeled_images, name_groups
from storage.requests import latest_event
from storage.settings import get_setting

SCHEMA = 1
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

    @property
    def file(self) -> str:
        """Its path in the folder of images."""
        return os.fsdecode(self.of.image.path)


@dataclass(frozen=True)
class Snapshot:
    """A project at one moment: rows to export, what is left out by reason, its classes, the newest event."""

    rows: tuple[Row, ...]
    left_out: Counter[str]
    classes: tuple[ImageClass, ...]
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
        _write_tables(rows, partial, across)
        write_classes(partial, classes)
        if kind == "seed":
            ids = {item.name: item.id for item in classes}
            splits = {split: [ids[row.label] for row in rows if row.split == split and row.label] for split in SPLITS}
            write_label_tensors(partial, splits)
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
        yield (
            f"{count(lost, 'file')} could not be read as indexed: look through the images again on the Project page, "
            "then export them under another name"
        )


def _about_groups(rows: Sequence[Row], across: Sequence[str]) -> Iterator[str]:
    """Say which groups the manifest does not name, if there are any."""
    if across:
        names = ", ".join(across[:_NAMED]) + (", …" if len(across) > _NAMED else "")
        images = sum(row.of.image.group in set(across) for row in rows)
        yield (
            f"{count(len(across), 'group')} {'is' if len(across) == 1 else 'are'} both learned from and judged by "
            f"({names}): the manifest names no group for {count(images, 'image')}, and figures on them may flatter"
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
    classes = tuple(ImageClass(item.id, item.name) for item in list_classes(db))
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
    classes = safe_folders([item.name for item in snapshot.classes])
    labeled = [row for row in snapshot.rows if row.label is not None]
    places = [f"{row.split}/{classes[row.label]}" for row in labeled if row.label is not None]
    return _copy(snapshot, _going_to(labeled, kept([row.file for row in labeled], places)), folder, emit)


def _write_seed(snapshot: Snapshot, folder: Path, emit: Emit) -> Written:
    """Copy all images under numbers, those of the pool too."""
    rows, left_out = _copy(snapshot, _numbered(snapshot.rows), folder, emit)
    for row, closed in zip(rows, _numbered(rows), strict=True):
        if row.target != closed.target:  # an image before it was left out
            (folder / row.target).rename(folder / closed.target)  # numbers only fall, so the target is free
    return _numbered(rows), left_out


def _numbered(rows: Sequence[Row]) -> list[Row]:
    return _going_to(rows, numbered([row.file for row in rows], [row.split for row in rows]))


def _going_to(rows: Sequence[Row], targets: Sequence[str]) -> list[Row]:
    return [replace(row, target=target) for row, target in zip(rows, targets, strict=True)]


def _write_csv(snapshot: Snapshot, folder: Path, _: Emit) -> Written:
    """Link to the images instead of copying them."""
    (folder / IMAGES_LINK).symlink_to(snapshot.root, target_is_directory=True)
    return _going_to(snapshot.rows, [f"{IMAGES_LINK}/{row.file}" for row in snapshot.rows]), Counter()


_WRITERS: dict[Format, Callable[[Snapshot, Path, Emit], Written]] = {
    "folders": _write_folders, "seed": _write_seed, "csv": _write_csv,
}  # fmt: skip


def _copy(snapshot: Snapshot, rows: Sequence[Row], folder: Path, emit: Emit) -> Written:
    """Copy images to their targets, leaving out those whose content is not what was labeled."""
    _need_room(folder, [row.of.image.bytes or 0 for row in rows])
    rate = Rate("export images", len(rows), emit)
    written: list[Row] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        content = _content(snapshot.root / row.file)
        if content is None:
            left_out["its file is gone"] += 1
        elif hashlib.sha256(content).hexdigest() != row.of.image.sha256:
            left_out["its file has other content than when it was indexed"] += 1
        else:
            path = folder / row.target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(row)
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
            f"{folder.parent}: copying {count(len(sizes), 'image')} needs {needed / 1e9:,.1f} GB free, and "
            f"{free / 1e9:,.1f} GB are; free some space, or export the tables only (csv)"
        )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _write_tables(rows: list[Row], folder: Path, across: Sequence[str]) -> None:
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


def _numbers(classes: tuple[ImageClass, ...]) -> tuple[ImageClass, ...]:
    """Return classes with ids that fit into the seed's label tensors: their own, or else their places."""
    if all(item.id <= LARGEST_LABEL for item in classes):
        return classes
    return tuple(ImageClass(place, item.name) for place, item in enumerate(classes))
