"""What every route starts from: the open project, and who is asking."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response

from labeling.api.items import Pictures
from labeling.chores import Chores
from labeling.exports.jobs import Exports
from labeling.pictures.shop import PictureShop
from labeling.probe.starting import Probing
from labeling.project import Project
from labeling.runs.estimating import Estimates
from labeling.runs.supervising import Runs
from labeling.security.doors import Door, Visitor
from labeling.wire import OnceIn
from labeling.wire.people import Login
from storage.database import Database
from storage.errors import Refused
from storage.people import Role, get_person
from storage.written import body_hash, is_done, once

Result = TypeVar("Result")


@dataclass
class Context:
    """What the routes share.

    Attributes:
        project: the open project.
        pictures: where pictures are served.
        shop: makes and keeps the pictures.
        exports: starts exports and knows how far they are.
        root_path: prefix of all URLs.
        known: people who were seen to exist; nobody is ever deleted.
        chores: reads the images anew, imports labels.
        runs: starts, watches and stops runs.
        estimates: says how long a run would take.
        probing: keeps the probe running while people label.
        starting: held while a run is started: a wish that is sent twice at once finds what became of the first.
    """

    project: Project
    pictures: Pictures
    shop: PictureShop
    exports: Exports
    root_path: str
    known: set[int] = field(default_factory=set)
    chores: Chores = field(init=False)
    runs: Runs = field(init=False)
    estimates: Estimates = field(init=False)
    probing: Probing = field(init=False)
    starting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Find the chores of the project."""
        self.chores = Chores(self.project.paths)
        self.runs = Runs(self.project.paths)
        self.estimates = Estimates(self.project.paths, self.runs)
        self.project.submit(self.runs.index)
        self.probing = Probing(self.project)

    @property
    def cookie(self) -> str:
        """Name of the cookie that says who somebody is: cookies are shared between ports, projects are not."""
        return f"person-{self.project.id}"

    async def write(self, work: Callable[[Database], Result]) -> Result:
        """Do a write and wait until it is on disk."""
        return await asyncio.wrap_future(self.project.submit(work))


class NobodyError(Exception):
    """The request does not say who is asking."""


def context(request: Request) -> Context:
    """Return what the routes share."""
    shared: Context = request.app.state.context
    return shared


async def here(request: Request) -> Context:
    """Return what the routes share, as a dependency (asynchronous, so that no thread is taken for it)."""
    return context(request)


async def person(request: Request) -> int:
    """Return who is asking. Every route but those for choosing one's name depends on this.

    A page names the person it shows in `X-Person`: in another tab of its browser somebody else may be at work by now.

    Raises:
        NobodyError: the request does not say.
        Refused: it comes from a page that shows somebody else.
    """
    found = who(request)
    if found is None:
        raise NobodyError
    if request.headers.get("x-person", str(found)) != str(found):
        raise Refused("somebody else is at work in this browser now", "X-Person", "load the page again", "taken")
    return found


def who(request: Request) -> int | None:
    """Return who is asking, None where the request does not say: whom the door let in, else who the browser says."""
    if "door" in request.scope:
        visitor = request.scope["visitor"]
        return None if visitor is None else int(visitor.id)
    shared = context(request)
    value = request.cookies.get(shared.cookie, "")
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        return None
    number = int(value)
    if number not in shared.known:
        with shared.project.reading() as db:
            if get_person(db, number) is None:
                return None
        shared.known.add(number)
    return number


def how_people_come_in(request: Request) -> Login:
    """Say whether people log in: not where only this machine is reached."""
    door: Door | None = request.scope.get("door")
    if door is None:
        return "none"
    return "password" if door.entry.header is None else "proxy"


def my_role(request: Request) -> Role:
    """Return what the asker may do: all of it where nobody logs in."""
    visitor: Visitor | None = request.scope.get("visitor")
    return "admin" if visitor is None else visitor.role


def remember(response: Response, shared: Context, number: int) -> None:
    """Let the browser say from now on who is asking."""
    shared.known.add(number)
    response.set_cookie(
        shared.cookie, str(number), max_age=365 * 24 * 3600, path=shared.root_path or "/", httponly=True,
        samesite="strict",
    )  # fmt: skip


def done_once(wish: OnceIn, who: int, work: Callable[[Database], Any]) -> Callable[[Database], Any]:
    """Return work that is done once however often its wish is sent; what it answers is a JSON value."""
    digest = body_hash(wish.model_dump(mode="json"), who)
    return lambda db: once(db, wish.uuid, digest, who, work)


def was_done(db: Database, wish: OnceIn, who: int) -> bool:
    """Return whether `done_once` did this wish before, so that what is heavy is looked up once, before the write."""
    return is_done(db, wish.uuid, body_hash(wish.model_dump(mode="json"), who))


Here = Annotated[Context, Depends(here)]
Who = Annotated[int, Depends(person)]


async def asker(request: Request, who: Who) -> int | None:
    """Return from whom others' answers are kept until they have given theirs, and who overrules nobody; no admin."""
    return None if my_role(request) == "admin" else who


Asker = Annotated[int | None, Depends(asker)]
