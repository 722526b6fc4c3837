"""The HTTP API: routes that check, call storage, and answer. docs/api.md describes them for people."""

from typing import Any

from fastapi import APIRouter, Depends

from labeling.api import (
    choices,
    classes,
    dataset,
    evaluation,
    exports,
    images,
    imports,
    labels,
    login,
    people,
    requests,
    runs,
    start,
    team,
)
from labeling.api.access import person
from labeling.wire import Error

_SENTENCES = {
    401: "no person chosen, or nobody logged in",
    403: "for admins of the project",
    404: "no such thing",
    409: "in the way of something else",
    422: "a field is missing or out of range",
    507: "the disk is full, nothing is stored",
}
_SCHEMA = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"description": sentence, "content": _SCHEMA} for code, sentence in _SENTENCES.items()
}
_ERRORS[404]["model"] = Error  # once a route is enough for the schema to be there; six times would slow the start


def router() -> APIRouter:
    """Return all routes; each but those for choosing one's name needs a person."""
    whole = APIRouter(responses=_ERRORS)
    whole.include_router(people.open_routes)
    whole.include_router(login.open_routes)
    for module in (
        runs,
        labels,
        login,
        team,
        classes,
        people,
        images,
        requests,
        exports,
        dataset,
        imports,
        choices,
        evaluation,
        start,
    ):
        whole.include_router(module.routes, dependencies=[Depends(person)])
    return whole
