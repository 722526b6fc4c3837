"""People: known by name, never deleted."""

import json
import unicodedata
from typing import Any

from storage.database import Database, now
from storage.records import Person

DATASET = "dataset"
"""The person in whose name labels are imported."""


def fold(name: str) -> str:
    """Return a name without case and Unicode forms: two names that fold alike count as one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def find_or_add_person(db: Database, name: str) -> Person:
    """Return the person of that name, made where new."""
    row = db.execute("SELECT id, name FROM person WHERE folded = ?", (fold(name),)).fetchone()
    if row is None:
        row = db.execute(
            "INSERT INTO person (name, folded, created) VALUES (?, ?, ?) RETURNING id, name", (name, fold(name), now())
        ).fetchone()
    return Person(row["id"], row["name"])


def get_person(db: Database, person: int) -> Person | None:
    """Return a person by id."""
    row = db.execute("SELECT id, name FROM person WHERE id = ?", (person,)).fetchone()
    return None if row is None else Person(row["id"], row["name"])


def list_people(db: Database) -> list[Person]:
    """Return everybody, by name, with how many answers they have given."""
    rows = db.execute(
        """SELECT person.id, person.name, coalesce(given.answers, 0) AS answers
           FROM person LEFT JOIN (
               SELECT person, count(*) AS answers FROM label_event
               WHERE kind IN ('label', 'reject', 'confirm') GROUP BY person) AS given ON given.person = person.id
           ORDER BY person.folded"""
    )
    return [Person(row["id"], row["name"], row["answers"]) for row in rows]


def get_person_settings(db: Database, person: int) -> dict[str, Any]:
    """Return what a person has set, {} at first."""
    row = db.execute("SELECT settings FROM person WHERE id = ?", (person,)).fetchone()
    settings: dict[str, Any] = json.loads(row["settings"]) if row else {}
    return settings


def put_person_settings(db: Database, person: int, settings: dict[str, Any]) -> None:
    """Replace what a person has set."""
    db.execute("UPDATE person SET settings = ? WHERE id = ?", (json.dumps(settings), person))
