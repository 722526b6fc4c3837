"""What a project knows about itself, by key, as JSON values."""

import json
from typing import Any

from storage.database import Database


def get_setting(db: Database, key: str, default: Any = None) -> Any:
    """Return a setting of the project."""
    row = db.execute("SELECT value FROM project WHERE key = ?", (key,)).fetchone()
    return default if row is None else json.loads(row["value"])


def put_setting(db: Database, key: str, value: Any) -> None:
    """Store a setting of the project."""
    db.execute(
        "INSERT INTO project (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, json.dumps(value)),
    )
