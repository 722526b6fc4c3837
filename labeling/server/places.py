"""Where images and projects may lie: checks that are shown while somebody types a path."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from barlowmatch.data.classes import some
from barlowmatch.data.folder_classes import classes_by_folders
from barlowmatch.data.folders import Tree, is_passed_over
from barlowmatch.data.images import SUFFIXES
from barlowmatch.data.natural import natural_key
from barlowmatch.data.tables import shown
from barlowmatch.words import count
from labeling.project import NETWORK_DISKS, ProjectFolder, disk_kind

_SECONDS = 1.5
"""How long files are counted; a folder that takes longer is said to hold at least so many."""
_NAMED = 3
"""How many folders that would become classes are named."""


@dataclass(frozen=True)
class Place:
    """A folder that was looked at.

    Attributes:
        ok: whether it will do.
        words: what it is, or why it will not do and the way out.
        state: `open` where there is a project already, else `new` or `no`.
        classes: of images, which of their folders would or could become classes, in words; "" where there are none.
        taken: whether they would, unless somebody says otherwise.
    """

    ok: bool
    words: str
    state: Literal["new", "open", "no"] = "no"
    classes: str = ""
    taken: bool = True


def look_at_images(folder: Path) -> Place:
    """Say whether a folder holds images; they are counted by their names."""
    try:
        return _look_at_images(folder)
    except OSError as error:
        return _out_of_reach(error)


def _look_at_images(folder: Path) -> Place:
    if not folder.is_absolute():
        return Place(ok=False, words="Type the whole path, from the root of the disk.")
    if not folder.is_dir():
        return Place(ok=False, words="There is no such folder.")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Place(ok=False, words="This folder may not be read; ask its owner.")
    tree, whole = _look_through(folder)
    if not tree.pictures:
        return Place(ok=False, words="It holds no images (JPEG, PNG, WebP, BMP, TIFF, GIF).")
    number = count(len(tree.pictures), "image")
    words = number if whole else f"At least {number}; counting stopped there."
    classes, taken = _told_of_classes(tree, whole)
    return Place(ok=True, words=words, state="new", classes=classes, taken=taken)


def _told_of_classes(tree: Tree, whole: bool) -> tuple[str, bool]:
    """Say which folders would become classes, after which all images in them are labeled already; or why none would."""
    found, doubt = classes_by_folders(tree)
    names = shown(found)
    if not whole and tree.folders and (doubt or not names):
        return "Folders may become classes, where they look like some.", True
    folders, classes = count(len(names), "folder"), "a class" if len(names) == 1 else f"{len(names):,} classes"
    if doubt:
        return (f"{folders} ({some(names, _NAMED)}): {shown(doubt)}." if len(names) > 1 else ""), False
    return (f"{folders} would become {classes}: {some(names, _NAMED)}." if names else ""), True


def look_at_project(folder: Path, images: Path | None) -> Place:
    """Say whether a project can be made or opened in a folder.

    Args:
        folder: of the project.
        images: of its images, where they are chosen.
    """
    try:
        return _look_at_project(folder, images)
    except OSError as error:
        return _out_of_reach(error)


def _out_of_reach(error: OSError) -> Place:
    """Say that a path cannot even be looked at: its name is too long, or a folder on the way is not for us."""
    return Place(ok=False, words=f"It cannot be looked at ({error.strerror}).")


def _look_at_project(folder: Path, images: Path | None) -> Place:
    if folder.is_absolute() and ProjectFolder(folder).exists:
        return Place(ok=True, words="There is a project here: open it.", state="open")
    doubt = _why_no_project(folder, images)
    if doubt is not None:
        return Place(ok=False, words=doubt)
    full = folder.is_dir() and any(folder.iterdir())
    words = "The folder is not empty; the project's files are put beside what is there." if full else "A new project."
    return Place(ok=True, words=words, state="new")


def _why_no_project(folder: Path, images: Path | None) -> str | None:
    """Return why no project can be made in a folder, None where one can."""
    if not folder.is_absolute():
        return "Type the whole path, from the root of the disk."
    if images is not None and folder.resolve().is_relative_to(images.resolve()):
        return "Lies among the images, which are never written to; choose a folder beside them."
    if images is not None and images.resolve().is_relative_to(folder.resolve()):
        return "The images lie inside it; choose a folder beside them."
    around = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not around.is_dir() or not os.access(around, os.W_OK | os.X_OK):
        return f"{around} may not be written to; choose another place."
    kind = disk_kind(folder)
    if kind in NETWORK_DISKS:
        return f"Lies on a network disk ({kind}), where a database is not safe; choose a local one."
    return None


def suggest_project(images: Path) -> Path:
    """Return where a project of images might lie: beside them, else in the home folder."""
    beside = images.with_name(f"{images.name}-labels")
    return beside if os.access(images.parent, os.W_OK | os.X_OK) else Path.home() / beside.name


def list_folders(folder: Path) -> list[str]:
    """Return the names of the folders inside a folder, those that cannot be read left out."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []
    return sorted(names, key=str.casefold)


def _look_through(folder: Path) -> tuple[Tree, bool]:
    """Return what lies in a folder, and whether this is all of it; links are followed, each place once."""
    tree, ends, seen = Tree(folder), time.monotonic() + _SECONDS, set[tuple[int, int]]()
    for here, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(here)  # noqa: PTH116 - a Path for each of many is slow
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not is_passed_over(name)]
        inside = os.path.relpath(here, folder)
        prefix = "" if inside == os.curdir else f"{inside}/"
        for name in files:
            (tree.pictures if _is_picture(name) else tree.others).append(prefix + name)
        if not prefix:
            tree.folders = sorted(folders, key=natural_key)
        if time.monotonic() > ends:
            return tree, False
    return tree, True


def _is_picture(name: str) -> bool:
    ending = os.path.splitext(name)[1]  # noqa: PTH122 - ten times as fast
    return ending.lower() in SUFFIXES and not is_passed_over(name)
