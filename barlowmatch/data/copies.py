"""The same picture under several names: what it looks like decides, not how the file was written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from barlowmatch.data.dataset import Dataset
from barlowmatch.data.progress import Rate
from barlowmatch.data.workers import run_tasks
from barlowmatch.events import Emit
from barlowmatch.words import count


@dataclass(frozen=True)
class Pictures:
    """What some rows of a dataset show.

    Attributes:
        shown: a hash of the pixels by row; rows that have one in common show the same picture.
        reasons: why a row shows none.
    """

    shown: Mapping[int, str]
    reasons: Mapping[int, str]


def compare_pictures(dataset: Dataset, rows: Sequence[int], emit: Emit) -> Pictures:
    """Decode the pictures of some rows to compare them.

    Args:
        dataset: which files.
        rows: those to be decoded.
        emit: hears of progress.
    """
    shown, reasons = dict[int, str](), dict[int, str]()
    rate = Rate("compare images", len(rows), emit)
    for place, answer in run_tasks("see", [str(dataset.path(row)) for row in rows]):
        if "reason" in answer:
            reasons[rows[place]] = answer["reason"]
        else:
            shown[rows[place]] = answer["pixels"]
        rate.step()
    return Pictures({row: shown[row] for row in sorted(shown)}, {row: reasons[row] for row in sorted(reasons)})


def same(shown: Mapping[int, str]) -> list[list[int]]:
    """Return the rows that show the same picture, each set that has more than one."""
    sets: dict[str, list[int]] = {}
    for row, pixels in shown.items():
        sets.setdefault(pixels, []).append(row)
    return [rows for rows in sets.values() if len(rows) > 1]


def contradiction(dataset: Dataset, copies: Iterable[Sequence[int]]) -> str | None:
    """Return in words how many pictures carry several labels, with an example and the way out; None where none does.

    Args:
        dataset: with the labels.
        copies: the rows of each picture.
    """
    disputed = [rows for rows in copies if len({dataset.labels[row] for row in rows} - {-1}) > 1]
    if not disputed:
        return None
    labels = {dataset.class_names[dataset.labels[row]]: row for row in disputed[0] if dataset.labels[row] >= 0}
    names = " and ".join(f"{dataset.files[row]} ({name})" for name, row in list(labels.items())[:2])
    carry = "carries" if len(disputed) == 1 else "carry"
    return f"{count(len(disputed), 'image')} {carry} different labels, such as {names}; correct one of them"
