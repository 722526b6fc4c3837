"""Undo and redo: events too, so that nothing is ever erased. An act is one event or a batch of them.

An undo names the events it takes back, a redo the undos it takes back; an event stands unless an undo of it does.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

import uuid
from dataclasses import dataclass

from storage import leases
from storage.clock import Instant, now
from storage.database import Database, Row
from storage.present import refresh_image
from storage.records import UNASKED, Kind, Outcome, Sent

_ANSWERS = ("label", "reject", "confirm")

_ANSWERED = """
SELECT said.person FROM standing AS said
WHERE said.image = :image AND said.kind IN ('label', 'reject', 'confirm')
  AND said.id > coalesce((SELECT round.event FROM request JOIN round ON round.id = request.round
                          WHERE request.id = lease.request), 0)
  AND NOT EXISTS (SELECT 1 FROM standing AS back
                  WHERE back.image = said.image AND back.kind = 'send-back' AND back.id > said.id)
"""  # who has said what an image is since the request of `lease` was made, and it was not sent back since


@dataclass(frozen=True)
class Stepped:
    """What a stored undo or redo was about: the act, what kind of thing it had said, and of which images."""

    act: str
    kind: Kind
    images: tuple[int, ...]


def undo(db: Database, sent: Sent, at: Instant, term: float) -> Outcome:
    """Take back an act of this person; what it answered comes back to them, leased where that is still possible."""
    events = db.execute(
        """SELECT event.*, event.id IN (SELECT id FROM standing WHERE person = event.person AND id = event.id) AS stands
           FROM label_event AS event WHERE event.batch = :act OR event.uuid = :act ORDER BY event.id""",
        {"act": sent.undoes},
    ).fetchall()
    standing = [event for event in events if event["stands"] and event["person"] == sent.person]
    if not standing:
        return Outcome(sent.uuid, "refused", message=_why_not(events, sent, "undo"))
    first = _append(db, sent, standing)
    client = "" if sent.source in UNASKED else sent.client
    again = []
    for event in reversed(standing):
        refresh_image(db, event["image"])
        if event["kind"] in (*_ANSWERS, "skip"):
            again.append((int(event["image"]), _take_back(db, event, client, at, term)))
            leases.recount(db, event["image"])
        elif event["kind"] == "send-back":
            _count_again(db, event["image"])
    return Outcome(sent.uuid, "acknowledged", first, standing[0]["image"], again=tuple(reversed(again)))


def redo(db: Database, sent: Sent, at: Instant) -> Outcome:
    """Bring back what an undo of this person took."""
    undos = db.execute(
        """SELECT undo.*, NOT EXISTS (SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id) AS stands
           FROM label_event AS undo WHERE undo.batch = ? AND undo.kind = 'undo' ORDER BY undo.id""",
        (sent.undoes,),
    ).fetchall()
    standing = [event for event in undos if event["stands"] and event["person"] == sent.person]
    if not standing:
        return Outcome(sent.uuid, "refused", message=_why_not(undos, sent, "redo"))
    first = _append(db, sent, standing)
    for event in standing:
        _give_again(db, event["undoes"], at)
        refresh_image(db, event["image"])
    return Outcome(sent.uuid, "acknowledged", first, standing[0]["image"])


def last_act(db: Database, person: int) -> str | None:
    """Return the act of this person that an undo would take back."""
    row = db.execute("SELECT batch FROM standing WHERE person = ? ORDER BY id DESC LIMIT 1", (person,)).fetchone()
    return None if row is None else row["batch"]


def last_undo(db: Database, person: int) -> str | None:
    """Return the undo of this person that a redo would take back; a new act of theirs ends what can be redone."""
    row = db.execute(
        """SELECT undo.batch FROM label_event AS undo
           WHERE undo.person = :person AND undo.kind = 'undo'
             AND undo.id > coalesce((SELECT id FROM label_event WHERE person = :person
                                     AND kind NOT IN ('undo', 'redo') ORDER BY id DESC LIMIT 1), 0)
             AND NOT EXISTS (SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id)
           ORDER BY undo.id DESC LIMIT 1""",
        {"person": person},
    ).fetchone()
    return None if row is None else row["batch"]


def act_of(db: Database, uuid: str) -> str | None:
    """Return the act that a stored undo or redo of this UUID was about, None where there is none."""
    row = db.execute(
        """SELECT undone.batch FROM label_event AS event JOIN label_event AS undone ON undone.id = event.undoes
           WHERE event.uuid = ?""",
        (uuid,),
    ).fetchone()
    return None if row is None else row["batch"]


def stepped(db: Database, step: str) -> Stepped | None:
    """Return what a stored undo or redo of this UUID was about, None where it is not stored."""
    rows = db.execute(
        """SELECT said.batch, said.kind, event.image FROM label_event AS event
           JOIN label_event AS undone ON undone.id = event.undoes
           JOIN label_event AS said ON said.id = coalesce(undone.undoes, undone.id)
           WHERE event.batch = ? ORDER BY event.id""",
        (step,),
    ).fetchall()
    if not rows:
        return None
    return Stepped(rows[0]["batch"], rows[0]["kind"], tuple(row["image"] for row in rows))


def brought_back(db: Database, act: str, person: int) -> tuple[tuple[int, int | None], ...]:
    """Return the images that a stored undo brought back, each with the lease this person has of it by now."""
    rows = db.execute(
        """SELECT undo.image, (SELECT token FROM lease WHERE image = undo.image AND person = :person
                               AND state = 'active') AS token
           FROM label_event AS undo JOIN label_event AS event ON event.id = undo.undoes
           WHERE undo.batch = :act AND event.kind IN ('label', 'reject', 'confirm', 'skip') ORDER BY undo.id""",
        {"act": act, "person": person},
    )
    return tuple((row["image"], row["token"]) for row in rows)


def _why_not(events: list[Row], sent: Sent, kind: str) -> str:
    if not events:
        return f"there is no act {sent.undoes} to {kind}"
    if all(event["person"] != sent.person for event in events):
        return f"only the one who did it can {kind} it"
    return f"there is nothing left of it to {kind}"


def _append(db: Database, sent: Sent, events: list[Row]) -> int:
    """Append one undo or redo for each event; the first has the UUID that was sent, the rest derive theirs from it."""
    first = 0
    for place, event in enumerate(events):
        own = sent.uuid if place == 0 else str(uuid.uuid5(uuid.UUID(sent.uuid), str(event["id"])))
        cursor = db.execute(
            """INSERT INTO label_event (uuid, body, batch, person, image, kind, undoes, source, created)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (own, sent.body, sent.uuid, sent.person, event["image"], sent.kind, event["id"], sent.source, now()),
        )
        first = first or int(cursor.lastrowid or 0)
    return first


