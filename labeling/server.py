"""The server: the API and the pages of one project, for one process on one machine."""

import logging
import re
import signal
import sys
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from typing_extensions import Doc

from barlowmatch.configs.fields import Range
from barlowmatch.configs.shared import Checked
from barlowmatch.errors import InputError
from labeling.doors import Door, Entry, plain_address
from labeling.security import App, Guard, is_loopback, own_names
from storage.errors import Refused

if TYPE_CHECKING:
    from fastapi import FastAPI

    from labeling.project import Project

ASSETS = Path(__file__).parent / "ui" / "assets"
ASSETS_URL = "/workbench"
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_ASSET_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, kw_only=True)
class ServerConfig(Checked):
    """Label images: serve the pages of a project."""

    project: Annotated[
        Path | None,
        Doc("Folder of the project; made where it is new and images are named. Without one, a page asks for it."),
    ] = None
    dataset_folder: Annotated[Path | None, Doc("Folder of images for a new project; it is never written to.")] = None
    manifest: Annotated[Path | None, Doc("CSV of file, split, label, group for a new project.")] = None
    host: Annotated[str, Doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Range(0, 65535), Doc("Port to listen on; 0 takes a free one.")] = 7860
    root_path: Annotated[str, Doc("Prefix of all URLs, behind a proxy: /label")] = ""
    allowed_host: Annotated[tuple[str, ...], Doc("Further names this server goes by, behind a proxy.")] = ()
    login: Annotated[bool, Doc("Ask for name and password on this machine too, as behind a proxy on it.")] = False
    trusted_header: Annotated[str | None, Doc("Header in which a trusted proxy names who is there: X-Remote-User")] = (
        None
    )
    trusted_proxy: Annotated[tuple[str, ...], Doc("Addresses of the proxies whose word counts.")] = ()

    def __post_init__(self) -> None:
        """Check ranges, and that what goes together is given together."""
        super().__post_init__()
        if self.trusted_header is not None and not self.trusted_proxy:
            raise InputError("--trusted-header: name the proxies that may set it by --trusted-proxy")
        if self.trusted_header is not None and not _HEADER.fullmatch(self.trusted_header):
            raise InputError(f"--trusted-header {self.trusted_header}: must be a name such as X-Remote-User")
        for proxy in self.trusted_proxy:
            try:
                plain_address(proxy)
            except ValueError:
                raise InputError(f"--trusted-proxy {proxy}: must be an IP address, such as 10.0.0.1") from None
        if self.root_path and not (self.root_path.startswith("/") and "//" not in self.root_path):
            raise InputError(f"--root-path {self.root_path}: must begin with a slash, such as /label")
        if self.dataset_folder is not None and self.manifest is not None:
            raise InputError("--dataset-folder and --manifest: give one of them, not both")
        if self.project is None and (self.dataset_folder or self.manifest):
            raise InputError("--project: name the folder of the new project, or leave out the images too")

    @property
    def entry(self) -> Entry | None:
        """How people come in; None where only this machine is reached, and whoever sits at it says a name."""
        alone = is_loopback(self.host) and not self.allowed_host
        if alone and not (self.login or self.trusted_header or self.trusted_proxy):
            return None
        header = None if self.trusted_header is None else self.trusted_header.lower()
        return Entry(header, frozenset(map(plain_address, self.trusted_proxy)))


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
    from labeling.items import Pictures
    from labeling.jobs import Exports
    from labeling.pictures import PictureShop

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        shop = PictureShop(project)
        app.state.context = Context(project, Pictures(root_path), shop, Exports(project.paths), root_path)
        yield
        app.state.context.probing.stop()
        await shop.close()

    app = FastAPI(
        title="BarlowMatch labeling", version="1", docs_url=None, redoc_url=None, lifespan=lifespan,
        openapi_url="/api/openapi.json", root_path=root_path,
    )  # fmt: skip
    handle_errors(app)
    app.include_router(api.router())
    app.add_api_route("/api/{rest:path}", _no_route, methods=_METHODS, include_in_schema=False)
    _serve_assets(app)
    if entry is not None:
        app.add_middleware(Door, project=project, entry=entry, root_path=root_path)
    return _mount_pages(app, project.name, root_path) if pages else app


async def _no_route(rest: str) -> None:
    """Answer what no route of ours does, before the pages' own answer."""
    raise Refused(f"no route /api/{rest}", "path", "GET /api/openapi.json lists them", "missing")


def _serve_assets(app: "FastAPI") -> None:
    """Serve the pages' own scripts and styles, by their names and nothing else."""
    from fastapi.responses import FileResponse

    from barlowmatch.data.natural import natural_key

    files = sorted(
        (path for path in ASSETS.glob("*") if path.suffix in _ASSET_TYPES), key=lambda p: natural_key(p.name)
    )
    known = {path.name: path for path in files}

    @app.get(ASSETS_URL + "/{name}", include_in_schema=False)
    async def asset(name: str) -> FileResponse:
        if name not in known:
            raise Refused(f"no file {name!r}", "name", None, "missing")
        media_type = _ASSET_TYPES[known[name].suffix]
        return FileResponse(known[name], media_type=media_type, headers={"cache-control": "no-cache"})


