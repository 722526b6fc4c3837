"""What merges of classes hold."""

from dataclasses import dataclass

from storage.database import Database


@dataclass(frozen=True)
class Merged:
    """A class whose labels count as another one's; `answers` were given with its own name and never taken back."""

    id: int
    name: str
    into: int
    answers: int


def list_merged(db: Database) -> list[Merged]:
    """Return the merged classes in their order."""
    rows = db.execute(
        """SELECT class.id, class.name, class.merged_into AS into_class, (
               SELECT count(*) FROM label_event AS event
               WHERE event.class = class.id AND event.kind IN ('label', 'confirm')
                 AND NOT EXISTS (SELECT 1 FROM label_event AS undo WHERE undo.undoes = event.id AND NOT EXISTS (
                     SELECT 1 FROM label_event AS redo WHERE redo.undoes = undo.id))) AS answers
           FROM class WHERE class.merged_into IS NOT NULL ORDER BY class.position, class.id"""
    )
    return [Merged(row["id"], row["name"], row["into_class"], row["answers"]) for row in rows]
