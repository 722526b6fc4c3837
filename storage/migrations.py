"""How an empty database becomes a project, and a project of an earlier version one of today's.

A change of the schema is one more function decorated with `@migrations()`. It must be fit to run on a project of any
earlier version, raises `VERSION` by one, and uses plain SQL (`sqlite_utils` `transform()` would drop the triggers).
"""

import sqlite3

from sqlite_utils import Database, Migrations

from storage.schema import INDEXES, TABLES, TRIGGERS, VIEWS

VERSION = 5
"""Kept in `PRAGMA user_version`; a project of a higher one is refused."""

migrations = Migrations("labeling")


@migrations()
def first(db: Database) -> None:
    """Make an empty database a project."""
    for part in (TABLES, INDEXES, TRIGGERS, VIEWS):
        for statement in split_statements(part):
            db.execute(statement)


_TEAM = """
ALTER TABLE person ADD COLUMN role TEXT NOT NULL DEFAULT 'annotator' CHECK (role IN ('annotator', 'admin'));
ALTER TABLE person ADD COLUMN password TEXT;  -- an Argon2 hash; null: no login by password
ALTER TABLE person ADD COLUMN active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1));

CREATE TABLE session (
    token   BLOB PRIMARY KEY CHECK (length(token) = 32),  -- a hash: who reads the database cannot log in
    person  INTEGER NOT NULL REFERENCES person (id),
    created TEXT NOT NULL,
    expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_person ON session (person);
CREATE INDEX session_expires ON session (expires);
"""

_TURNS = """
-- Where the probe puts an item while people label: below zero is before all that wait by rank.
ALTER TABLE request_item ADD COLUMN turn INTEGER;
DROP INDEX request_item_free;
CREATE INDEX request_item_free ON request_item (request, coalesce(turn, rank)) WHERE free > 0;
CREATE INDEX request_item_turn ON request_item (turn) WHERE turn IS NOT NULL;
"""


@migrations()
def second(db: Database) -> None:
    """Let people log in, and let the queue be put in another order while they label."""
    for part in (_TEAM, _TURNS):
        for statement in split_statements(part):
            db.execute(statement)


_PARENTS = """
-- What a class was merged into itself; `merged_into` is derived: where that leads in the end. Of merges of merges made
-- earlier nobody knows the way any more, only the end.
ALTER TABLE class ADD COLUMN parent INTEGER REFERENCES class (id);
UPDATE class SET parent = merged_into;
"""


@migrations()
def third(db: Database) -> None:
    """Remember the way of a merge, so that what was merged into a class goes with it when its own merge is undone."""
    for statement in split_statements(_PARENTS):
        db.execute(statement)


_SUSPECTS = """
CREATE TABLE suspect (                        -- labels that the other labels speak against, the most doubtful first
    place       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again: a page of an older list ends before this one
    image       INTEGER NOT NULL UNIQUE REFERENCES image (id),
    event       INTEGER NOT NULL REFERENCES label_event (id),  -- of the label that is doubted
    class       INTEGER NOT NULL REFERENCES class (id),        -- what the other labels speak for
    probability REAL NOT NULL
) STRICT;

-- Of one table, so that a page of images looks up its own rows and not all of them.
CREATE VIEW suspected AS
SELECT place, image, (SELECT coalesce(merged_into, id) FROM class WHERE id = suspect.class) AS class, probability
FROM suspect WHERE EXISTS (
  SELECT 1 FROM image
  WHERE image.id = suspect.image AND image.event = suspect.event AND image.state = 'labeled' AND image.present = 1
    AND image.split NOT IN ('val', 'test')
    AND image.class <> (SELECT coalesce(merged_into, id) FROM class WHERE id = suspect.class));
"""


@migrations()
def fourth(db: Database) -> None:
    """Keep which labels are probably wrong."""
    for statement in split_statements(_SUSPECTS):
        db.execute(statement)


_COUNTS = """
-- What people gave and what a class was given are counted in an index alone, however much there is besides.
CREATE INDEX label_event_answers ON label_event (person, created) WHERE kind IN ('label', 'reject', 'confirm');
CREATE INDEX label_event_class ON label_event (class, kind) WHERE class IS NOT NULL;
"""


@migrations()
def fifth(db: Database) -> None:
    """Count the answers of people and of merged classes without reading all events."""
    for statement in split_statements(_COUNTS):
        db.execute(statement)


def split_statements(script: str) -> list[str]:
    """Return the statements of a script (`executescript` would commit the transaction they belong to)."""
    statements: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            statements.append(text)
            text = ""
    return statements