def _mount_pages(app: "FastAPI", name: str, root_path: str) -> "FastAPI":
    import gradio as gr

    from labeling import ui

    blocks, options = ui.build(name)
    defaults: dict[str, Any] = {
        "allowed_paths": [], "show_error": False, "ssr_mode": False, "mcp_server": False, "pwa": False,
        "enable_monitoring": False, "max_file_size": "1mb", "root_path": root_path or None,
    }  # fmt: skip
    with warnings.catch_warnings():  # it is told not to, and says so nonetheless
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        mounted: FastAPI = gr.mount_gradio_app(app, blocks, path="/", **{**defaults, **options})
    return mounted


def serve(config: ServerConfig) -> None:
    """Serve a project until the process is asked to end; where there is none yet, a page asks for one first.

    Raises:
        InputError: it is served already, or the port is taken.
    """
    from labeling.exclusive import serving
    from labeling.indexing import init_project
    from labeling.project import Project, ProjectFolder
    from labeling.recent import remember_project

    paths = None if config.project is None else ProjectFolder(config.project)
    if paths is not None and not paths.exists and (config.dataset_folder or config.manifest):
        init_project(paths.folder, dataset_folder=config.dataset_folder, manifest=config.manifest)
    if paths is None or not paths.exists:
        _serve_opening(config)
        return
    socket = listen(config.host, config.port)
    url = _url(config, socket)
    with serving(paths.need(), url), Project(paths.folder) as project:
        need_admin(project, config)
        remember_project(paths.folder)
        print(f"{project.name}: label at {url}", flush=True)  # noqa: T201 - the command's output
        _run(build_app(project, config.root_path, entry=config.entry), config, socket)


def need_admin(project: "Project", config: ServerConfig) -> None:
    """Make sure that somebody can let others in.

    Raises:
        InputError: people must log in, and there is no admin yet.
    """
    from storage.people import has_admin

    if config.entry is None:
        return
    with project.reading() as db:
        found = has_admin(db, by_password=config.entry.header is None)
    if not found:
        reason = f"--host {config.host}" if not is_loopback(config.host) else "--login"
        raise InputError(
            f"{reason}: people must log in, and there is no admin yet; add one with "
            f"python -m labeling people add NAME --role admin --project {project.paths.folder}"
        )


def _serve_opening(config: ServerConfig) -> None:
    """Serve the page that makes or opens a project, then that project.

    Raises:
        InputError: others could reach the page, and with it this machine's folders.
    """
    from labeling.opening import Opening
    from labeling.project import ProjectFolder

    if config.entry is not None:
        if config.project is None:
            raise InputError(f"--project: name the project to serve at {config.host}; only this machine may choose one")
        ProjectFolder(config.project).need()
    socket = listen(config.host, config.port)
    url = _url(config, socket)
    app = Opening(partial(_opened, config, url), _serve_assets, config.project)
    print(f"open or make a project at {url}", flush=True)  # noqa: T201 - the command's output
    _run(app, config, socket)


@asynccontextmanager
async def _opened(config: ServerConfig, url: str, folder: Path) -> AsyncIterator[App]:
    """Open a project that was chosen, and lend the app that serves it."""
    from starlette.concurrency import run_in_threadpool

    from labeling.exclusive import serving
    from labeling.project import Project, ProjectFolder
    from labeling.recent import remember_project

    with serving(ProjectFolder(folder).need(), url), Project(folder) as project:
        app = await run_in_threadpool(build_app, project, config.root_path)
        async with app.router.lifespan_context(app):
            remember_project(folder)
            yield app


def _run(app: App, config: ServerConfig, socket: Any) -> None:
    """Serve an app until the process is asked to end."""
    import uvicorn

    settings = uvicorn.Config(
        Guard(app, own_names(config.host, config.allowed_host)), log_level="warning", access_log=False,
        server_header=False, proxy_headers=False, lifespan="on", timeout_graceful_shutdown=5,
    )  # fmt: skip
    signal.signal(signal.SIGTERM, _leave)  # uvicorn passes the signal on when it has finished
    uvicorn.Server(settings).run(sockets=[socket])


def _url(config: ServerConfig, socket: Any) -> str:
    """Return where a socket is reached."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{socket.getsockname()[1]}{config.root_path}"


def _leave(*_: object) -> None:
    """Leave by way of everything that is to be closed."""
    raise SystemExit(143)


def listen(host: str, port: int) -> Any:
    """Return a socket that listens.

    Raises:
        InputError: the port is taken or the address is none of this machine's.
    """
    import socket as sockets

    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    # asyncio spares answers the wait for the last acknowledgement only on sockets that say they are TCP
    opened = sockets.socket(family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    opened.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(2048)  # whoever comes before the app is ready waits
    except OSError as error:
        opened.close()
        reason = error.strerror or str(error)
        raise InputError(f"--host {host} --port {port}: cannot listen there ({reason}); name another port") from error
    return opened


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server and return its exit status: 2 for bad input, 130 or (by SystemExit) 143 when asked to end."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(tyro.cli(ServerConfig, args=arguments, prog="app.py"))
    except InputError as error:
        print(f"app.py: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
