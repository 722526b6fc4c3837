"""Which folders a dataset's classes are named by, told by what lies there and before any of it is read."""

from barlowmatch.data.folder_names import lone_split, split_folders, why_no_classes
from barlowmatch.data.folders import TENSOR, Tree
from barlowmatch.data.listings import find_tables, has_labels
from barlowmatch.data.natural import natural_key
from barlowmatch.errors import InputError


def classes_by_folders(tree: Tree) -> list[str]:
    """Return the folders whose names are taken for classes unless somebody says that they are none.

    There are none where a table or a label tensor has the labels, nor where a table cannot be read.
    """
    splits = split_folders(tree, None)
    if any(folder + TENSOR in tree.others for folder in splits) or _tables_have_labels(tree, splits):
        return []
    parts = [file.split("/") for file in tree.pictures]
    if splits and lone_split(tree, splits) is None:
        found = {names[1] for names in parts if len(names) > 2 and splits.get(names[0], "unlabeled") != "unlabeled"}
    else:
        found = {names[0] for names in parts} if why_no_classes(tree.pictures) is None else set()
    return sorted(found, key=natural_key)


def _tables_have_labels(tree: Tree, splits: dict[str, str]) -> bool:
    try:
        return has_labels(find_tables(tree, tuple(splits)))
    except InputError:
        return True
