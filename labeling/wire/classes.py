"""Classes, on the wire."""

from typing import Annotated

from pydantic import Field, StringConstraints

from labeling.wire import Id, Name, OnceIn, Wire

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


class ClassIn(OnceIn):
    """A new class."""

    name: Name
    key: Name | None = None
    color: Color | None = None


class ClassChange(OnceIn):
    """What changes of a class; fields that are not sent stay as they are."""

    name: Name | None = None
    key: Name | None = None
    color: Color | None = None
    position: int | None = Field(default=None, ge=0, lt=100_000)


class MergeIn(OnceIn):
    """Which class the labels shall count for."""

    into: Id


class SplitIn(OnceIn):
    """A merge to take back."""
