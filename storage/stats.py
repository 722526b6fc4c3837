"""Counts that show how far a project has come."""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

from dataclasses import dataclass

from storage.clock import now
from storage.database import Database
from storage.people import count_answers
from storage.records import Request
from storage.requests import latest_event, list_requests
from storage.rights import kept_labels
from storage.suspects import count_suspects
from storage.undoing import last_act, last_undo


@dataclass(frozen=True)
class Mine:
    """One person's work: answers that stand, and answers an hour over the last ten minutes.

    The rate is None before the third answer and in the first minute: one of seconds is none.
    """

    answers: int
    per_hour: float | None
    undoable: bool
    redoable: bool


@dataclass(frozen=True)
class Progress:
    """How far a project has come; `event` is the newest label event counted in."""

    event: int
    images: int
    labeled: int
    rejected: int
    disputed: int
    flagged: int
    skipped: int
    missing: int
    suspects: int
    requests: tuple[Request, ...]
    classes: tuple[tuple[int, int], ...]


def progress(db: Database, asker: int | None = None) -> Progress:
    """Count the project; call it inside one read transaction to have all figures of one moment.

    Images that `asker` is still to answer count as unanswered; None: no image does.
    """
    states: dict[str, int] = {}
    classes: dict[int, int] = {}
    for row in db.execute("SELECT state, class, count(*) AS count FROM image GROUP BY state, class"):
        states[row["state"]] = states.get(row["state"], 0) + row["count"]
        if row["class"] is not None:
            classes[row["class"]] = row["count"]
    images = sum(states.values())
    for (state, class_id), count in kept_labels(db, asker).items():
        states[state] -= count
        if class_id is not None:
            classes[class_id] -= count
    return Progress(
        event=latest_event(db),
        images=images,
        labeled=states.get("labeled", 0),
        rejected=states.get("rejected", 0),
        disputed=states.get("disputed", 0),
        flagged=_count(db, "image WHERE flagged = 1"),
        skipped=_count(
            db,
            """image WHERE skips > 0 AND EXISTS (
               SELECT 1 FROM request_item WHERE request_item.image = image.id AND request_item.left > 0)""",
        ),
        missing=_count(db, "image WHERE present = 0"),
        suspects=count_suspects(db, asker),
        requests=tuple(list_requests(db)),
        classes=tuple(sorted((number, count) for number, count in classes.items() if count)),
    )


def my_work(db: Database, person: int, since: str) -> Mine:
    """Count what one person did; `since` is the time from which the rate is taken."""
    row = db.execute(
        """SELECT count(*) AS count, (julianday(:now) - julianday(min(created))) * 24 AS hours
           FROM label_event AS said
           WHERE person = :person AND kind IN ('label', 'reject', 'confirm') AND created BETWEEN :since AND :now
             AND NOT EXISTS (
               SELECT 1 FROM label_event AS undo WHERE undo.undoes = said.id
               AND NOT EXISTS (SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id))""",
        {"now": now(), "person": person, "since": since},
    ).fetchone()
    answers = count_answers(db, person)
    rate = row["count"] / row["hours"] if row["count"] >= 3 and (row["hours"] or 0) >= 1 / 60 else None
    return Mine(answers, rate, last_act(db, person) is not None, last_undo(db, person) is not None)


def _count(db: Database, of: str, *values: object) -> int:
    return int(db.execute(f"SELECT count(*) FROM {of}", values).fetchone()[0])
