"""Many rows are stored so that others come in between."""

from collections.abc import Sequence
from pathlib import Path

from storage.database import Database, open_reader
from storage.parts import AT_ONCE, store_in_parts


def test_what_is_stored_so_far_is_seen_by_others(path: Path, db: Database) -> None:
    """And so the writes of others come in between."""
    seen: list[int] = []
    counted = "SELECT count(*) FROM written"

    def put(part: Sequence[int]) -> None:
        other = open_reader(path)
        seen.append(other.execute(counted).fetchone()[0])
        other.close()
        rows = [(str(number),) for number in part]
        db.executemany("INSERT INTO written (uuid, body, answer, created) VALUES (?, x'', '1', '')", rows)

    store_in_parts(db, range(2 * AT_ONCE + 1), put)
    assert seen == [0, AT_ONCE, 2 * AT_ONCE]
    assert db.execute(counted).fetchone()[0] == 2 * AT_ONCE + 1
