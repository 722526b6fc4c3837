"""Leases: who has which image on their hands. At most one person a slot, and no image in two requests at once.

A token is never given twice and grows, so an answer that comes with an older token than the slot's present one is
known to be late. `request_item.free` and `left` follow the leases (`recount`).
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from storage.clock import Instant, now
from storage.database import Database, Row
from storage.records import Lease
from storage.skipping import coming_back

MOST_HELD = 300
"""So many images one person holds at most, in all tabs together: the rest of the queue is for others. A tab holds 40
ahead and a page of the grid, 48."""

_WANTED = """coalesce((
    SELECT max(0, request.overlap - (
        SELECT count(*) FROM lease WHERE lease.request = request_item.request AND lease.image = request_item.image
        AND lease.state IN ('active', 'done') AND lease.state IN ({states})))
    FROM request JOIN image ON image.id = request_item.image AND image.present = 1
    WHERE request.id = request_item.request), 0)"""  # the doubled condition lets the partial index be used
_COUNT = f"""UPDATE request_item SET free = {_WANTED.format(states="'active', 'done'")},
                                     left = {_WANTED.format(states="'done'")} """

_CANDIDATES = """
SELECT item.request, item.image
FROM request_item AS item INDEXED BY request_item_free CROSS JOIN image ON image.id = item.image
WHERE item.free > 0 AND image.present = 1
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.person = :person AND lease.image = item.image
                  AND (lease.state IN ('active', 'skipped') OR lease.state = 'done' AND lease.request = item.request))
  AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = item.image AND lease.state = 'active'
                  AND lease.request IS NOT item.request)
ORDER BY item.request, coalesce(item.turn, item.rank) LIMIT :count
"""


def recount(db: Database, image: int) -> None:
    """Derive anew how many answers to an image its requests still want."""
    db.execute(_COUNT + "WHERE request_item.image = ?", (image,))


def end_expired(db: Database, at: Instant) -> int:
    """Take back what was not answered in time; return how many."""
    rows = db.execute(
        """UPDATE lease SET state = 'expired' WHERE state = 'active' AND boot = ? AND expires < ?
           RETURNING image""",
        (at.boot, at.seconds),
    ).fetchall()
    for row in rows:
        recount(db, row["image"])
    return len(rows)


def adopt_leases(db: Database, at: Instant, term: float) -> None:
    """Give leases of an earlier boot, whose clock is gone, a full term on this boot's clock."""
    db.execute(
        "UPDATE lease SET boot = ?, expires = ? WHERE state = 'active' AND boot <> ?",
        (at.boot, at.seconds + term, at.boot),
    )


def lease_next(db: Database, person: int, client: str, count: int, at: Instant, term: float) -> list[Lease]:
    """Lease the next images that requests want from this person, in the order they were asked for.

    Nobody gets an image they have answered, nor two slots of one image; what they skipped comes back once, at the end.
    """
    count = min(count, room(db, person))
    rows = db.execute(_CANDIDATES, {"person": person, "count": count})
    wanted = [(row["request"], row["image"]) for row in rows]
    if len(wanted) < count:
        wanted += coming_back(db, person, count - len(wanted))
    taken: dict[int, int] = {}
    for request, image in wanted:
        taken.setdefault(image, request)
    return [lease_one(db, image, request, person, client, at, term) for image, request in taken.items()]


def room(db: Database, person: int) -> int:
    """Return how many more images a person may hold."""
    held = db.execute("SELECT count(*) FROM lease WHERE person = ? AND state = 'active'", (person,)).fetchone()[0]
    return max(0, MOST_HELD - int(held))


def get_lease(db: Database, token: int) -> Row | None:
    """Return the row of a lease."""
    row: Row | None = db.execute("SELECT * FROM lease WHERE token = ?", (token,)).fetchone()
    return row


def set_state(db: Database, token: int, state: str) -> None:
    """Let a lease have another state."""
    db.execute("UPDATE lease SET state = ? WHERE token = ?", (state, token))


