"""Storing many rows while others store labels: by small writes, each with a pause as long as it took."""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from storage.database import Database, transaction

AT_ONCE = 1000
"""Rows a write stores: others wait a few hundredths of a second."""

Part = TypeVar("Part")


def store_in_parts(db: Database, rows: Iterable[Part], put: Callable[[Sequence[Part]], object]) -> None:
    """Store rows by many small writes: of a large project they take many seconds, and labels come in between.

    A process killed meanwhile leaves the parts before; whoever stores again replaces them.

    Args:
        db: open for writing, outside of a transaction.
        rows: what is stored; taken a part at a time, so that those of a large project need never all be held.
        put: stores a part of them, within the transaction of that part.
    """
    waiting = iter(rows)
    while part := list(islice(waiting, AT_ONCE)):
        began = time.monotonic()
        with transaction(db):
            put(part)
        time.sleep(time.monotonic() - began)  # whoever waits to store a label goes first
