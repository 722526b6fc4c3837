"""Class names that look like slips of the pen: two spellings of one class, or a word that says there is no label.

Lists of classes hold names that differ little on purpose (`class_10`, `class_11`; `A4`, `A6`; `boat`, `goat`), so only
little is taken for a mistake: what differs by capitals, blanks and signs between words; a word of five letters or more
that is one letter off another and has hardly any labels beside it; and the few words that spreadsheets put into empty
cells.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from barlowmatch.data.dataset import Dataset
from barlowmatch.events import Emit, Said

_NO_LABEL = frozenset(
    {"nan", "none", "null", "nil", "n/a", "#n/a", "na", "?", "??", "???", "-", "--", ".", "unknown", "unlabeled"}
    | {"unlabelled", "no label", "undefined", "todo", "tbd"}
)
_LEAST_LETTERS = 5
_FEW, _TIMES = 2, 5
"""So many labels at most are few, beside so many times as many."""
_BETWEEN = re.compile(r"[\s_-]+")


def tell_likely_mistakes(dataset: Dataset, emit: Emit) -> None:
    """Warn, in one line, of classes whose names look like mistakes; of classes that nobody labeled nothing is said."""
    counts = np.bincount(dataset.labels[dataset.labels >= 0], minlength=len(dataset.classes)).tolist()
    labels = {name: number for name, number in zip(dataset.class_names, counts, strict=True) if number}
    found = likely_mistakes(list(labels), list(labels.values()))
    if found:
        more = f", and {len(found) - 3:,} more" if len(found) > 3 else ""
        told = f"names of classes that look like mistakes: {'; '.join(found[:3])}{more}"
        emit(Said(message=f"{dataset.root}: {told}; if they are, correct the labels", level="warning"))


def likely_mistakes(names: Sequence[str], labels: Sequence[int]) -> list[str]:
    """Return in words what looks like a mistake.

    Args:
        names: of the classes.
        labels: how many images are labeled so.
    """
    found, seen = [], dict[str, int]()
    for place, name in enumerate(names):
        other = seen.setdefault(_plain(name), place)
        if other != place:
            found.append(f'"{names[other]}" ({labels[other]:,}) and "{name}" ({labels[place]:,})')
    found += [
        f'"{names[rare]}" ({labels[rare]:,}) beside "{names[common]}" ({labels[common]:,})'
        for rare, common in _near(list(map(_words, names)), labels)
    ]
    return found + [
        f'"{name}" ({number:,}), which is a class like any other; leave cells without a label empty'
        for name, number in zip(names, labels, strict=True)
        if name.strip().casefold() in _NO_LABEL
    ]


def _plain(name: str) -> str:
    """Return a name without what people write one way or the other; between digits a sign says something."""
    return (" " if any(sign.isdigit() for sign in name) else "").join(_words(name))


def _words(name: str) -> list[str]:
    return _BETWEEN.split(name.strip().casefold())


def _near(names: Sequence[list[str]], labels: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places: a name with few labels, and one with many of which one word is a letter off.

    Two such words become the same where a letter of each, or of the longer one, is left out.
    """
    shortened: dict[tuple[str, ...], list[int]] = {}
    for place, words in enumerate(names):
        for number, word in enumerate(words):
            if len(word) >= _LEAST_LETTERS and word.isalpha():
                for short in {word, *(word[:cut] + word[cut + 1 :] for cut in range(len(word)))}:
                    shortened.setdefault((*words[:number], short, *words[number + 1 :]), []).append(place)
    whole = list(map(" ".join, names))
    pairs = {(one, other) for places in shortened.values() for one in places for other in places}
    for rare, common in sorted(pairs):
        few = labels[rare] <= _FEW or labels[rare] * 20 <= labels[common]
        if few and labels[common] >= _TIMES * labels[rare] and _a_letter_off(whole[rare], whole[common]):
            yield rare, common


def _a_letter_off(one: str, other: str) -> bool:
    """Say whether two names differ by one letter more, less or another, or by two that changed places."""
    if one == other:
        return False
    short, long = sorted((one, other), key=len)
    start = next((place for place, sign in enumerate(short) if sign != long[place]), len(short))
    rest, further = short[start:], long[start:]
    if len(short) < len(long):
        return rest == further[1:]
    return rest[1:] == further[1:] or rest[1::-1] + rest[2:] == further