def fill_slots(db: Database, image: int, person: int, at: Instant) -> None:
    """Let an answer that came without a valid lease count where a request still wants one of this person.

    A lease the person holds is answered by it; else a free slot is. A slot in somebody else's hands stays theirs. An
    image whose file is gone is not wanted now, but would be again once the file is back.
    """
    items = db.execute(
        """SELECT request FROM request_item WHERE image = :image AND NOT EXISTS (
               SELECT 1 FROM lease WHERE lease.request = request_item.request AND lease.image = :image
               AND lease.person = :person AND lease.state = 'done')""",
        {"image": image, "person": person},
    ).fetchall()
    for item in items:
        request = item["request"]
        held = db.execute(
            "UPDATE lease SET state = 'done' WHERE request = ? AND image = ? AND person = ? AND state = 'active'",
            (request, image, person),
        )
        slot = None if held.rowcount else free_slot(db, image, request)
        if slot is not None:
            _insert(db, image, request, slot, person, "", "done", at.boot, at.seconds)


def lease_again(db: Database, token: int, client: str, at: Instant, term: float) -> int | None:
    """Bring a lease back after its answer was undone; return its token, or of the lease by which the image came back.

    None where the slot is somebody else's now, or the undo came from no page that could show the image: the image is
    free for everybody then.
    """
    row = get_lease(db, token)
    if row is None:
        return None
    again = _held_again(db, row) or (None if _is_taken(db, row) else token)
    if not client or again != token:
        set_state(db, token, "released")
    if not client or again is None:
        return None
    db.execute(
        "UPDATE lease SET state = 'active', client = ?, boot = ?, expires = ? WHERE token = ?",
        (client, at.boot, at.seconds + term, again),
    )
    return again


def _held_again(db: Database, row: Row) -> int | None:
    """Return the lease by which an image that somebody skipped is in their hands again."""
    again = db.execute(
        "SELECT token FROM lease WHERE person = ? AND image = ? AND request IS ? AND state = 'active'",
        (row["person"], row["image"], row["request"]),
    ).fetchone()
    return None if again is None else int(again["token"])


def _is_taken(db: Database, row: Row) -> bool:
    """Say whether the slot of a lease is somebody's by now, or the image in hand for another request."""
    return (
        db.execute(
            """SELECT 1 FROM lease WHERE image = :image AND token <> :token
               AND (slot = :slot AND (state = 'active' OR state = 'done' AND request IS :request)
                    OR state = 'active' AND request IS NOT :request)""",
            {name: row[name] for name in ("image", "token", "slot", "request")},
        ).fetchone()
        is not None
    )


def free_slot(db: Database, image: int, request: int) -> int | None:
    """Return the lowest slot of an image that nobody holds or has answered, None where all are taken."""
    overlap = db.execute("SELECT overlap FROM request WHERE id = ?", (request,)).fetchone()["overlap"]
    rows = db.execute(
        "SELECT slot FROM lease WHERE request = ? AND image = ? AND state IN ('active', 'done')", (request, image)
    )
    taken = {row["slot"] for row in rows}
    return next((slot for slot in range(overlap) if slot not in taken), None)


def lease_one(
    db: Database, image: int, request: int | None, person: int, client: str, at: Instant, term: float
) -> Lease:
    """Put an image into a person's hands, for a request that has a free slot of it or, with None, for none."""
    slot = 0 if request is None else free_slot(db, image, request)
    assert slot is not None, "only items with a free slot are candidates"
    expires = at.seconds + term
    token = _insert(db, image, request, slot, person, client, "active", at.boot, expires)
    recount(db, image)
    return Lease(token, image, request, expires)


def _insert(
    db: Database, image: int, request: int | None, slot: int, person: int, client: str, state: str, boot: str,
    expires: float,
) -> int:  # fmt: skip
    cursor = db.execute(
        """INSERT INTO lease (image, request, slot, person, client, state, boot, expires, created)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (image, request, slot, person, client, state, boot, expires, now()),
    )
    return int(cursor.lastrowid or 0)
