"""Finding the pictures in a folder tree: fast, and without trusting it.

Hidden files and folders, `__MACOSX`, files that no picture format names, and links that lead back into a folder they
lie in are passed over and counted. Names are kept as the file system has them (surrogateescape), so any can be opened.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from barlowmatch.command_line.inputs import need_images
from barlowmatch.data.dataset import HELD_OUT_FILE
from barlowmatch.data.images import SUFFIXES
from barlowmatch.data.natural import natural_key
from barlowmatch.errors import InputError

_JUNK_FOLDERS = frozenset({"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"})

TENSOR = "_label_tensor.pt"
"""What the name of a split's label tensor, beside the split's folder, ends with."""
_COMPANIONS = (".csv", TENSOR, HELD_OUT_FILE)
"""Files that belong to a dataset's images and need no mention."""


@dataclass
class Tree:
    """What lies under a folder.

    Attributes:
        pictures: relative POSIX paths of files with a picture's suffix, in natural order.
        others: relative POSIX paths of other visible files directly in `root` or one folder below.
        folders: names of the visible folders directly in `root`, in natural order.
        ignored: how many were passed over, by reason or suffix.
    """

    root: Path
    pictures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def read_tree(root: Path) -> Tree:
    """List the pictures under `root`.

    Raises:
        InputError: no such folder, or one that cannot be read.
    """
    need_images(root)
    tree = Tree(root)
    try:
        _walk(tree, os.fspath(root), "", ancestors=frozenset({_identity(root.stat())}))
    except RecursionError:
        raise InputError(f"{root}: its folders are nested too deeply; name a folder further inside") from None
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error
    tree.pictures.sort(key=natural_key)
    tree.folders.sort(key=natural_key)
    return tree


def _walk(tree: Tree, folder: str, prefix: str, ancestors: frozenset[tuple[int, int]]) -> None:
    """Add what lies in `folder`; `prefix` is its relative path with a slash, `ancestors` the folders around it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if is_passed_over(name):
                tree.ignored["hidden"] += 1
            elif _leads_to(entry.is_dir):
                identity = _identity(entry.stat())
                if identity in ancestors:
                    tree.ignored["link to a folder around it"] += 1
                    continue
                if not prefix:
                    tree.folders.append(name)
                _walk(tree, entry.path, f"{prefix}{name}/", ancestors | {identity})
            elif not _leads_to(entry.is_file):
                tree.ignored["broken link or no regular file"] += 1
            elif os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122 - a Path for each of millions is slow
                tree.pictures.append(prefix + name)
            else:
                if prefix.count("/") <= 1:
                    tree.others.append(prefix + name)
                if not name.endswith(_COMPANIONS):
                    tree.ignored[PurePosixPath(name).suffix.lower() or "without suffix"] += 1


def _leads_to(kind: Callable[[], bool]) -> bool:
    """Say whether an entry is of a kind, or a link to one; a link that leads to itself is of none."""
    try:
        return kind()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def is_passed_over(name: str) -> bool:
    """Say whether a file or folder of this name is passed over."""
    return name.startswith(".") or name in _JUNK_FOLDERS


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def describe_ignored(ignored: Counter[str]) -> str:
    """Return what was passed over as people say it: `3 .txt, 1 hidden`."""
    return ", ".join(f"{count:,} {reason}" for reason, count in ignored.most_common(6))
