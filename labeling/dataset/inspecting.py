"""What a dataset holds: its layout, its labels, its damaged files.

Finding that out is the business of `python -m barlowmatch inspect`, run as a process of its own; a project takes up the
manifest and the report that it writes.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barlowmatch.configs.shared import ClassFolders
from barlowmatch.data.folder_names import IF_THEY_ARE_CLASSES, IF_THEY_ARE_NONE, OTHER_LABELS
from barlowmatch.data.tables import read_table, shown
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Progress, Said, from_json, silent
from labeling.dataset.reports import keep_report
from labeling.project import ProjectFolder
from storage.records import NewImage

INDEX = "index.csv"
"""The manifest that `inspect` writes into the project folder."""
_COMPLAINS = "barlowmatch: "
_TOLD = "/dev/stderr"
"""Where it writes its events."""
_HERE = {
    IF_THEY_ARE_NONE: "make another project with --class-folders 0",
    IF_THEY_ARE_CLASSES: "make another project with --class-folders 1",
    OTHER_LABELS: "label in the app, or bring labels in by import --labels",
}
"""Ways out that `inspect` names, and those of a project: how its folder is read is said once, when it is made."""


@dataclass(frozen=True)
class Source:
    """How the images of a project are read, the first time and ever after.

    Attributes:
        manifest: name of the table in the dataset that lists the images, None to read the folder.
        group_by: what belongs together.
        class_folders: 1 where folders are classes, 0 where they are none, None to go by what they look like.
    """

    manifest: str | None = None
    group_by: str | None = None
    class_folders: ClassFolders = None

    def words(self, images: Path) -> list[str]:
        """Return the words that tell `inspect` so; `images` is where the dataset lies."""
        where = ["--manifest", str(images / self.manifest)] if self.manifest else ["--dataset-folder", str(images)]
        grouping = ["--group-by", self.group_by] if self.group_by else []
        folders = [] if self.class_folders is None else ["--class-folders", str(self.class_folders)]
        return [*where, *grouping, *folders]


@dataclass(frozen=True)
class Found:
    """An image that a dataset holds now."""

    new: NewImage
    label: str


@dataclass(frozen=True)
class Index:
    """What a dataset holds now: images, classes as (id, name), and how many files cannot be read."""

    root: Path
    found: tuple[Found, ...]
    classes: tuple[tuple[int, str], ...]
    unreadable: int


def read_index(paths: ProjectFolder, images: Path, source: Source, note: Emit = silent) -> Index:
    """Let `python -m barlowmatch inspect` read the dataset, keep its report, and return what it found.

    What it says meanwhile, how far it is and what folders are taken for, goes on to standard error, and to `note`.

    Args:
        paths: of the project.
        images: link to the dataset in the project folder.
        source: how they are read.
        note: hears what is told meanwhile.

    Raises:
        InputError: what it complained of.
    """
    root = Path(os.path.realpath(images))
    target = paths.folder / INDEX
    target.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "barlowmatch", "inspect", *source.words(images), "--events", _TOLD,
        "--val-share", "0", "--manifest-out", str(target), "--json",
    ]  # fmt: skip
    report: dict[str, Any] = json.loads(_heard(command, _HERE | {str(images): str(root)}, note)) | {"root": str(root)}
    keep_report(paths, report)
    unreadable = {item["file"] for item in report["unreadable"]}
    found = tuple(_found(root, *row) for row in _rows(target, images) if row[0] not in unreadable)
    classes = tuple((int(item["id"]), str(item["name"])) for item in report["classes"])
    return Index(root, found, classes, len(unreadable))


def _heard(command: list[str], here: Mapping[str, str], note: Emit) -> bytes:
    """Return what a command writes to its standard output; `here` has words for some of those that it says meanwhile.

    Its events come between the lines for people; its start and its end are not passed on: they are a part of ours.

    Raises:
        InputError: what it complained of last.
    """
    complaint = "inspect failed"
    with (
        tempfile.TemporaryFile() as written,
        subprocess.Popen(command, stdout=written, stderr=subprocess.PIPE, encoding="utf-8", errors="replace") as told,
    ):
        for line in told.stderr or ():
            said = line.rstrip()
            for words, ours in here.items():
                said = said.replace(words, ours)
            event = from_json(said) if said.startswith("{") else None
            if isinstance(event, (Progress, Said)):
                note(event)
            elif said.startswith(_COMPLAINS):
                complaint = said.removeprefix(_COMPLAINS)
            elif said and event is None:
                print(said, file=sys.stderr, flush=True)  # noqa: T201 - to whoever waits for the images to be read
        if told.wait():
            raise InputError(complaint)
        written.seek(0)
        return written.read()


def _rows(index: Path, images: Path) -> Iterable[tuple[str, str, str, str, str]]:
    """Yield file (relative to the dataset), hash, split, label and group of each row of a manifest."""
    table = read_table(index)
    prefix = f"{images.name}/"
    files = (file.removeprefix(prefix) for file in table.need(["file"]))
    rest = (table.need([name]) for name in ("sha256", "split", "label", "group"))
    return zip(files, *rest, strict=True)


def _found(root: Path, file: str, sha256: str, split: str, label: str, group: str) -> Found:
    path = os.fsencode(file)
    try:
        status = os.stat(root / file)  # noqa: PTH116 - half the time of Path.stat, over 200,000 files
        size, mtime_ns = status.st_size, status.st_mtime_ns
    except OSError:
        size, mtime_ns = None, None
    return Found(
        NewImage(path, shown(file), sha256, split, group or None, size, mtime_ns),  # type: ignore[arg-type]
        label,
    )