def _take_back(db: Database, event: Row, client: str, at: Instant, term: float) -> int | None:
    """Let the image of an undone answer be wanted again; return the lease this person has of it, if any.

    Where an earlier answer of theirs is one to the same request, that one counts again and nothing more is wanted; nor
    is it where somebody else changed the label since: then theirs is the answer.
    """
    rows = db.execute(
        f"""SELECT token, state FROM lease WHERE image = :image AND person = :person
            AND state IN ('done', 'skipped') AND person NOT IN ({_ANSWERED})""",
        {"image": event["image"], "person": event["person"]},
    ).fetchall()
    wanted = {row["token"]: row["state"] for row in rows}
    kept = _lease_to_keep(db, event)
    other = _changed_since(db, event)
    is_settled = kept is not None and wanted.get(kept) == "done" and other is not None
    for token, state in wanted.items():
        if state == "done" and (is_settled or token != kept):
            leases.set_state(db, token, "released")
    if is_settled and other is not None:
        leases.fill_slots(db, event["image"], other, at)
        return None
    return None if kept is None or kept not in wanted else leases.lease_again(db, kept, client, at, term)


def _changed_since(db: Database, event: Row) -> int | None:
    """Return who else said what an image is after an event, without having been asked; None where nobody did."""
    row = db.execute(
        """SELECT person FROM standing AS said WHERE image = :image AND person <> :person AND id > :id
           AND kind IN ('label', 'reject', 'confirm')
           AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.image = :image AND lease.person = said.person
                           AND lease.state = 'done')
           AND NOT EXISTS (SELECT 1 FROM standing AS back WHERE back.image = :image AND back.kind = 'send-back'
                           AND back.id > said.id)
           ORDER BY id DESC LIMIT 1""",
        {"image": event["image"], "person": event["person"], "id": event["id"]},
    ).fetchone()
    return None if row is None else int(row["person"])


