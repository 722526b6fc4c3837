"""What the names of the folders in a tree say: splits, classes, or nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from barlowmatch.data.dataset import SPLITS, SYNONYMS
from barlowmatch.data.folders import Tree
from barlowmatch.data.natural import natural_key

IF_THEY_ARE_NONE = "give --class-folders 0"
"""The way out where folders are taken for classes and are none."""
IF_THEY_ARE_CLASSES = "give --class-folders 1"
"""The way out where folders are not taken for classes and are some."""
OTHER_LABELS = "label in the app, or in a labels.csv of file,label beside them"
"""The ways to labels where no folder gives any."""
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


def may_be_classes(files: Iterable[str]) -> bool:
    """Say whether images that got no label from a folder lie in folders that could be classes."""
    files = list(files)
    tops = {file.partition("/")[0] for file in files if "/" in file}
    splits = {top: SYNONYMS[top.lower()] for top in tops if top.lower() in SYNONYMS}
    return len({class_of(file, splits) for file in files} - {None}) > 1


def class_of(file: str, splits: Mapping[str, str]) -> str | None:
    """Return the folder whose name is the class of a picture where folders are classes; None where there is none.

    Args:
        file: the picture.
        splits: split folders and what each means; the pool has no classes, nor has what lies outside of them.
    """
    parts = file.split("/", 2)
    if not splits:
        return parts[0] if len(parts) > 1 else None
    return parts[1] if len(parts) > 2 and splits.get(parts[0], "unlabeled") != "unlabeled" else None
