"""The HTTP API: routes that check, call storage, and answer. docs/api.md describes them for people."""

from typing import Any

from fastapi import Depends, FastAPI

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
    progress,
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


def add_routes(app: FastAPI) -> None:
    """Add all routes to an app; each but those for choosing one's name needs a person.

    Routes are looked for in this order, so those that a label waits for come first.
    """
    for routes in (labels.routes, images.routes):
        app.include_router(routes, dependencies=[Depends(person)], responses=_ERRORS)
    for routes in (people.open_routes, login.open_routes):
        app.include_router(routes, responses=_ERRORS)
    for module in (
        runs, login, team, classes, people, progress, requests, exports, dataset, imports, choices, evaluation, start,
    ):  # fmt: skip
        app.include_router(module.routes, dependencies=[Depends(person)], responses=_ERRORS)
