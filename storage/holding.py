"""What people hold: leases kept while somebody labels, seen again after a reload, given back when they leave."""

import json
from collections.abc import Iterable, Sequence

from storage.clock import Instant
from storage.database import Database, Row
from storage.leases import recount
from storage.records import Lease

WORN = 0.75
"""A lease is renewed when less than this share of its term is left."""


def renew(db: Database, tokens: Sequence[int], person: int, client: str, at: Instant, term: float) -> list[int]:
    """Give leases a full term again where a quarter of it is over; return the tokens no longer this person's.

    Each renewal is written to disk with the two indexes it stands in, and who labels asks for it at every label.
    """
    mine = [row for row in _rows_of(db, tokens) if row["person"] == person and row["state"] == "active"]
    worn = [row["token"] for row in mine if row["expires"] < at.seconds + WORN * term or row["client"] != client]
    db.executemany(
        "UPDATE lease SET expires = ?, client = ? WHERE token = ?",
        [(at.seconds + term, client, token) for token in worn],
    )
    held = {row["token"] for row in mine}
    return [token for token in tokens if token not in held]


def _rows_of(db: Database, tokens: Sequence[int]) -> list[Row]:
    rows: list[Row] = db.execute(
        "SELECT * FROM lease WHERE token IN (SELECT value FROM json_each(?)) ORDER BY token", (json.dumps(tokens),)
    ).fetchall()
    return rows


def held_leases(
    db: Database, person: int, client: str, besides: Sequence[int], count: int, at: Instant, term: float
) -> list[Lease]:
    """Return (renewed) up to `count` leases this client holds `besides` those it named: a reloaded page's."""
    rows = db.execute(
        """SELECT token FROM lease WHERE person = ? AND client = ? AND state = 'active'
           AND token NOT IN (SELECT value FROM json_each(?)) ORDER BY token LIMIT ?""",
        (person, client, json.dumps(besides), count),
    ).fetchall()
    mine = [row["token"] for row in rows]
    renew(db, mine, person, client, at, term)
    return leases_of(db, mine)


def leases_of(db: Database, tokens: Sequence[int]) -> list[Lease]:
    """Return the leases of these tokens, the first given first."""
    return [Lease(row["token"], row["image"], row["request"], row["expires"]) for row in _rows_of(db, tokens)]


def release(db: Database, person: int, tokens: Iterable[int]) -> int:
    """Give back those of the named leases that this person holds; return how many there were."""
    sql = "UPDATE lease SET state = 'released' WHERE token = ? AND person = ? AND state = 'active' RETURNING image"
    rows = [row for token in tokens for row in db.execute(sql, (token, person)).fetchall()]
    for row in rows:
        recount(db, row["image"])
    return len(rows)


def release_client(db: Database, person: int, client: str) -> int:
    """Give back all that a person holds in one tab; return how many there were."""
    rows = db.execute(
        "SELECT token FROM lease WHERE person = ? AND client = ? AND state = 'active'", (person, client)
    ).fetchall()
    return release(db, person, [row["token"] for row in rows])


def release_all(db: Database, person: int) -> None:
    """Give back all that a person holds: they are no longer let in, and others need not wait for it."""
    rows = db.execute("SELECT token FROM lease WHERE person = ? AND state = 'active'", (person,)).fetchall()
    release(db, person, [row["token"] for row in rows])


def release_elsewhere(db: Database, person: int, client: str) -> int:
    """Give back what a person holds in other tabs than this one; return how many there were."""
    return release(db, person, [row["token"] for row in _elsewhere(db, person, client)])


def count_elsewhere(db: Database, person: int, client: str) -> int:
    """Return how many images a person holds in other tabs than this one."""
    return len(_elsewhere(db, person, client))


def _elsewhere(db: Database, person: int, client: str) -> list[Row]:
    rows: list[Row] = db.execute(
        "SELECT token FROM lease WHERE person = ? AND client <> ? AND state = 'active'", (person, client)
    ).fetchall()
    return rows


def shown_to(db: Database, person: int) -> set[int]:
    """Return the images a person has in front of them with the model's guess: all they hold but blind ones."""
    rows = db.execute(
        """SELECT lease.image FROM lease LEFT JOIN request ON request.id = lease.request
           WHERE lease.person = ? AND lease.state = 'active' AND coalesce(request.blind, 0) = 0""",
        (person,),
    )
    return {row[0] for row in rows}
