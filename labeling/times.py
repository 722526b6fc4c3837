"""Times as they are stored and sent: ISO 8601, UTC."""

from datetime import UTC, datetime, timedelta


def ago(minutes: float) -> str:
    """Return the time so many minutes ago."""
    then = datetime.now(UTC) - timedelta(minutes=minutes)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
