"""The seed's label files: a 1-D integer tensor, one number an image, in the images' natural order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from barlowmatch.arrays import Labels
from barlowmatch.data.classes import LARGEST_LABEL
from barlowmatch.data.folders import TENSOR
from barlowmatch.errors import InputError
from barlowmatch.files import whole_file

_LARGEST_OF_FEW = 10_000


def largest_unlisted(images: int) -> int:
    """Return the largest label that is taken for a class where no list names the classes: all below it are some too.

    There may be more classes than images, but not by far.
    """
    return max(_LARGEST_OF_FEW, images)


def read_label_tensor(path: Path) -> Labels:
    """Return the labels in `path`, (N,) int64; -1 means none.

    Raises:
        InputError: missing, no plain tensor (nothing in it is ever run), not 1-D, not of integers, or out of range.
    """
    from barlowmatch.checkpoints import load_plain

    tensor = load_plain(path)
    shape = getattr(tensor, "shape", None)
    if shape is None or getattr(tensor, "layout", None) is None:
        raise InputError(f"{path}: holds a {type(tensor).__name__}; a label file holds one 1-D tensor of integers")
    if len(shape) != 1 or tensor.is_floating_point() or tensor.is_complex():
        raise InputError(
            f"{path}: a tensor of {str(tensor.dtype).removeprefix('torch.')} {tuple(shape)}; "
            "labels are a 1-D tensor of integers"
        )
    labels: Labels = tensor.long().numpy().astype(np.int64)
    wrong = np.flatnonzero((labels < -1) | (labels > LARGEST_LABEL))
    if len(wrong):
        raise InputError(
            f"{path}: entry {wrong[0]} is {labels[wrong[0]]}; labels are 0 to {LARGEST_LABEL:,}, or -1 for none"
        )
    return labels


def write_label_tensors(folder: Path, labels: Mapping[str, Sequence[int]]) -> None:
    """Write the seed's tensors beside the folders of a dataset, for those that have images, each whole or not at all.

    Args:
        folder: of the dataset.
        labels: one number an image, -1 for none, in the order of the images' numbers, by the folder the images are in.
    """
    import torch

    for name, numbers in labels.items():
        if numbers:
            with whole_file(folder / f"{name}{TENSOR}") as partial:
                torch.save(torch.tensor(numbers, dtype=torch.int64), partial)
