"""How much of the labels is held out to judge models by: as asked, else a fifth, but nothing of few."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from barlowmatch.configs.shared import DatasetOptions
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.splits import draws_sample, hold_out
from barlowmatch.events import Emit, Said
from barlowmatch.words import count

USUAL = 0.2
"""Of the labels, where no share is given and there are enough."""
FEWEST, FEWEST_A_CLASS = 50, 5
"""Nothing is held out unasked of fewer labels, in all or per class on average.

A fifth of them would take whole classes away from training, and judge nothing.
"""
Options = TypeVar("Options", bound=DatasetOptions)


def share_of(asked: float | None, labels: int, classes: int) -> float:
    """Return which share of labels is held out.

    Args:
        asked: as the flag says, None where it is not given.
        labels: how many there are to learn from. Of none at all it is the usual share, which takes nothing away.
        classes: of how many classes they are.
    """
    if asked is not None:
        return asked
    return 0.0 if 0 < labels < _fewest(classes) else USUAL


def share_held_out(dataset: Dataset, asked: float | None) -> float:
    """Return which share of a dataset's labels is held out, or of the labels to come where it has a val.

    It is the same before and after a sample was drawn on reading. A val that is there goes on, however few labels.
    """
    if not draws_sample(dataset, 1):
        return USUAL if asked is None else asked
    return share_of(asked, *_counts(dataset))


def settled(options: Options, dataset: Dataset) -> Options:
    """Return the options by which a dataset was read, with the share that was held out of it.

    By that a run is compared when it is resumed, and a network when it is judged.
    """
    return replace(options, val_share=share_held_out(dataset, options.val_share))


def with_val(dataset: Dataset, asked: float | None, emit: Emit) -> Dataset:
    """Return a dataset with a sample of its labels in val where one is to be drawn, and tell of it.

    Args:
        dataset: as it lies there.
        asked: share that the flag says, None where it is not given.
        emit: hears how much is held out, or why nothing is.
    """
    labels, share = len(dataset.train), share_held_out(dataset, asked)
    if share == 0 and asked is None:
        emit(Said(message=few_to_hold_out(dataset)))
    if not draws_sample(dataset, share):
        return dataset
    sampled = hold_out(dataset, share)
    if labels:
        emit(Said(message=_about_sample(labels - len(sampled.train), labels, share)))
    return sampled


def none_held_out(labels: int, share: float) -> str:
    """Return in words that a sample is empty."""
    return f"none of {labels:,} labeled images fell into the share {share:g} held out as val: no model is judged"


def few_to_hold_out(dataset: Dataset) -> str:
    """Return in words that nothing is held out unasked of a dataset's few labels."""
    labels, classes = _counts(dataset)
    why = f"fewer than {_fewest(classes):,} judge no model, and training needs them"
    return f"nothing is held out of {count(labels, 'label')}: {why}; --val-share {USUAL:g} does, or a val split"


def _about_sample(held: int, labels: int, share: float) -> str:
    """Return what is to be said of the sample that was drawn: of few labels, or of few groups, it may be none."""
    if held:
        what = f"{held:,} of {labels:,} labeled images are held out as val"
        return f"{what}: never trained on, never requested; --val-share sets the share"
    return f"{none_held_out(labels, share)}; a larger --val-share holds some out"


def _fewest(classes: int) -> int:
    return max(FEWEST, FEWEST_A_CLASS * classes)


def _counts(dataset: Dataset) -> tuple[int, int]:
    """Return how many labels there are to learn from, and of how many classes."""
    return len(dataset.train), len(np.unique(dataset.labels[dataset.train]))
