"""The JSON of the HTTP API, as docs/api.md describes it: one model for each object that goes over the wire.

What all subjects share stands here, the models of each in a module of its own.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Id = Annotated[int, Field(ge=0, lt=2**53)]
ClassId = Annotated[Id, Field(alias="class")]
"""A field `class_id`, which is called `class` on the wire."""
ClassIdOrNone = Annotated[Id | None, Field(alias="class")]
Name = Annotated[str, StringConstraints(max_length=1000)]


class Wire(BaseModel):
    """An object on the wire; unknown fields are refused, so that a typo is not silently ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, protected_namespaces=())


class Error(Wire):
    """What went wrong: a sentence, the field that is to blame, and the way out."""

    error: str
    field: str | None = None
    hint: str | None = None


class OnceIn(Wire):
    """A write that is done once, however often it is sent with this UUID."""

    uuid: Uuid


class StopIn(Wire):
    """A wish to end what was started with this UUID."""

    uuid: Uuid
