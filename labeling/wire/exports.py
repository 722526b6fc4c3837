"""Exports, on the wire."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from labeling.wire import Uuid, Wire


class ExportIn(Wire):
    """A wish to export."""

    uuid: Uuid
    format: Literal["folders", "seed", "csv"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")] | None = None


class ExportOut(Wire):
    """An export and how far it is."""

    name: str
    format: str
    state: Literal["running", "done", "failed"]
    done: int
    total: int
    event: int | None
    message: str | None
    path: str
    created: str
    labeled: int | None
    left_out: dict[str, int]


class ExportsOut(Wire):
    """All exports, newest first."""

    exports: list[ExportOut]
