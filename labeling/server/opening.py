"""Starting without a project: a page that makes or opens one, then the project itself, in the same process."""

import asyncio
import tempfile
from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from labeling.api.errors import handle_errors
from labeling.api.items import chore_out
from labeling.chores import Chore
from labeling.names import typed_path
from labeling.project import ProjectFolder
from labeling.security.guard import App, Message, Receive, Send
from labeling.server.places import Place, list_folders, look_at_images, look_at_project, suggest_project
from labeling.server.recent import recent_projects
from labeling.ui.lost import answer_lost
from labeling.ui.opening import DOCUMENT
from labeling.wire import StopIn
from labeling.wire import opening as wire
from storage.errors import Refused

Served = Callable[[Path], AbstractAsyncContextManager[App]]
"""Opens a project and lends the app that serves it."""


class Opening:
    """The app of a server that has no project yet: it serves the page, and from the moment one is opened the project.

    Projects are opened and closed by the task of the server's own lifespan: what they start has to end where it began.

    Args:
        served: opens a project.
        assets: adds the routes of the pages' files to an app.
        wanted: folder that was named on the command line, where no project is.
    """

    def __init__(self, served: Served, assets: Callable[[FastAPI], None], wanted: Path | None = None) -> None:
        self._served = served
        self._wanted = wanted
        self._wishes: asyncio.Queue[tuple[Path, asyncio.Future[str]]] = asyncio.Queue()
        self._notes = tempfile.TemporaryDirectory(prefix="barlowmatch-")
        self._making = Chore(Path(self._notes.name) / "making")
        self._opened: Path | None = None
        self._opener = self._app = self._page(assets)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve a request, or live as long as the server does."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"].startswith("/api/opening"):  # also from a tab that does not know yet that one is open
            await self._opener(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        end = asyncio.ensure_future(receive())
        async with AsyncExitStack() as stack:
            await self._grant_wishes(stack, end)
        self._notes.cleanup()
        await send({"type": "lifespan.shutdown.complete"})

    async def _grant_wishes(self, stack: AsyncExitStack, end: "asyncio.Future[Message]") -> None:
        """Open what is asked for, until the end; who asked hears of what goes wrong, whatever it is."""
        while not end.done():
            wish = asyncio.ensure_future(self._wishes.get())
            both: set[asyncio.Future[Any]] = {wish, end}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not wish.done():
                wish.cancel()
                return
            folder, answer = wish.result()
            try:
                await self._open(stack, folder)
                answer.set_result(folder.name)
            except Exception as error:
                answer.set_exception(error)

    async def _open(self, stack: AsyncExitStack, folder: Path) -> None:
        """Open a project unless it is the one that is open; of two that are asked for, the first is served.

        Raises:
            Refused: another one is open.
        """
        if self._opened is not None and self._opened.samefile(folder):
            return
        self._need_closed()
        self._app = await stack.enter_async_context(self._served(folder))
        self._opened = folder

    def _need_closed(self) -> None:
        if self._opened is not None:
            raise Refused(
                f"this server serves {self._opened.name} by now, opened in another tab", "folder",
                "reload this page to go there, or start another server: python app.py --port 0",
            )  # fmt: skip

    def _page(self, assets: Callable[[FastAPI], None]) -> App:
        app = FastAPI(title="BarlowMatch", docs_url=None, redoc_url=None, openapi_url=None)
        handle_errors(app)
        app.add_exception_handler(404, answer_lost({"Open or make a project": ""}))
        app.add_api_route("/", lambda: HTMLResponse(DOCUMENT), methods=["GET"])
        before = APIRouter(dependencies=[Depends(self._need_closed)])
        before.add_api_route("/api/opening", self.show, methods=["GET"])
        before.add_api_route("/api/opening/folders", self.folders, methods=["GET"])
        before.add_api_route("/api/opening/check", self.check, methods=["POST"])
        before.add_api_route("/api/opening/make", self.make, methods=["POST"], status_code=202)
        before.add_api_route("/api/opening/stop", self.stop, methods=["POST"])
        app.include_router(before)
        app.add_api_route("/api/opening/open", self.open, methods=["POST"])
        assets(app)
        return app

    def show(self) -> wire.OpeningOut:
        """Say what there is to open, and how far a project is that is being made."""
        told = self._making.tell()
        return wire.OpeningOut(
            recent=[wire.RecentOut(name=folder.name, folder=str(folder)) for folder in recent_projects()],
            home=str(Path.home()), wanted=None if self._wanted is None else str(self._wanted.absolute()),
            making=chore_out(told), folder=told.about.get("project"),
        )  # fmt: skip

    def folders(self, path: str) -> wire.FoldersOut:
        """List the folders inside a folder."""
        folder = typed_path(path)
        around = None if folder.parent == folder else str(folder.parent)
        return wire.FoldersOut(folder=str(folder), around=around, folders=list_folders(folder))

    def check(self, wish: wire.CheckIn) -> wire.CheckOut:
        """Look at folders."""
        images, project = _path(wish.images), _path(wish.project)
        seen = None if images is None else look_at_images(images)
        return wire.CheckOut(
            images=_place(seen), project=_place(None if project is None else look_at_project(project, images)),
            suggested=str(suggest_project(images)) if images is not None and seen is not None and seen.ok else None,
            classes=(seen.classes or None) if seen is not None else None, taken=seen is None or seen.taken,
        )  # fmt: skip

    def make(self, wish: wire.MakeIn) -> wire.OpeningOut:
        """Make a project, as a process; it is opened when that is done."""
        images, project = typed_path(wish.images), typed_path(wish.project)
        for field, place in (("images", look_at_images(images)), ("project", look_at_project(project, images))):
            if not place.ok or place.state != "new":
                raise Refused(place.words, field, None, "invalid")
        words = ["init", "--project", str(project), "--dataset-folder", str(images)]
        if wish.class_folders is not None:
            words += ["--class-folders", str(int(wish.class_folders))]
        self._making.start(words, {"uuid": wish.uuid, "project": str(project)})
        return self.show()

    def stop(self, wish: StopIn) -> wire.OpeningOut:
        """End the making of a project; nothing is left of it."""
        self._making.stop(wish.uuid)
        return self.show()

    async def open(self, wish: wire.OpenIn) -> wire.OpenedOut:
        """Open a project: from then on it is what this server serves, to all tabs."""
        folder = typed_path(wish.folder)
        await run_in_threadpool(ProjectFolder(folder).need)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._wishes.put_nowait((folder, answer))
        return wire.OpenedOut(name=await answer)


def _path(text: str) -> Path | None:
    """Return a path that was typed, None where none was."""
    return typed_path(text) if text.strip() else None


def _place(place: Place | None) -> wire.PlaceOut | None:
    return None if place is None else wire.PlaceOut(ok=place.ok, words=place.words, state=place.state)
