"""The app of one project: the API, the scripts and styles of the pages, and the pages themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.security.doors import Door, Entry
from labeling.security.guard import SameProject
from storage.errors import Refused

if TYPE_CHECKING:
    from fastapi import FastAPI

    from labeling.project import Project

ASSETS = Path(__file__).parents[1] / "ui" / "assets"
ASSETS_URL = "/workbench"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_ASSET_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


def build_app(project: "Project", root_path: str = "", *, entry: Entry | None = None, pages: bool = True) -> "FastAPI":
    """Build the app of a project.

    Args:
        project: what is served; stays the caller's to close.
        root_path: prefix of all URLs.
        entry: how people come in; None: whoever reaches it says a name.
        pages: whether the pages are served beside the API.
    """
    from fastapi import FastAPI

    from labeling import api
    from labeling.api.access import Context
    from labeling.api.errors import handle_errors
    from labeling.api.items import Pictures
    from labeling.exports.jobs import Exports
    from labeling.pictures.shop import PictureShop

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        shop = PictureShop(project)
        app.state.context = Context(project, Pictures(root_path), shop, Exports(project.paths), root_path)
        yield
        app.state.context.probing.stop()
        await shop.close()

    app = FastAPI(
        title="BarlowMatch labeling", version="1", docs_url=None, redoc_url=None, lifespan=lifespan,
        openapi_url="/api/openapi.json",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # else looked for at every request
    )  # fmt: skip
    app.root_path = root_path  # uvicorn's, which FastAPI would rather have set, doubles a prefix that a proxy leaves on
    handle_errors(app)
    api.add_routes(app)
    app.add_api_route("/api/{rest:path}", _no_route, methods=_METHODS, include_in_schema=False)
    serve_assets(app)
    if entry is not None:
        app.add_middleware(Door, project=project, entry=entry, root_path=root_path)
    app.add_middleware(SameProject, project=project.id)
    if not pages:
        return app
    from labeling.ui.mounting import mount_pages

    return mount_pages(app, project.name, root_path)


async def _no_route(rest: str) -> None:
    """Answer what no route of ours does, before the pages' own answer."""
    raise Refused(f"no route /api/{rest}", "path", "GET /api/openapi.json lists them", "missing")


def serve_assets(app: "FastAPI") -> None:
    """Serve the pages' own scripts and styles, by their names and nothing else.

    They stay as they are now, as do the routes that they talk to: an upgrade beside a running server must not serve new
    scripts to old pages.
    """
    from fastapi.responses import Response

    types = {path: _ASSET_TYPES[path.suffix] for path in ASSETS.iterdir() if path.suffix in _ASSET_TYPES}
    known = {path.name: (path.read_bytes(), media_type) for path, media_type in types.items()}

    @app.get(ASSETS_URL + "/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in known:
            raise Refused(f"no file {name!r}", "name", None, "missing")
        content, media_type = known[name]
        return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})
