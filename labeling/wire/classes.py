"""Classes, on the wire."""

from typing import Annotated

from pydantic import Field, StringConstraints

from labeling.wire import Id, Name, Uuid, Wire

Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]


class ClassOut(Wire):
    """A class."""

    id: int
    name: str
    key: str | None
    color: str
    count: int
    position: int


class ClassesOut(Wire):
    """All classes, in their order; `version` is another one whenever they are, counts apart."""

    classes: list[ClassOut]
    version: str


class ClassIn(Wire):
    """A new class."""

    uuid: Uuid
    name: Name
    key: Name | None = None
    color: Color | None = None


class ClassChange(Wire):
    """What changes of a class; fields that are not sent stay as they are."""

    uuid: Uuid
    name: Name | None = None
    key: Name | None = None
    color: Color | None = None
    position: int | None = Field(default=None, ge=0, lt=100_000)


class MergeIn(Wire):
    """Which class the labels shall count for."""

    uuid: Uuid
    into: Id


class SplitIn(Wire):
    """A merge to take back."""

    uuid: Uuid
