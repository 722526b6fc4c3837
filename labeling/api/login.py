"""Logging in and out, a new password of one's own, and whether the server lives."""

import secrets
import threading
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from labeling.api.access import Context, Here, Who
from labeling.security import passwords
from labeling.security.attempts import neighbourhood
from labeling.security.doors import Door, Visitor, session_cookie, token_hash
from labeling.ui.login import login_page
from labeling.wire import people as wire
from storage import people as store
from storage.database import Database
from storage.errors import Refused
from storage.people import Member
from storage.sessions import close_session, close_sessions, open_session

DAYS = 30
"""How long a session lasts."""

open_routes = APIRouter(tags=["people"])
routes = APIRouter(tags=["people"])

_hashing = threading.Semaphore(2)
"""A hash takes 64 MiB and a core: no more at once than a small machine bears."""


def door_of(request: Request) -> Door:
    """Return the door of this server.

    Raises:
        Refused: only this machine is reached, and nobody logs in.
    """
    door: Door | None = request.scope.get("door")
    if door is None:
        raise Refused("nobody logs in here: only this machine is reached", "login", "choose a name instead", "missing")
    return door


AtDoor = Annotated[Door, Depends(door_of)]


@open_routes.get("/api/health")
async def health() -> wire.Health:
    """Say that the server lives."""
    return wire.Health()


@open_routes.get("/login", include_in_schema=False)
async def page(request: Request, here: Here) -> Response:
    """Show the login page; who is in already, or need not log in, is led on."""
    if "door" not in request.scope or request.scope["visitor"] is not None:
        return RedirectResponse((here.root_path or "") + "/", status_code=303)
    return HTMLResponse(login_page(here.project.name, here.root_path), headers={"cache-control": "no-store"})


@open_routes.post("/api/login", response_model=wire.LoggedIn, responses={
    429: {"description": "too many tries; Retry-After says when to try again"}
})  # fmt: skip
def log_in(
    mine: wire.LoginIn, request: Request, response: Response, here: Here, door: AtDoor
) -> wire.LoggedIn | JSONResponse:
    """Let somebody in by name and password."""
    name, address = store.fold(mine.name.strip())[:200], neighbourhood(request.scope["address"])
    wait = max(door.by_name.wait(name), door.by_address.wait(address))
    if wait > 0:
        return _too_many(wait)
    door.by_name.count(name)
    door.by_address.count(address)
    with here.project.reading() as db:
        member = store.find_member(db, mine.name.strip())
    with _hashing:
        right = passwords.fits(mine.password, member.password if member is not None and member.active else None)
    if not right or member is None:
        return JSONResponse(
            {"error": "name or password is wrong", "field": "password", "hint": "an admin can give you a new one"}, 401
        )
    door.by_name.succeeded(name)
    door.by_address.succeeded(address)
    _open(here, member, request, response)
    return wire.LoggedIn(id=member.id, name=member.name, role=member.role)


def _too_many(wait: float) -> JSONResponse:
    seconds = max(1, round(wait + 0.5))
    hint = f"try again in {seconds} s"
    return JSONResponse(
        {"error": "too many tries", "field": "password", "hint": hint}, 429, headers={"retry-after": str(seconds)}
    )


def _open(here: Context, member: Member, request: Request, response: Response) -> None:
    token = secrets.token_urlsafe(32)
    here.project.write(lambda db: open_session(db, token_hash(token), member.id, DAYS))
    response.set_cookie(
        session_cookie(here.project.id), token, max_age=DAYS * 24 * 3600, path=here.root_path or "/", httponly=True,
        samesite="lax", secure=request.headers.get("origin", "").startswith("https://"),
    )  # fmt: skip


@routes.post("/api/logout")
async def log_out(request: Request, response: Response, here: Here, door: AtDoor) -> wire.Done:
    """End my session."""
    visitor: Visitor = request.scope["visitor"]
    token = visitor.session
    if token is not None:
        await here.write(lambda db: close_session(db, token))
    door.forget()
    response.delete_cookie(session_cookie(here.project.id), path=here.root_path or "/")
    return wire.Done()


@routes.post("/api/password")
def change_password(new: wire.PasswordIn, request: Request, here: Here, who: Who, door: AtDoor) -> wire.Done:
    """Change my password; my other sessions end."""
    visitor: Visitor = request.scope["visitor"]
    passwords.check_new(new.new, "new")
    key = store.fold(visitor.name)
    if door.by_name.wait(key) > 0:
        raise Refused("too many tries", "old", f"try again in {round(door.by_name.wait(key) + 0.5)} s", "invalid")
    door.by_name.count(key)
    with here.project.reading() as db:
        member = store.get_member(db, who)
    with _hashing:
        if member is None or not passwords.fits(new.old, member.password):
            raise Refused("the old password is wrong", "old", "an admin can give you a new one", "invalid")
        hashed = passwords.hash_password(new.new)
    door.by_name.succeeded(key)

    def work(db: Database) -> None:
        store.set_password(db, who, hashed)
        close_sessions(db, who, visitor.session)

    here.project.write(work)
    door.forget()
    return wire.Done()
