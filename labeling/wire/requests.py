"""Requests for labels, on the wire."""

from typing import Annotated

from pydantic import Field, StringConstraints

from labeling.wire import Name, OnceIn, Wire
from storage.records import Purpose


class RequestOut(Wire):
    """A request and how far it is answered."""

    id: int
    purpose: Purpose
    strategy: str | None
    overlap: int
    blind: bool
    items: int
    wanted: int
    done: int
    left: int
    created: str
    open: bool


class RequestsOut(Wire):
    """All requests."""

    requests: list[RequestOut]


class RequestItemIn(Wire):
    """An image to ask about."""

    file: Annotated[str, StringConstraints(max_length=4096)]
    score: float | None = Field(default=None, allow_inf_nan=False)
    reason: Name | None = None


class RequestIn(OnceIn):
    """A new request: so many random images, so many that are answered already, or the named ones."""

    random: int | None = Field(default=None, ge=1, le=100_000)
    again: int | None = Field(default=None, ge=1, le=100_000)
    items: list[RequestItemIn] | None = Field(default=None, min_length=1, max_length=10_000)
    strategy: Name | None = None
    overlap: int = Field(default=1, ge=1, le=20)


class RequestAdded(Wire):
    """A request that was made."""

    id: int
    items: int
    left_out: dict[str, int]
