"""Which images are copies of others: people would be asked the same thing twice, and nothing would be learned of it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from barlowmatch.arrays import Rows
from barlowmatch.embeddings.shards import Shards
from barlowmatch.selection.vectors import BLOCK_ROWS

FEWEST_DIFFERENT = 0.1
"""Where fewer embeddings than this share differ, the network tells no pictures apart, and equal ones are no copies."""


def repeats(contents: Sequence[str], vectors: Shards, taken: Rows, rows: Rows) -> npt.NDArray[np.bool_]:
    """Say which of some rows (n,) show what one of `taken`, or an earlier one of them, shows already.

    Copies have the same file content, or the same embedding to half precision: files that were saved anew without loss
    or differ in what is written beside the picture.

    Args:
        contents: sha256 of each row's file, "" where not known.
        vectors: raw embeddings of all rows; those that are zero are like no other.
        taken: rows that are never copies.
        rows: the rows in question, the one that is kept first.
    """
    everything = np.concatenate([taken, rows])
    looks = _looks(vectors, everything)
    seen: set[str | int] = set()
    copies = np.zeros(len(everything), bool)
    for place, (row, look) in enumerate(zip(everything.tolist(), looks, strict=True)):
        keys = {contents[row], look} - {"", 0}
        copies[place] = not seen.isdisjoint(keys)
        seen |= keys
    return copies[len(taken) :]


def _looks(vectors: Shards, rows: Rows) -> list[int]:
    """Return a number (n,) that is the same for equal embeddings; 0 of those that tell nothing."""
    found: list[int] = []
    for start in range(0, len(rows), BLOCK_ROWS):
        with np.errstate(over="ignore"):
            block = vectors.take(rows[start : start + BLOCK_ROWS]).astype(np.float16) + np.float16(0)  # −0 is 0
        found += [hash(row.tobytes()) if row.any() else 0 for row in block]
    telling = len(set(found)) >= FEWEST_DIFFERENT * len(found)
    return found if telling else [0] * len(found)
