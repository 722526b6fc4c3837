"""What can be wrong with a dataset beside single files: equal images where they do harm, pages that nobody reads."""

from collections.abc import Iterator, Sequence

from barlowmatch.data.dataset import Dataset


def find_duplicates(sha256: Sequence[str]) -> list[list[int]]:
    """Return the rows with the same content, each set in the order of the dataset; "" is no content."""
    by_content: dict[str, list[int]] = {}
    for row, digest in enumerate(sha256):
        if digest:
            by_content.setdefault(digest, []).append(row)
    return [rows for rows in by_content.values() if len(rows) > 1]


def duplicate_warnings(dataset: Dataset, duplicates: Sequence[Sequence[int]]) -> Iterator[str]:
    """Yield in words which duplicates do harm: across train and val or test, in pool and val or test, of two labels."""
    splits = [{str(dataset.splits[row]) for row in rows} for rows in duplicates]
    for side in ("val", "test"):
        shared = [rows for rows, found in zip(duplicates, splits, strict=True) if {"train", side} <= found]
        if shared:
            first = {str(dataset.splits[row]): dataset.files[row] for row in reversed(shared[0])}
            yield (
                f"TRAIN AND {side.upper()} SHARE {len(shared):,} IMAGES, SUCH AS {first['train']} AND {first[side]}: "
                "ACCURACIES WILL BE TOO HIGH; REMOVE THEM FROM ONE"
            )
    pool = [rows for rows, found in zip(duplicates, splits, strict=True) if _in_pool_and_measured(found)]
    if pool:
        names = " and ".join(dataset.files[row] for row in pool[0][:2])
        yield f"{len(pool):,} images of val or test are in the pool too, such as {names}; they may be requested"
    disputed = [rows for rows in duplicates if len({dataset.labels[row] for row in rows} - {-1}) > 1]
    if disputed:
        labels = {dataset.class_names[dataset.labels[row]]: row for row in disputed[0] if dataset.labels[row] >= 0}
        names = " and ".join(f"{dataset.files[row]} ({name})" for name, row in list(labels.items())[:2])
        yield f"{len(disputed):,} images carry different labels, such as {names}; correct one of them"


def page_warnings(dataset: Dataset, pages: Sequence[int]) -> Iterator[str]:
    """Yield in words which files hold more pictures than the first, which alone is read."""
    rows = [row for row, count in enumerate(pages) if count > 1]
    if rows:
        yield (
            f"{len(rows):,} TIFF files hold more pages or layers than the first, which alone is read, such as "
            f"{dataset.files[rows[0]]} ({pages[rows[0]]:,}); save those that you need as files of their own"
        )


def _in_pool_and_measured(splits: set[str]) -> bool:
    return "unlabeled" in splits and bool(splits & {"val", "test"})
