"""What the names of the folders in a tree say: splits, classes, or nothing."""

import re
from collections import Counter
from collections.abc import Set as AbstractSet

from barlowmatch.data.dataset import SPLITS, SYNONYMS
from barlowmatch.data.folders import Tree
from barlowmatch.data.natural import natural_key

_NO_CLASS = re.compile(
    r"(\d{4}([-_. ]?\d{2}){0,2}|\d{3}[A-Z_]{4,5}|dcim"
    r"|(plate|batch|scan|session|day|week|month|year|animal|patient|subject|slide|well|experiment|exp|run|roll|album"
    r"|camera|cam|part|chunk|shard|site|location|field|position|pos|frame|frames|images|imgs|photos|pictures"
    r"|img|data|raw|new|misc|untitled|folder|unsorted)([-_. ]?\w?\d*))",
    re.IGNORECASE,
)
"""Names that people give to folders of unsorted pictures: dates, cameras, plates, batches."""
IF_THEY_ARE_NONE = "give --class-folders 0"
"""The way out where folders are taken for classes and are none."""
IF_THEY_ARE_CLASSES = (
    "label in the app, or in a labels.csv of file,label beside them; folders inside train/ are taken as classes"
)
"""The ways to labels where folders are not taken for classes."""
_STRAY_SHARE = 0.1
"""Pictures beside the folder `train` that are fewer than this share of all are strays, no classes beside a class."""
_PLACES = 3


def split_folders(tree: Tree, train_split: str | None) -> dict[str, str]:
    """Return the split folders of a tree and the split each is read as, in the order of rows.

    Of several training folders one is read: the one asked for, else `train_new`, else `train`.
    """
    found = {name: SYNONYMS[name.lower()] for name in tree.folders if name.lower() in SYNONYMS}
    if train_split in tree.folders:
        found[train_split] = "train"
    training = [name for name, split in found.items() if split == "train"]
    if training:
        new = next((name for name in training if name.lower() == "train_new"), training[0])
        chosen = train_split if train_split in training else new
        found = {name: split for name, split in found.items() if split != "train" or name == chosen}
    return dict(sorted(found.items(), key=lambda item: (SPLITS.index(item[1]), natural_key(item[0]))))


def other_training(tree: Tree, splits: dict[str, str]) -> set[str]:
    """Return the training folders that are not read, because another one is."""
    return {name for name in tree.folders if SYNONYMS.get(name.lower()) == "train" and name not in splits}


def lone_split(tree: Tree, splits: dict[str, str]) -> str | None:
    """Return the folder that has the name of a split and yet is one among others, or None.

    Classes may be called `train` or `valid`. Such a folder holds its pictures directly, as do folders beside it, and it
    alone has the name of a split. Of `train` and one folder more, or a few strays, it is `train` that is meant.
    """
    named = [name for name in tree.folders if name.lower() in SYNONYMS]
    if len(named) != 1 or splits.get(named[0], "unlabeled") == "unlabeled":
        return None
    name = named[0]
    inside = [file for file in tree.pictures if file.startswith(f"{name}/")]
    beside = {file.partition("/")[0] for file in tree.pictures if file.count("/") == 1} - {name}
    if not inside or not beside or any(file.count("/") > 1 for file in inside):
        return None
    strays = len(tree.pictures) - len(inside) < _STRAY_SHARE * len(tree.pictures)
    return None if splits[name] == "train" and (len(beside) == 1 or strays) else name


def left_out(
    tree: Tree, splits: dict[str, str], train_split: str | None, files: AbstractSet[str], *, by_folders: bool
) -> str | None:
    """Return in a sentence which pictures are not among `files`, where they lie, and the way out; None if it is known.

    It is known of training folders that `train_new` stands in for, or the one that was asked for. Folders of a class
    belong into the training folder only where `by_folders`: where folders and no table or tensor say the labels.
    """
    train = next((name for name, split in splits.items() if split == "train"), "train")
    pool = next((name for name, split in splits.items() if split == "unlabeled"), "unlabeled")
    chosen = train_split is not None or train.lower() == "train_new"
    known = other_training(tree, splits) if chosen else set()
    folders = [file.partition("/")[0] if "/" in file else "" for file in tree.pictures if file not in files]
    counts = Counter(folder for folder in folders if folder not in known)
    if not counts:
        return None
    places = [f"{count:,} in {f'{folder}/' if folder else 'the folder itself'}" for folder, count in counts.items()]
    more = f", and those in {len(places) - _PLACES} more folders" if len(places) > _PLACES else ""
    classes = f", or folders of a class into {train}/" if by_folders else ""
    return (
        f"{tree.root}: {counts.total():,} images outside the splits ({', '.join(splits)}) are left out: "
        f"{', '.join(places[:_PLACES])}{more}; move them into {pool}/{classes}"
    )


def why_no_classes(pictures: list[str]) -> str | None:
    """Return why the folders that hold these pictures are no classes, or None where they look like classes.

    Classes are folders side by side, each with pictures directly in it, more than one picture on average, and with
    names other than people give to folders of unsorted pictures (dates, plates, cameras).
    """
    depths = {file.count("/") for file in pictures}
    folders = {file.partition("/")[0] for file in pictures if "/" in file}
    if 0 in depths:
        return "images lie beside folders"
    if len(folders) < 2:
        return "there is one folder"
    if depths != {1}:
        return "images lie in folders within folders"
    if 2 * len(folders) > len(pictures):
        return "most folders hold a single image"
    unsorted = [folder for folder in sorted(folders, key=natural_key) if _NO_CLASS.fullmatch(folder)]
    if 2 * len(unsorted) >= len(folders):
        return f"folders such as {unsorted[0]} look like dates, batches or cameras"
    return None