def _count_again(db: Database, image: int) -> None:
    """Let the answers that a send-back voided be what was asked for again, where others left a place for them since."""
    voided = db.execute(
        f"""SELECT token, request, person FROM lease
            WHERE image = :image AND state = 'void' AND request IS NOT NULL AND person IN ({_ANSWERED})
            AND (client = '' OR token IN (SELECT lease FROM label_event WHERE image = :image AND kind <> 'skip'))
            ORDER BY token DESC""",
        {"image": image},
    ).fetchall()
    for row in voided:
        held = db.execute(
            "SELECT 1 FROM lease WHERE image = ? AND request = ? AND person = ? AND state IN ('active', 'done')",
            (image, row["request"], row["person"]),
        ).fetchone()
        slot = leases.free_slot(db, image, row["request"]) if held is None else None
        if slot is not None:
            db.execute("UPDATE lease SET state = 'done', slot = ? WHERE token = ?", (slot, row["token"]))
    leases.recount(db, image)


def _lease_to_keep(db: Database, event: Row) -> int | None:
    """Return the lease that an event was answered under, or where it came without one, that it answered."""
    own = None if event["lease"] is None else leases.get_lease(db, event["lease"])
    if own is not None and own["person"] == event["person"] and own["state"] in ("done", "skipped"):
        return int(own["token"])
    row = db.execute(
        "SELECT max(token) FROM lease WHERE image = ? AND person = ? AND state = ?",
        (event["image"], event["person"], "skipped" if event["kind"] == "skip" else "done"),
    ).fetchone()
    token: int | None = row[0]
    return token


def _give_again(db: Database, undone: int, at: Instant) -> None:
    """Let an event that was redone take effect on the leases of its image again."""
    event = db.execute("SELECT * FROM label_event WHERE id = ?", (undone,)).fetchone()
    image, person = event["image"], event["person"]
    lease = None if event["lease"] is None else leases.get_lease(db, event["lease"])
    held = lease is not None and lease["person"] == person and lease["state"] == "active"
    sent_back = db.execute(
        "SELECT 1 FROM standing WHERE image = ? AND kind = 'send-back' AND id > ? LIMIT 1", (image, undone)
    ).fetchone()
    if event["kind"] in _ANSWERS:
        if held:
            leases.set_state(db, event["lease"], "done")
        if sent_back is None:  # else it counts no more than before it was undone
            leases.fill_slots(db, image, person, at)
    elif event["kind"] == "skip":  # the image may be held by a later lease than the skip came with
        db.execute(
            "UPDATE lease SET state = 'skipped' WHERE person = ? AND image = ? AND request IS ? AND state = 'active'",
            (person, image, event["request"]),
        )
    elif event["kind"] == "send-back":
        db.execute(
            f"UPDATE lease SET state = 'void' WHERE image = :image AND state = 'done' AND person NOT IN ({_ANSWERED})",
            {"image": image},
        )
    leases.recount(db, image)
