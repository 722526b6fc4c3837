"""Which folders a dataset's classes are named by: as somebody says, or else as it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from barlowmatch.configs.shared import ClassFolders
from barlowmatch.data.file_rows import composed
from barlowmatch.data.folder_guess import why_no_classes
from barlowmatch.data.folder_names import (
    IF_THEY_ARE_CLASSES,
    IF_THEY_ARE_NONE,
    OTHER_LABELS,
    class_of,
    lone_split,
    other_training,
    split_folders,
)
from barlowmatch.data.folders import TENSOR, Tree
from barlowmatch.data.natural import natural_key
from barlowmatch.data.tables_beside import LABEL, Tables, find_tables, has_labels, spread
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said

_TAKEN = f"the folders' names are taken as classes; if they are none, {IF_THEY_ARE_NONE}"


@dataclass(frozen=True)
class Taken:
    """What folders are taken for.

    Attributes:
        names: the folder that is or might be the class of each image, None where there is none.
        doubt: why they are no classes, as far as that was guessed; None where they are some.
    """

    names: Sequence[str | None]
    doubt: str | None = None

    def tell(self, emit: Emit) -> None:
        """Say what the folders are taken for, and the way out; a warning where labels may be lost by it."""
        if self.doubt is None:
            emit(Said(message=_TAKEN))
            return
        several = len({name for name in self.names if name is not None}) > 1
        way_out = f"where folders are classes, {IF_THEY_ARE_CLASSES}, else {OTHER_LABELS}"
        message = f"no labels from the folders' names: {self.doubt}; {way_out}"
        emit(Said(message=message, level="warning" if several else "note"))


def take_folders(
    files: Sequence[str], splits: Mapping[str, str], class_folders: ClassFolders, labels: Sequence[str] | None = None
) -> Taken:
    """Return what the folders of images are taken for.

    Args:
        files: the images.
        splits: split folders and what each means; in them folders are classes by their place.
        class_folders: what somebody says of them.
        labels: what tables say, "" of images that they leave out: where they have labels for images in folders, and
            never one that a folder is called by, folders are something else.
    """
    if class_folders == 0:
        return Taken([None] * len(files))
    names = [class_of(file, splits) for file in files]
    doubt = None
    if class_folders is None:
        doubt = None if splits else why_no_classes(files)
        doubt = doubt or _told_otherwise(names, labels or ())
    return Taken(names, doubt)


def _told_otherwise(names: Sequence[str | None], labels: Sequence[str]) -> str | None:
    """Return why tables speak against folders as classes, None where they do not."""
    said = {composed(label.strip()) for name, label in zip(names, labels, strict=False) if name and label.strip()}
    if not said or said & {composed(name) for name in names if name}:
        return None
    return f"a table calls images in them by other names, such as {min(said)}"


def beside_tables(
    files: Sequence[str],
    splits: Mapping[str, str],
    lone: str | None,
    tables: Tables,
    labels: Sequence[str],
    class_folders: ClassFolders,
) -> tuple[Mapping[str, str], Taken]:
    """Return what folders are taken for beside tables with labels, and the split folders that are some then.

    The folder `lone` that has the name of a split is a class among classes, unless a table with labels is in it.
    """
    inside = any(prefix == f"{lone}/" and table.labels() is not None for prefix, table in tables)
    if lone is not None and not inside and class_folders != 0:
        taken = take_folders(files, {}, class_folders, labels)
        if taken.doubt is None:
            return {}, taken
    return splits, take_folders(files, splits, class_folders, labels)


def classes_by_folders(tree: Tree) -> tuple[list[str], str | None]:
    """Return the folders whose names would be classes, and why they are taken for none unless somebody says so.

    There are none where a label tensor or tables have all the labels, nor where a table cannot be read.
    """
    splits = split_folders(tree, None)
    if any(folder + TENSOR in tree.others for folder in splits):
        return [], None
    try:
        tables = find_tables(tree, tuple(splits))
        if has_labels(tables):
            others = other_training(tree, splits)
            files = [file for file in tree.pictures if file.partition("/")[0] not in others]
            labels = spread(tables, files, None, lambda _: None)[LABEL]
            taken = beside_tables(files, splits, lone_split(tree, splits), tables, labels, None)[1]
        else:
            labels = [""] * len(tree.pictures)
            taken = take_folders(tree.pictures, {} if lone_split(tree, splits) else splits, None)
    except InputError:
        return [], None
    open_ones = {name for name, label in zip(taken.names, labels, strict=True) if name is not None and not label}
    return sorted(open_ones, key=natural_key), taken.doubt
