"""Labels that are probably wrong: what is judged, and what came of it.

What is kept for validation is not judged: to correct labels only where a model disagrees would flatter it. What review
decided is not doubted again.
"""
# ruff: noqa: S608 - what is put into SQL here are constants of this package

from collections.abc import Iterable
from dataclasses import dataclass

from storage.database import Database
from storage.records import Guess
from storage.rights import told


@dataclass(frozen=True)
class GivenLabel:
    """The present label of an image; `settled` where review decided it."""

    image: int
    class_id: int
    event: int
    settled: bool


@dataclass(frozen=True)
class NewSuspect:
    """A label, known by its event, that the other labels speak against, and the class that they speak for."""

    image: int
    event: int
    class_id: int
    probability: float


def labels_to_judge(db: Database) -> list[GivenLabel]:
    """Return the labels that are judged by each other, by image."""
    rows = db.execute(
        """SELECT image.id, image.class, image.event, event.kind = 'confirm' AS settled
           FROM image JOIN label_event AS event ON event.id = image.event
           WHERE image.state = 'labeled' AND image.split NOT IN ('val', 'test') ORDER BY image.id"""
    )
    return [GivenLabel(row["id"], row["class"], row["event"], bool(row["settled"])) for row in rows]


def put_suspects(db: Database, suspects: Iterable[NewSuspect]) -> None:
    """Store suspects, the most doubtful first, in place of all earlier ones."""
    db.execute("DELETE FROM suspect")
    db.executemany(
        "INSERT INTO suspect (image, event, class, probability) VALUES (?, ?, ?, ?)",
        [(new.image, new.event, new.class_id, new.probability) for new in suspects],
    )


def suspect_of(db: Database, image: int) -> Guess | None:
    """Return what the other labels speak for where they speak against an image's label, else None."""
    row = db.execute("SELECT class, probability FROM suspected WHERE image = ?", (image,)).fetchone()
    return None if row is None else Guess(row["class"], row["probability"])


def count_suspects(db: Database, asker: int | None = None) -> int:
    """Return how many labels are suspect that nobody has changed or confirmed since, of those told to `asker`."""
    sql = f"SELECT count(*) FROM suspected WHERE {told('suspected.image', asker)}"
    return int(db.execute(sql, {"asker": asker}).fetchone()[0])
