"""Label events: appended, never changed. Each is stored once, judged against the lease it came with, and acted on."""

from collections.abc import Iterable
from dataclasses import dataclass

from storage import leases
from storage.clock import Instant, now
from storage.database import Database, Row
from storage.present import present_label, refresh_image
from storage.records import UNASKED, Outcome, Past, Sent, Status
from storage.rights import why_forbidden
from storage.undoing import brought_back, redo, undo

_LEASED = ("label", "reject", "skip")


@dataclass(frozen=True)
class Verdict:
    """Whether an event came with a valid lease (`lease` then names it), and if it is late, why."""

    lease: int | None
    late: str | None


def record(db: Database, sent: Sent, at: Instant, term: float) -> Outcome:
    """Store an event and let it take effect; sent again, it changes nothing and answers as before.

    Args:
        db: the database, inside a transaction.
        sent: the event.
        at: the present moment, against which leases are judged.
        term: seconds a lease lasts that an undo brings back.
    """
    known = db.execute("SELECT * FROM label_event WHERE uuid = ?", (sent.uuid,)).fetchone()
    if known is not None:
        return _replay(db, known, sent)
    forbidden = None if sent.decides else why_forbidden(db, sent)
    if forbidden is not None:
        return Outcome(sent.uuid, "refused", image=sent.image, message=forbidden, forbidden=True)
    if sent.kind == "undo":
        return undo(db, sent, at, term)
    if sent.kind == "redo":
        return redo(db, sent, at)
    doubt = _doubt(db, sent)
    if doubt is not None:
        return doubt
    verdict = _judge(db, sent, at)
    event = _insert(db, sent, verdict)
    _act(db, sent, verdict, at)
    assert sent.image is not None
    refresh_image(db, sent.image)
    return Outcome(sent.uuid, "late" if verdict.late else "acknowledged", event, sent.image, verdict.late)


def _replay(db: Database, known: Row, sent: Sent) -> Outcome:
    if known["body"] != sent.body:
        return Outcome(sent.uuid, "conflict", image=known["image"], message="this UUID was used for something else")
    status: Status = "late" if known["late"] else "acknowledged"
    again = brought_back(db, sent.uuid, sent.person) if sent.kind == "undo" else ()
    return Outcome(sent.uuid, status, known["id"], known["image"], known["reason"], again)


def _doubt(db: Database, sent: Sent) -> Outcome | None:
    """Return why an event cannot be stored, None where it can."""
    if db.execute("SELECT 1 FROM image WHERE id = ?", (sent.image,)).fetchone() is None:
        return Outcome(sent.uuid, "refused", message=f"no image {sent.image}")
    known = db.execute("SELECT 1 FROM class WHERE id = ?", (sent.class_id,)).fetchone()
    if sent.class_id is not None and known is None:
        return Outcome(sent.uuid, "refused", image=sent.image, message=f"no class {sent.class_id}")
    lease = None if sent.lease is None else leases.get_lease(db, sent.lease)
    if lease is not None and lease["image"] != sent.image:  # whoever said it had another picture in front of them
        message = f"lease {sent.lease} is of image {lease['image']}, not {sent.image}"
        return Outcome(sent.uuid, "refused", image=sent.image, message=message)
    if sent.replaces is not None and not _replaces_latest(db, sent):
        message = "somebody changed the label meanwhile; look at it again"
        return Outcome(sent.uuid, "conflict", image=sent.image, message=message)
    return None


def _replaces_latest(db: Database, sent: Sent) -> bool:
    """Say whether what an event replaces is what makes the label now."""
    row = db.execute(
        """SELECT image.event, label_event.uuid FROM image LEFT JOIN label_event ON label_event.id = image.event
           WHERE image.id = ?""",
        (sent.image,),
    ).fetchone()
    return sent.replaces in (row["event"] or 0, row["uuid"])


def _judge(db: Database, sent: Sent, at: Instant) -> Verdict:
    if sent.kind not in _LEASED:
        return Verdict(None, None)
    if sent.lease is None:
        deliberate = sent.source in UNASKED or sent.replaces is not None
        return Verdict(None, None if deliberate else "the image was not leased; kept all the same")
    lease = leases.get_lease(db, sent.lease)
    if lease is None:  # as after a backup was restored
        return Verdict(None, "there is no such lease; kept all the same")
    if lease["person"] != sent.person:
        return Verdict(None, "the image is leased to somebody else; kept all the same")
    if lease["state"] == "done":
        return Verdict(None, "it was answered under this lease before; the newer answer counts")
    ended = lease["state"] != "active" or (lease["boot"] == at.boot and lease["expires"] < at.seconds)
    usable = sent.lease if lease["state"] == "active" else None
    return Verdict(usable, "the lease had ended; kept all the same" if ended else None)


