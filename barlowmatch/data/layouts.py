"""Recognising what a folder of images means, without being told.

| layout | looks like | labels |
|---|---|---|
| seed | `<split>/<n>.png` beside `<split>_label_tensor.pt` | the tensor, in natural order of the names |
| class folders | `<split>/<class>/…`, or `<class>/…` | the folder's name, where no table has another |
| table | `labels.csv` and `metadata.csv` (`file_name,label`) in the folder or in a split folder | their rows |
| flat | anything else, nested or not | none |

With `--class-folders 0` folders are no classes: such a dataset is flat, in whatever splits it lies. Without it or with
`--class-folders 1`, folders of classes fill what tables leave out.

Split folders are called train (or train_new after a round), val, test and unlabeled, with the usual variants. Images of
the folder or split `unlabeled` are the pool: whatever labels lie with them are left aside. A folder with such a name
that lies among others like it is one of them (`car/`, `train/`, `bus/`). A table's column `split` holds in any layout.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from barlowmatch.arrays import Labels
from barlowmatch.configs.shared import ClassFolders, DatasetOptions
from barlowmatch.data.classes import CLASSES_FILE, ImageClass, number, read_classes
from barlowmatch.data.dataset import SPLITS, Dataset
from barlowmatch.data.file_rows import composed
from barlowmatch.data.folder_classes import beside_tables, take_folders
from barlowmatch.data.folder_names import left_out, lone_split, other_training, split_folders
from barlowmatch.data.folders import TENSOR, Tree, describe_ignored, read_tree
from barlowmatch.data.labels import largest_unlisted, read_label_tensor
from barlowmatch.data.likely_mistakes import tell_likely_mistakes
from barlowmatch.data.listings import read_manifest, split_by_table, table_dataset
from barlowmatch.data.shares import with_val
from barlowmatch.data.splits import with_groups
from barlowmatch.data.tables_beside import (
    LABEL,
    Columns,
    Complain,
    Tables,
    find_tables,
    has_labels,
    spread,
    tell_otherwise_called,
    tell_unread,
)
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.words import count


def refuse(problem: str) -> None:
    """Stop at a problem."""
    raise InputError(problem)


def read_dataset(options: DatasetOptions, emit: Emit = silent, complain: Complain = refuse) -> Dataset:
    """Read which images there are, their splits, labels and groups.

    Args:
        options: the folder or manifest, and what is known about it.
        emit: hears what was recognised and what was left aside.
        complain: told of labels that do not fit the images and of groups that cross splits; the default stops there.

    Raises:
        InputError: no such folder, no images in it, a split without images, or whatever `complain` refuses.
    """
    return read_with_columns(options, emit, complain)[0]


def read_with_columns(
    options: DatasetOptions, emit: Emit = silent, complain: Complain = refuse
) -> tuple[Dataset, Columns]:
    """Read a dataset as `read_dataset` does, and what its tables say of each row beside file, label and split."""
    if options.manifest is not None:
        dataset, columns = read_manifest(options.manifest, options.train_split, emit)
    elif options.dataset_folder is not None:
        dataset, columns = _read_folder(read_tree(options.dataset_folder), options, emit, complain)
        _tell_blind_val(dataset, emit)
    else:
        raise InputError("--dataset-folder: name the folder of images, or a --manifest")
    dataset = with_groups(dataset, options.group_by, columns, emit, complain)
    dataset = with_val(dataset, options.val_share, emit)
    emit(Said(message=summary(dataset)))
    if not (dataset.root / CLASSES_FILE).is_file():
        tell_likely_mistakes(dataset, emit)
    return dataset, columns


def _read_folder(tree: Tree, options: DatasetOptions, emit: Emit, complain: Complain) -> tuple[Dataset, Columns]:
    """Read a folder in whichever layout it is, and what its tables say of each row."""
    if not tree.pictures:
        raise InputError(f"{tree.root}: holds no images (JPEG, PNG, WebP, BMP, TIFF, GIF); name another folder")
    if tree.ignored:
        emit(Said(message=f"{tree.root}: passed over {describe_ignored(tree.ignored)}"))
    splits = split_folders(tree, options.train_split)
    tables = find_tables(tree, tuple(splits))
    tell_otherwise_called(tree, tuple(splits), tables, emit)
    tell_unread(tree, splits.keys() | other_training(tree, splits), emit)
    has_split_column = any("split" in table.columns for _, table in tables)
    if options.train_split is not None and options.train_split not in splits and not has_split_column:
        folders = ", ".join(tree.folders) or "there is none"
        raise InputError(f"--train-split {options.train_split}: no such folder in {tree.root} ({folders})")
    tensors = [folder for folder in splits if folder + TENSOR in tree.others]
    lone = None if tensors or options.train_split is not None else lone_split(tree, splits)
    if has_labels(tables) and not tensors:
        return _by_tables(tree, splits, lone, tables, options, emit, complain)
    _tell_lone(lone, emit)
    if not splits or lone is not None:
        dataset = _without_splits(tree, options.class_folders, emit)
    elif tensors:
        dataset = _seed(tree, _SplitRows(tree, splits), tensors, emit, complain)
    else:
        dataset = _in_splits(tree, _SplitRows(tree, splits), options.class_folders, emit)
    by_folders = not tensors and options.class_folders != 0
    _tell_left_out(tree, splits, options.train_split, dataset.files, emit, by_folders=by_folders)
    columns = spread(tables, dataset.files, options.group_by, complain, emit)
    if tensors:
        _tell_labels_aside(dataset, columns, emit)
    return split_by_table(dataset, columns, options.train_split, emit), columns


def _by_tables(
    tree: Tree,
    splits: dict[str, str],
    lone: str | None,
    tables: Tables,
    options: DatasetOptions,
    emit: Emit,
    complain: Complain,
) -> tuple[Dataset, Columns]:
    """Read images that tables give labels, and what tables say of each row; folders of classes fill what they leave."""
    others = other_training(tree, splits)
    files = [file for file in tree.pictures if file.partition("/")[0] not in others]
    _tell_left_out(tree, splits, options.train_split, files, emit, by_folders=False)
    columns = spread(tables, files, options.group_by, complain, emit)
    found, taken = beside_tables(files, splits, lone, tables, columns[LABEL], options.class_folders)
    if not found:
        _tell_lone(lone, emit)
    return table_dataset(tree, files, found, columns, taken, options.train_split, emit), columns


def _tell_lone(lone: str | None, emit: Emit) -> None:
    """Say that a folder with the name of a split is none, where there is one."""
    if lone is not None:
        way_out = "if it is a split, move those into train/ or unlabeled/"
        emit(Said(message=f"{lone}/ is read like the folders beside it; {way_out}"))


def _tell_labels_aside(dataset: Dataset, columns: Columns, emit: Emit) -> None:
    """Warn of labels in tables that label tensors do not have."""
    names = (*dataset.class_names, "")
    pairs = zip(columns.get(LABEL, ()), dataset.labels.tolist(), strict=False)
    count = sum(bool(cell.strip()) and composed(cell.strip()) != composed(names[label]) for cell, label in pairs)
    if count:
        way_out = "give them to create-dataset by --labels and --request, or take the tensors away"
        told = f"{count:,} labels in tables are left aside, as label tensors say the labels"
        emit(Said(message=f"{dataset.root}: {told}; {way_out}", level="warning"))


def _tell_blind_val(dataset: Dataset, emit: Emit) -> None:
    """Warn of a validation split without any label: it keeps its images from learning, and judges nothing."""
    val = dataset.splits == "val"
    if val.any() and (dataset.labels[val] < 0).all():
        told = f"none of the {int(val.sum()):,} images of val has a label, so they judge nothing and teach nothing"
        way_out = "label some of them, in the app or in a labels.csv of file,label, or move them into unlabeled/"
        emit(Said(message=f"{dataset.root}: {told}; {way_out}", level="warning"))


def _tell_left_out(
    tree: Tree, splits: dict[str, str], train_split: str | None, files: Sequence[str], emit: Emit, *, by_folders: bool
) -> None:
    """Warn of pictures that are not among `files`, those of the dataset."""
    if len(files) < len(tree.pictures):
        sentence = left_out(tree, splits, train_split, set(files), by_folders=by_folders)
        if sentence is not None:
            emit(Said(message=sentence, level="warning"))


class _SplitRows:
    """The pictures of a tree by split folder, each a contiguous range of rows."""

    def __init__(self, tree: Tree, splits: dict[str, str]) -> None:
        self.splits = splits
        by_folder: dict[str, list[str]] = {folder: [] for folder in splits}
        for file in tree.pictures:
            folder = file.partition("/")[0]
            if folder in by_folder:
                by_folder[folder].append(file)
        for folder, split in splits.items():
            if not by_folder[folder] and split != "unlabeled":
                raise InputError(f"{tree.root / folder}: the split is empty; put images there or remove the folder")
        self.files = tuple(file for files in by_folder.values() for file in files)
        counts = [len(files) for files in by_folder.values()]
        self.names = np.repeat(list(splits.values()), counts).astype("<U9")
        ends = np.cumsum(counts).tolist()
        self.ranges = {folder: slice(end - count, end) for folder, count, end in zip(splits, counts, ends, strict=True)}


def _seed(tree: Tree, rows: _SplitRows, tensors: list[str], emit: Emit, complain: Complain) -> Dataset:
    """Read `<split>/<n>.png` with label tensors: numbers from 0, or ids of `classes.csv` where there is one."""
    listed = read_classes(tree.root)
    numbers = np.full(len(rows.files), -1, dtype=np.int64)
    for folder in tensors:
        path = tree.root / (folder + TENSOR)
        given = read_label_tensor(path)
        place = rows.ranges[folder]
        count = place.stop - place.start
        if rows.splits[folder] == "unlabeled":
            emit(Said(message=f"{path.name}: left aside; images in {folder}/ are the pool"))
            continue
        if not listed:
            _check_largest(path, given, len(rows.files))
        if len(given) != count:
            longer = len(given) > count
            complain(
                f"{path}: {'longer' if longer else 'shorter'} than the images: {len(given)} labels, {count} images in "
                f"{folder}/; restore the missing {'images' if longer else 'labels'}"
            )
        shared = min(len(given), count)
        numbers[place.start : place.start + shared] = given[:shared]
    classes = listed or tuple(ImageClass(value, str(value)) for value in range(int(numbers.max(initial=-1)) + 1))
    return _dataset(tree, "seed", classes, rows, _positions(tree, numbers, classes))


def _check_largest(path: Path, labels: Labels, images: int) -> None:
    """Refuse a label that would claim far more classes than there are images, most of them without any."""
    entry = int(labels.argmax()) if len(labels) else 0
    if len(labels) and labels[entry] > largest_unlisted(images):
        raise InputError(
            f"{path}: entry {entry} is {labels[entry]}, and there are {images:,} images for so many classes; write -1 "
            "where it means that there is no label (255 and 65535 often do), else list the classes in classes.csv"
        )


def _positions(tree: Tree, numbers: Labels, classes: tuple[ImageClass, ...]) -> Labels:
    """Return the position of the class whose id each number is, -1 for -1."""
    position = {item.id: place for place, item in enumerate(classes)} | {-1: -1}
    unknown = sorted(set(numbers.tolist()) - position.keys())
    if unknown:
        raise InputError(
            f"{tree.root}: label {unknown[0]} is outside the ids of classes.csv; add it there or correct it"
        )
    return np.fromiter((position[value] for value in numbers.tolist()), np.int64, count=len(numbers))


def _in_splits(tree: Tree, rows: _SplitRows, class_folders: ClassFolders, emit: Emit) -> Dataset:
    """Read `<split>/<class>/…`; images directly in a split folder have no label, nor has any without class folders."""
    if class_folders == 0:
        return _dataset(tree, "flat", read_classes(tree.root) or (), rows, _nothing(len(rows.files)))
    pairs = zip(rows.files, rows.names.tolist(), strict=True)
    aside = sum(split == "unlabeled" and file.count("/") > 1 for file, split in pairs)
    if aside:
        emit(Said(message=f"{count(aside, 'image')} in folders inside unlabeled/; those folders are no classes"))
    taken = take_folders(rows.files, rows.splits, class_folders)
    classes, labels = number(taken.names, read_classes(tree.root))
    if (labels >= 0).any():
        taken.tell(emit)
    return _dataset(tree, "class-folders" if classes else "flat", classes, rows, labels)


def _dataset(tree: Tree, layout: str, classes: tuple[ImageClass, ...], rows: _SplitRows, labels: Labels) -> Dataset:
    splits = np.where((rows.names == "train") & (labels < 0), "unlabeled", rows.names).astype("<U9")
    return Dataset(tree.root, layout, classes, rows.files, splits, labels)


def _nothing(count: int) -> Labels:
    return np.full(count, -1, dtype=np.int64)


def _without_splits(tree: Tree, class_folders: ClassFolders, emit: Emit) -> Dataset:
    """Read `<class>/…` where the folders are classes or look like some, else all images as the pool."""
    files = tuple(tree.pictures)
    taken = take_folders(files, {}, class_folders)
    if any(taken.names):
        taken.tell(emit)
    if taken.doubt is None and any(taken.names):
        classes, labels = number(taken.names, read_classes(tree.root))
        splits = np.where(labels < 0, "unlabeled", "train").astype("<U9")
        return Dataset(tree.root, "class-folders", classes, files, splits, labels)
    unlabeled = np.full(len(files), "unlabeled", dtype="<U9")
    return Dataset(tree.root, "flat", (), files, unlabeled, _nothing(len(files)))


def summary(dataset: Dataset) -> str:
    """Return in one sentence what a dataset is."""
    counts = {split: int((dataset.splits == split).sum()) for split in SPLITS}
    images = ", ".join(f"{number:,} {split}" for split, number in counts.items() if number)
    known = count(len(dataset.classes), "class", "classes") if dataset.classes else "no labels"
    return f"{dataset.root}: {dataset.layout} layout, {known}, images: {images}"
