"""Sessions: who is logged in, and who no more.

Only hashes of tokens are stored, so that reading the database lets nobody in.
"""

from datetime import UTC, datetime, timedelta

from storage.clock import as_stored, now
from storage.database import Database
from storage.holding import release_all
from storage.people import Member, get_member


def open_session(db: Database, token: bytes, person: int, days: float) -> None:
    """Store a session; those that have ended are forgotten.

    Args:
        db: the database.
        token: SHA-256 of the token.
        person: whose it is.
        days: how long it lasts.
    """
    db.execute("DELETE FROM session WHERE expires < ?", (now(),))
    ends = datetime.now(UTC) + timedelta(days=days)
    db.execute(
        "INSERT INTO session (token, person, created, expires) VALUES (?, ?, ?, ?)",
        (token, person, now(), as_stored(ends)),
    )


def find_session(db: Database, token: bytes) -> Member | None:
    """Return whose session it is; None where there is none, it has ended, or its person is kept out."""
    row = db.execute("SELECT person FROM session WHERE token = ? AND expires >= ?", (token, now())).fetchone()
    member = None if row is None else get_member(db, row["person"])
    return member if member is not None and member.active else None


def close_session(db: Database, token: bytes) -> None:
    """End a session."""
    db.execute("DELETE FROM session WHERE token = ?", (token,))


def close_sessions(db: Database, person: int, besides: bytes | None = None) -> None:
    """End all sessions of a person, besides one."""
    db.execute("DELETE FROM session WHERE person = ? AND token IS NOT ?", (person, besides))


def keep_out(db: Database, person: int) -> None:
    """Let somebody in no more: their sessions end, and others get what they hold; what they labeled stays."""
    db.execute("UPDATE person SET active = 0 WHERE id = ?", (person,))
    close_sessions(db, person)
    release_all(db, person)
