"""Exports, on the wire."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

from labeling.wire import OnceIn, Wire

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"


def _plain(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise ValueError(
            "an export's name is made of the letters A to Z, digits, dots, hyphens and underscores, 80 at most, "
            "and begins with a letter or digit"
        )
    return name


class ExportIn(OnceIn):
    """A wish to export."""

    format: Literal["folders", "seed", "csv"]
    name: Annotated[str, AfterValidator(_plain), WithJsonSchema({"type": "string", "pattern": _NAME})] | None = None


class RemovalIn(OnceIn):
    """A wish to remove a finished export: the one that was `created` then, none of its name that came later."""

    created: str


class ExportOut(Wire):
    """An export and how far it is; `message` is why it failed, or what looks wrong about a finished one."""

    name: str
    uuid: str | None
    format: str
    state: Literal["running", "done", "failed", "stopped"]
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
