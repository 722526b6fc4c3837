"""What models thought: the newest prediction of each image, and the runs they came from."""

from collections.abc import Iterable
from dataclasses import dataclass

from storage.clock import now
from storage.database import Database
from storage.records import Guess


@dataclass(frozen=True)
class NewPrediction:
    """A prediction: up to three guesses, best first, and its place among images predicted alike."""

    image: int
    guesses: tuple[Guess, ...]
    place: int


LEARNED = "learned"
"""Setting: the label event at which the network behind the predictions was trained."""


def add_run(db: Database, folder: bytes, stage: str, event: int | None = None) -> int:
    """Return the number of a run folder in the index, entered where new."""
    db.execute(
        "INSERT INTO run (folder, stage, event, created) VALUES (?, ?, ?, ?) ON CONFLICT (folder) DO NOTHING",
        (folder, stage, event, now()),
    )
    return int(db.execute("SELECT id FROM run WHERE folder = ?", (folder,)).fetchone()["id"])


@dataclass(frozen=True)
class RunRecord:
    """A run folder of the index; `event` is the label event its manifest was written at, None where unknown."""

    id: int
    folder: bytes
    stage: str
    event: int | None
    created: str


def list_runs(db: Database) -> list[RunRecord]:
    """Return the run folders of the index, the oldest first."""
    rows = db.execute("SELECT * FROM run ORDER BY id")
    return [RunRecord(row["id"], row["folder"], row["stage"], row["event"], row["created"]) for row in rows]


def put_predictions(db: Database, run: int, predictions: Iterable[NewPrediction]) -> int:
    """Store predictions, each in place of an earlier one of its image; return how many."""
    before = db.total_changes
    db.executemany(
        """INSERT OR REPLACE INTO prediction
               (image, run, class, probability, class2, probability2, class3, probability3, place)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        ((new.image, run, *_three(new.guesses), new.place) for new in predictions),
    )
    return db.total_changes - before


def _three(guesses: tuple[Guess, ...]) -> list[int | float | None]:
    flat: list[int | float | None] = [value for guess in guesses[:3] for value in (guess.class_id, guess.probability)]
    return flat + [None] * (6 - len(flat))


def guesses_of(db: Database, image: int) -> tuple[Guess, ...]:
    """Return what the newest model thinks of an image, best first, merged classes as what they were merged into."""
    row = db.execute("SELECT * FROM prediction WHERE image = ?", (image,)).fetchone()
    if row is None:
        return ()
    found: dict[int, float] = {}
    for suffix in ("", "2", "3"):
        if row[f"class{suffix}"] is not None:
            root = root_class(db, row[f"class{suffix}"])
            found[root] = found.get(root, 0.0) + row[f"probability{suffix}"]
    return tuple(Guess(*pair) for pair in sorted(found.items(), key=lambda pair: -pair[1]))


def root_class(db: Database, class_id: int) -> int:
    """Return the class that the labels of a class count for."""
    row = db.execute("SELECT coalesce(merged_into, id) AS root FROM class WHERE id = ?", (class_id,)).fetchone()
    return int(row["root"])
