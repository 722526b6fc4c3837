"""People: known by name, never deleted. Those who may log in have a role and the hash of a password."""
# ruff: noqa: S608 - what is put into SQL here are constants of this file

import json
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

from storage.clock import now
from storage.database import Database, Row
from storage.records import Person

DATASET = "dataset"
"""The person in whose name labels are imported."""

Role = Literal["annotator", "admin"]


@dataclass(frozen=True)
class Member:
    """Somebody as admins see them.

    Attributes:
        id: of the person.
        name: as it is shown.
        role: what they may do.
        active: whether they may come in at all.
        password: hash of their password, None where they cannot log in by one.
        answers: how many of theirs stand: those taken back do not count.
        latest: when they gave the last of them, "" before the first.
    """

    id: int
    name: str
    role: Role
    active: bool
    password: str | None
    answers: int = 0
    latest: str = ""


_ANSWER = "kind IN ('label', 'reject', 'confirm')"
_NOT_REDONE = "NOT EXISTS (SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id)"
_TAKEN_BACK = f"""SELECT undo.person, count(*) AS count
    FROM label_event AS undo INDEXED BY label_event_undoes CROSS JOIN label_event AS said ON said.id = undo.undoes
    WHERE undo.undoes IS NOT NULL AND undo.kind = 'undo' AND said.{_ANSWER} AND {_NOT_REDONE}"""
"""Answers that an undo took back, by person: undos are few beside answers, which are counted without a look at each."""
_LATEST = f"""SELECT said.created FROM label_event AS said
    WHERE said.person = person.id AND said.{_ANSWER}
      AND NOT EXISTS (SELECT 1 FROM label_event AS undo WHERE undo.undoes = said.id AND {_NOT_REDONE})
    ORDER BY said.created DESC LIMIT 1"""


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
    """Return everybody, by name, with how many answers of theirs stand."""
    return [Person(item.id, item.name, item.answers) for item in list_members(db)]


def list_members(db: Database) -> list[Member]:
    """Return everybody as admins see them, by name."""
    rows = db.execute(
        f"""SELECT person.*,
                   (SELECT count(*) FROM label_event WHERE person = person.id AND {_ANSWER}) - coalesce(back.count, 0)
                       AS answers,
                   coalesce(({_LATEST}), '') AS latest
            FROM person LEFT JOIN ({_TAKEN_BACK} GROUP BY undo.person) AS back ON back.person = person.id
            ORDER BY folded"""
    )
    return [_member(row, row["answers"], row["latest"]) for row in rows]


def count_answers(db: Database, person: int) -> int:
    """Return how many answers of somebody stand."""
    given = db.execute(f"SELECT count(*) FROM label_event WHERE person = ? AND {_ANSWER}", (person,)).fetchone()[0]
    back = db.execute(f"{_TAKEN_BACK} AND undo.person = ?", (person,)).fetchone()["count"]
    return int(given - back)


def get_member(db: Database, person: int) -> Member | None:
    """Return somebody by id, without what they gave."""
    row = db.execute("SELECT * FROM person WHERE id = ?", (person,)).fetchone()
    return None if row is None else _member(row)


def find_member(db: Database, name: str) -> Member | None:
    """Return somebody by name, without what they gave."""
    row = db.execute("SELECT * FROM person WHERE folded = ?", (fold(name),)).fetchone()
    return None if row is None else _member(row)


def _member(row: Row, answers: int = 0, latest: str = "") -> Member:
    return Member(row["id"], row["name"], row["role"], bool(row["active"]), row["password"], answers, latest)


def has_admin(db: Database, besides: int | None = None, *, by_password: bool = False) -> bool:
    """Say whether there is an active admin, `besides` one person, who (`by_password`) can log in by a password."""
    return (
        db.execute(
            """SELECT 1 FROM person WHERE role = 'admin' AND active AND id IS NOT ?
               AND (password IS NOT NULL OR NOT ?)""",
            (besides, by_password),
        ).fetchone()
        is not None
    )


def is_only_admin(db: Database, member: Member) -> bool:
    """Say whether a project would have no admin without them."""
    return member.role == "admin" and member.active and not has_admin(db, besides=member.id)


def add_member(db: Database, name: str, role: Role, password: str | None) -> Person:
    """Let somebody come in, by the hash of a password where there is one; who is known by name keeps what they gave."""
    person = find_or_add_person(db, name)
    set_role(db, person.id, role)
    set_password(db, person.id, password)
    let_in(db, person.id)
    return person


def set_role(db: Database, person: int, role: Role) -> None:
    """Let somebody have a role."""
    db.execute("UPDATE person SET role = ? WHERE id = ?", (role, person))


def let_in(db: Database, person: int) -> None:
    """Let somebody in who was kept out (`storage.sessions.keep_out`)."""
    db.execute("UPDATE person SET active = 1 WHERE id = ?", (person,))


def set_password(db: Database, person: int, password: str | None) -> None:
    """Store the hash of a new password; None: no login by password."""
    db.execute("UPDATE person SET password = ? WHERE id = ?", (password, person))


def get_person_settings(db: Database, person: int) -> dict[str, Any]:
    """Return what a person has set, {} at first."""
    row = db.execute("SELECT settings FROM person WHERE id = ?", (person,)).fetchone()
    settings: dict[str, Any] = json.loads(row["settings"]) if row else {}
    return settings


def put_person_settings(db: Database, person: int, settings: dict[str, Any]) -> None:
    """Replace what a person has set."""
    db.execute("UPDATE person SET settings = ? WHERE id = ?", (json.dumps(settings), person))
