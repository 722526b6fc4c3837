"""Every error as one JSON object: {error, field, hint}."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from barlowmatch.errors import InputError
from barlowmatch.files import paths_explained
from labeling.api.access import NobodyError
from labeling.pictures.shop import GoneError, UnreadableError
from storage.errors import DiskFull, Refused, StorageError

_STATUS = {"invalid": 422, "taken": 409, "missing": 404, "forbidden": 403}
"""The HTTP status of each kind of refusal."""
_IN_WORDS = {
    "string_pattern_mismatch": "has another form than is taken here",
    "string_too_long": "must have at most {max_length} characters",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
    "missing": "is missing",
}
"""What is wrong with a value, by Pydantic's name of it: people read this beside a field, and know no patterns."""
log = logging.getLogger("labeling")


def handle_errors(app: FastAPI) -> None:
    """Let an app answer all errors in one form."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(DiskFull, _disk_full)
    app.add_exception_handler(StorageError, _storage)
    app.add_exception_handler(InputError, _input)
    app.add_exception_handler(OSError, _path)
    app.add_exception_handler(NobodyError, _nobody)
    app.add_exception_handler(GoneError, _gone)
    app.add_exception_handler(UnreadableError, _unreadable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(status: int, error: str, field: str | None = None, hint: str | None = None, **further: Any) -> JSONResponse:
    """Return an error as it goes over the wire, with what else is told beside it."""
    return JSONResponse({**further, "error": error, "field": field, "hint": hint}, status_code=status)


def refusal(refused: Refused, **further: Any) -> JSONResponse:
    """Return a refusal as it goes over the wire, with the status of its kind and what else is told beside it."""
    return answer(_STATUS[refused.fault], str(refused), refused.field, refused.hint, **further)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return refusal(error)


async def _disk_full(_: Request, error: Exception) -> JSONResponse:
    log.error("%s", error)
    return answer(507, str(error), None, "free some space; then send it again, unchanged")


async def _storage(_: Request, error: Exception) -> JSONResponse:
    log.error("%s", error)
    return answer(503, str(error), None, "try again in a moment")


async def _input(_: Request, error: Exception) -> JSONResponse:
    return answer(422, str(error))


async def _path(request: Request, error: Exception) -> JSONResponse:
    try:
        with paths_explained():
            raise error
    except InputError as explained:
        return answer(422, str(explained))
    except OSError:
        return await _unexpected(request, error)


async def _nobody(_: Request, __: Exception) -> JSONResponse:
    return answer(401, "nobody is named", "person", "choose your name (POST /api/people/me)")


async def _gone(_: Request, error: Exception) -> JSONResponse:
    return answer(410, str(error), "image", "put the file back, or read the folder again on the Project page")


async def _unreadable(_: Request, error: Exception) -> JSONResponse:
    return answer(422, str(error), "image", "repair the file, or skip the image")


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    if first["type"] == "json_invalid":
        return answer(400, "the body is no JSON", None, "send JSON with content-type: application/json")
    return answer(422, _in_words(first), ".".join(place) or None)


def _in_words(problem: Mapping[str, Any]) -> str:
    """Return what is wrong with a value as the command line says it."""
    kind, about = problem["type"], problem.get("ctx", {})
    if kind == "string_too_short":
        least = about["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} characters"
    words = _IN_WORDS.get(kind)
    return str(problem["msg"]).removeprefix("Value error, ") if words is None else words.format(**about)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return answer(error.status_code, str(error.detail).lower())


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(500, "something went wrong inside", None, "the server's log says what; send it again")