def _insert(db: Database, sent: Sent, verdict: Verdict) -> int:
    assert sent.image is not None
    known_lease = sent.lease is not None and leases.get_lease(db, sent.lease) is not None
    # A decision overrules the votes, and voids none: what people said is still compared (pace.py).
    voids = sent.replaces is not None and sent.kind in ("label", "reject")
    replaced = present_label(db, sent.image).event if voids else None
    cursor = db.execute(
        """INSERT INTO label_event (uuid, body, batch, person, image, kind, class, replaces, source, lease, late,
               reason, looked_ms, created, request, guess, probability, run)
           SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, lease.request, prediction.class, prediction.probability,
               prediction.run
           FROM (SELECT 1) LEFT JOIN lease ON lease.token = ? LEFT JOIN prediction ON prediction.image = ?""",
        (
            sent.uuid, sent.body, sent.batch or sent.uuid, sent.person, sent.image, sent.kind, sent.class_id,
            replaced, sent.source, sent.lease if known_lease else None, verdict.late is not None, verdict.late,
            sent.looked_ms, now(), verdict.lease, sent.image,
        ),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def _act(db: Database, sent: Sent, verdict: Verdict, at: Instant) -> None:
    """Let an event take effect on the leases of its image."""
    assert sent.image is not None
    match sent.kind:
        case "label" | "reject" | "confirm":
            if verdict.lease is not None:
                leases.set_state(db, verdict.lease, "done")
            leases.fill_slots(db, sent.image, sent.person, at)
        case "skip":
            if verdict.lease is not None:
                leases.set_state(db, verdict.lease, "skipped")
        case "send-back":
            db.execute("UPDATE lease SET state = 'void' WHERE image = ? AND state IN ('active', 'done')", (sent.image,))
        case _:
            return
    leases.recount(db, sent.image)


def imported_class(db: Database, image: int, person: int) -> int | None:
    """Return the class a person's label of an image was last imported with and not taken back, None for no import."""
    row = db.execute(
        """SELECT class FROM standing WHERE image = ? AND person = ? AND source = 'import' AND kind = 'label'
           ORDER BY id DESC LIMIT 1""",
        (image, person),
    ).fetchone()
    return None if row is None else int(row["class"])


def imported_labels(db: Database, person: int) -> set[tuple[int, int]]:
    """Return (image, class) of all labels that were ever imported in a person's name."""
    rows = db.execute(
        "SELECT image, class FROM label_event WHERE person = ? AND source = 'import' AND kind = 'label'", (person,)
    )
    return {(row["image"], row["class"]) for row in rows}


def count_batch(db: Database, batch: str) -> int:
    """Return how many events an act or a part of one holds."""
    return int(db.execute("SELECT count(*) FROM label_event WHERE batch = ?", (batch,)).fetchone()[0])


def append_imported(db: Database, labels: Iterable[Sent]) -> None:
    """Append labels of images that nobody was asked about, in one go; a refresh of the images has to follow."""
    db.executemany(
        """INSERT INTO label_event (uuid, body, batch, person, image, kind, class, source, created)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            (new.uuid, new.body, new.uuid, new.person, new.image, new.kind, new.class_id, new.source, now())
            for new in labels
        ),
    )


def history(db: Database, image: int, person: int | None = None) -> list[Past]:
    """Return all that was ever said about an image, or by one person, oldest first; undos show in `stands`."""
    rows = db.execute(
        """SELECT event.*, person.name AS by,
                  CASE WHEN event.kind IN ('label', 'reject', 'confirm')
                       THEN event.id IN (SELECT id FROM deciding_vote WHERE image = :image)
                       ELSE event.id IN (SELECT id FROM standing WHERE image = :image) END AS stands
           FROM label_event AS event JOIN person ON person.id = event.person
           WHERE event.image = :image AND event.person = coalesce(:person, event.person)
             AND event.kind NOT IN ('undo', 'redo') ORDER BY event.id""",
        {"image": image, "person": person},
    )
    return [
        Past(
            row["id"], row["uuid"], row["kind"], row["class"], row["by"], row["source"], row["created"],
            bool(row["late"]), row["reason"], bool(row["stands"]),
        )
        for row in rows
    ]  # fmt: skip
