"""What a project with people and roles keeps from its annotators: others' answers they could copy, others' labels.

An annotator answers what is asked and changes their own answers. Overruling or voiding what others said is deciding.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from storage.database import Database
from storage.present import answered_by
from storage.records import Sent, State

_DECISIONS = ("confirm", "send-back")

OWED = """EXISTS (
    SELECT 1 FROM request_item AS asked WHERE asked.image = {image} AND asked.left > 0
    AND NOT EXISTS (SELECT 1 FROM lease AS given WHERE given.person = :asker AND given.image = asked.image
                    AND given.request = asked.request AND given.state = 'done'))"""
"""An image waits for further answers, and `:asker` has not given theirs. Two look-ups of an index an image."""

OWED_IMAGES = """(
    SELECT asked.image FROM request CROSS JOIN request_item AS asked ON asked.request = request.id
    WHERE request.left > 0 AND asked.left > 0
    AND NOT EXISTS (SELECT 1 FROM lease AS given WHERE given.person = :asker AND given.image = asked.image
                    AND given.request = asked.request AND given.state = 'done'))"""
"""All such images, where many are asked about: a walk along the items of the open requests."""


def owes_answer(db: Database, image: int, asker: int) -> bool:
    """Say whether an image waits for further answers and this person has not given theirs."""
    row = db.execute(f"SELECT {OWED.format(image=':image')}", {"image": image, "asker": asker}).fetchone()
    return bool(row[0])


def told(image: str, asker: int | None) -> str:
    """Return the SQL condition that what was answered of an image is told to `:asker`; None: of all images."""
    return "1" if asker is None else f"NOT {OWED.format(image=image)}"


def kept_labels(db: Database, asker: int | None) -> dict[tuple[State, int | None], int]:
    """Count the answered images that are kept from `asker`, by state and class; they count as unanswered for them.

    A walk along the index of states: 100,000 images that wait for the asker take a few hundredths of a second.
    """
    if asker is None:
        return {}
    rows = db.execute(
        f"""SELECT state, class, count(*) AS count FROM image INDEXED BY image_state
            WHERE state IN ('labeled', 'rejected', 'disputed') AND id IN {OWED_IMAGES} GROUP BY state, class""",
        {"asker": asker},
    )
    return {(row["state"], row["class"]): row["count"] for row in rows}


def why_forbidden(db: Database, sent: Sent) -> str | None:
    """Return why an event is not for somebody who may not decide, None where it is.

    An undo takes back what they did themselves, as they may have done while they still were an admin.
    """
    if sent.kind in _DECISIONS or (sent.kind == "redo" and _brings_back_decision(db, sent)):
        return "to decide about others' answers is for admins of the project"
    if sent.kind in ("label", "reject") and not _is_own_to_say(db, sent):
        return "others labeled this image: to change that is for admins of the project"
    return None


def _brings_back_decision(db: Database, sent: Sent) -> bool:
    row = db.execute(
        """SELECT 1 FROM label_event AS undo JOIN label_event AS said ON said.id = undo.undoes
           WHERE undo.batch = ? AND said.kind IN ('confirm', 'send-back') LIMIT 1""",
        (sent.undoes,),
    ).fetchone()
    return row is not None


def _is_own_to_say(db: Database, sent: Sent) -> bool:
    """Say whether a label takes nothing from others: nobody gave one, it was asked of this person, or is theirs.

    One that names what it replaces voids that; any other is one more vote.
    """
    row = db.execute("SELECT event FROM image WHERE id = ?", (sent.image,)).fetchone()
    if row is None or row["event"] is None:
        return True
    if sent.replaces is not None:
        return answered_by(db, sent.image or 0) == sent.person
    asked = db.execute(
        """SELECT EXISTS (SELECT 1 FROM lease WHERE token = :lease AND person = :person AND image = :image)
               OR EXISTS (SELECT 1 FROM request_item WHERE image = :image AND left > 0)
               OR EXISTS (SELECT 1 FROM vote WHERE image = :image AND person = :person)""",
        {"lease": sent.lease, "person": sent.person, "image": sent.image},
    ).fetchone()
    return bool(asked[0])
