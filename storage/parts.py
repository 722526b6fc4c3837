"""Storing many rows while others store labels: by small writes, each with a pause as long as it took."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from storage.database import Database, transaction

AT_ONCE = 1000
"""Rows a write stores: others wait a few hundredths of a second."""

Part = TypeVar("Part")


def store_in_parts(db: Database, rows: Sequence[Part], put: Callable[[Sequence[Part]], object]) -> None:
    """Store rows by many small writes: of a large project they take many seconds, and labels come in between.

    A process killed meanwhile leaves the parts before; whoever stores again replaces them.

    Args:
        db: open for writing, outside of a transaction.
        rows: what is stored.
        put: stores a part of them, within the transaction of that part.
    """
    for start in range(0, len(rows), AT_ONCE):
        began = time.monotonic()
        with transaction(db):
            put(rows[start : start + AT_ONCE])
        time.sleep(time.monotonic() - began)  # whoever waits to store a label goes first
