"""What can be wrong with a dataset beside single files: equal images where they do harm, pages that nobody reads."""

from collections.abc import Iterator, Sequence

from barlowmatch.data.copies import contradiction
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.splits import val_is_sample
from barlowmatch.words import count


def find_duplicates(sha256: Sequence[str]) -> list[list[int]]:
    """Return the rows with the same content, each set in the order of the dataset; "" is no content."""
    by_content: dict[str, list[int]] = {}
    for row, digest in enumerate(sha256):
        if digest:
            by_content.setdefault(digest, []).append(row)
    return [rows for rows in by_content.values() if len(rows) > 1]


def duplicate_warnings(dataset: Dataset, duplicates: Sequence[Sequence[int]]) -> Iterator[str]:
    """Yield in words which duplicates do harm: across train and val or test, in pool and val or test, of two labels."""
    spared = "val" in dataset.splits and val_is_sample(dataset)
    splits = [{str(dataset.splits[row]) for row in rows} for rows in duplicates]
    for side in ("val", "test"):
        shared = [rows for rows, found in zip(duplicates, splits, strict=True) if {"train", side} <= found]
        if shared:
            first = {str(dataset.splits[row]): dataset.files[row] for row in reversed(shared[0])}
            pair, number = (first["train"], first[side]), count(len(shared), "image")
            yield (
                f"{number} in train and in {side}, such as {pair[0]} and {pair[1]}; nothing is learned from copies"
                if spared
                else f"TRAIN AND {side.upper()} SHARE {number.upper()}, SUCH AS {pair[0]} AND {pair[1]}: "
                "ACCURACIES WILL BE TOO HIGH; REMOVE THEM FROM ONE"
            )
    pool = [rows for rows, found in zip(duplicates, splits, strict=True) if _in_pool_and_measured(found)]
    if pool:
        names = " and ".join(dataset.files[row] for row in pool[0][:2])
        yield f"{len(pool):,} images of val or test are in the pool too, such as {names}; they may be requested"
    disputed = contradiction(dataset, duplicates)
    if disputed is not None:
        yield disputed


def page_warnings(dataset: Dataset, pages: Sequence[int]) -> Iterator[str]:
    """Yield in words which files hold more pictures than the first, which alone is read."""
    rows = [row for row, number in enumerate(pages) if number > 1]
    if rows:
        yield (
            f"{len(rows):,} TIFF files hold more pages or layers than the first, which alone is read, such as "
            f"{dataset.files[rows[0]]} ({pages[rows[0]]:,}); save those that you need as files of their own"
        )


def _in_pool_and_measured(splits: set[str]) -> bool:
    return "unlabeled" in splits and bool(splits & {"val", "test"})
