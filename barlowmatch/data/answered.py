"""On which side of a held out sample newly labeled images go."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

import numpy as np

from barlowmatch.arrays import Rows
from barlowmatch.data.copies import same
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.splits import draw

MOST_JOINED = 3
"""Groups that a picture joins at most: what more of them show, such as an empty frame, says nothing of either."""


def hold_out_answered(dataset: Dataset, rows: Rows, share: float, shown: Mapping[int, str] | None = None) -> Dataset:
    """Return the dataset with a sample of its newly labeled images in val, where val is such a sample.

    Groups stay whole, and the files of one picture, or the groups that have one in common, go to one side: to that of
    what was labeled before, else by a hash of the first of their names. Of a class that would have no image in train
    some stay there. A val that was drawn on reading takes the copies of its images along.

    Args:
        dataset: the round before, with the answers in train.
        rows: the answered ones.
        share: of them that is held out.
        shown: the picture of each labeled row that can be read; by default all can be, and differ.
    """
    names = dataset.files if dataset.groups is None else dataset.groups
    labeled = [*dataset.train.tolist(), *dataset.val.tolist()]
    known = {names[row] for row in [*labeled, *rows.tolist()]}
    joined = [{names[row] for row in one} & known for one in same(shown or {})]
    if dataset.groups is not None:
        joined = [groups for groups in joined if len(groups) <= MOST_JOINED]
    first = _first_of_all(known, [sorted(one) for one in joined if one])
    new, answered = {names[row] for row in rows}, set(rows.tolist())
    trained = {names[row] for row in dataset.train.tolist() if row not in answered}
    judging = {first[names[row]] for row in dataset.val.tolist()}
    learning = {first[name] for name in trained}
    drawn = {one for one in {first[name] for name in new} - judging - learning if draw(one) < share}
    by_class: dict[int, set[str]] = {}
    for row in labeled:
        if shown is None or row in shown:
            by_class.setdefault(int(dataset.labels[row]), set()).add(first[names[row]])
    drawn = _less_what_train_needs(drawn, by_class.values(), judging - learning)
    held = {name for name in new - trained if first[name] in judging | drawn}
    if dataset.held_out:
        held |= _without_loss({name for name in trained if first[name] in judging}, held, dataset, names)
    chosen = np.fromiter((name in held for name in names), dtype=bool, count=len(names)) & (dataset.splits != "test")
    splits = np.where(chosen, "val", dataset.splits).astype("<U9")
    return replace(dataset, splits=splits, held_out=dataset.held_out or bool(chosen.any()))


def _without_loss(moved: set[str], held: Set[str], dataset: Dataset, names: Sequence[str]) -> set[str]:
    """Return what may go from train to val: all of it, or nothing where a class would have nothing left in train."""
    train = [row for row in dataset.train.tolist() if names[row] not in held]
    left = {int(dataset.labels[row]) for row in train if names[row] not in moved}
    return moved if left == {int(dataset.labels[row]) for row in train} else set()


def _first_of_all(names: Set[str], joined: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return for each name the first in order of all that are joined with it, by whatever is between them."""
    above = {name: name for name in names}

    def top(name: str) -> str:
        while above[name] != name:
            above[name] = name = above[above[name]]
        return name

    for one, *others in joined:
        for other in others:
            low, high = sorted((top(one), top(other)))
            above[high] = low
    return {name: top(name) for name in names}


def _less_what_train_needs(drawn: Set[str], classes: Iterable[Set[str]], judging: Set[str]) -> set[str]:
    """Return what was drawn for val without one part of each class that else had nothing in train, the last drawn.

    Args:
        drawn: parts that may go to val.
        classes: the parts in which each class has images.
        judging: parts that are in val already.
    """
    left = set(drawn)
    for parts in classes:
        if parts & left and parts <= left | judging:
            left.remove(max(parts & left, key=draw))
    return left
