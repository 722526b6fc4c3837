"""Writes that are done once however often they are sent; `events` sees to it for labels."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from storage.clock import now
from storage.database import Database, Row
from storage.errors import Refused


def once(db: Database, uuid: str, body: bytes, person: int | None, work: Callable[[Database], Any]) -> Any:
    """Do `work` unless a write of this UUID was done before; return its (or the earlier) answer, a JSON value.

    Raises:
        Refused: the UUID was used for something else.
    """
    row = _find(db, uuid, body)
    if row is not None:
        return json.loads(row["answer"])
    answer = work(db)
    db.execute(
        "INSERT INTO written (uuid, body, answer, person, created) VALUES (?, ?, ?, ?, ?)",
        (uuid, body, json.dumps(answer), person, now()),
    )
    return answer


def is_done(db: Database, uuid: str, body: bytes) -> bool:
    """Return whether a write of this UUID was done: what it needs need not be looked up again.

    Raises:
        Refused: the UUID was used for something else.
    """
    return _find(db, uuid, body) is not None


def _find(db: Database, uuid: str, body: bytes) -> Row | None:
    row: Row | None = db.execute("SELECT body, answer FROM written WHERE uuid = ?", (uuid,)).fetchone()
    if row is not None and row["body"] != body:
        raise Refused("this UUID was used for something else", "uuid", "make a new UUID for each write")
    return row


def body_hash(body: dict[str, Any], person: int) -> bytes:
    """Return a hash of what was sent and by whom: all that one UUID may stand for."""
    return hashlib.sha256(json.dumps([person, body], sort_keys=True).encode()).digest()
