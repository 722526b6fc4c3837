"""What the probe reads and writes: labels to learn from, what waits in the queue, and its order.

The control sample and repeated questions are never touched: their order is part of what they measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.database import Database
from storage.settings import get_setting, put_setting

_KEY = "probe"


@dataclass(frozen=True)
class Fitted:
    """The newest fit: the label event it knows up to, and how many labels it learned from."""

    event: int
    labels: int


def newest_fit(db: Database) -> Fitted | None:
    """Return what is known of the newest fit, None where there was none."""
    facts = get_setting(db, _KEY)
    return None if facts is None else Fitted(facts["event"], facts["labels"])


def note_fit(db: Database, fit: Fitted) -> None:
    """Remember the newest fit."""
    put_setting(db, _KEY, {"event": fit.event, "labels": fit.labels})


def labels_to_learn_from(db: Database) -> list[tuple[int, int]]:
    """Return (image, class) of all labels but those that are kept for validation."""
    rows = db.execute("SELECT id, class FROM image WHERE state = 'labeled' AND split NOT IN ('val', 'test')")
    return [(row[0], row[1]) for row in rows]


def images_on_hand(db: Database) -> list[int]:
    """Return images somebody has in front of them and nobody has answered, blind ones left out.

    A guess learned from what one person said of an image would tell the next one what that was.
    """
    rows = db.execute(
        """SELECT DISTINCT lease.image FROM lease JOIN image ON image.id = lease.image
           LEFT JOIN request ON request.id = lease.request
           WHERE lease.state = 'active' AND image.event IS NULL AND coalesce(request.blind, 0) = 0"""
    )
    return [row[0] for row in rows]


def waiting_items(db: Database, most: int) -> list[tuple[int, int]]:
    """Return (request, image) of up to `most` items that a queue may hand out in another order, the next ones first.

    They are asked for to learn from, and nobody holds or has answered any slot of them.
    """
    rows = db.execute(
        """SELECT item.request, item.image FROM request_item AS item
           JOIN request ON request.id = item.request JOIN image ON image.id = item.image
           WHERE item.free > 0 AND item.free = request.overlap AND request.purpose = 'train' AND NOT request.blind
             AND image.present = 1
             AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = item.image AND lease.state = 'active')
           ORDER BY item.request, item.rank LIMIT ?""",
        (most,),
    )
    return [(row[0], row[1]) for row in rows]


def set_turns(db: Database, turns: Sequence[tuple[int, int]]) -> None:
    """Let these items (request, image) come next, in this order, and all others by their rank again."""
    db.execute("UPDATE request_item SET turn = NULL WHERE turn IS NOT NULL")
    db.executemany(
        "UPDATE request_item SET turn = ? WHERE request = ? AND image = ?",
        ((place - len(turns), request, image) for place, (request, image) in enumerate(turns)),
    )


def places_of(db: Database) -> dict[int, int]:
    """Return the place among similar images of all that have a prediction."""
    return {row[0]: row[1] for row in db.execute("SELECT image, place FROM prediction")}


def answers_since(db: Database, event: int) -> int:
    """Return how many answers there are after a label event."""
    row = db.execute(
        "SELECT count(*) FROM label_event WHERE id > ? AND kind IN ('label', 'reject', 'confirm', 'undo', 'redo')",
        (event,),
    ).fetchone()
    return int(row[0])
