"""The server of one project, for one process on one machine."""

import gc
import logging
import os
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barlowmatch.command_line.flags import read_flags
from barlowmatch.errors import InputError
from barlowmatch.files import paths_explained
from barlowmatch.reporting import exit_status, reason
from barlowmatch.stopping import stops_raised
from labeling.processes import leave_on_sigterm, prepare_children
from labeling.security.guard import EVERYWHERE, App, Guard, own_names
from labeling.server.application import build_app, serve_assets
from labeling.server.config import ServerConfig

if TYPE_CHECKING:
    from fastapi import FastAPI

    from labeling.project import Project, ProjectFolder


SWITCH_SECONDS = 0.0002
"""Python's threads take turns after so long: by itself after five milliseconds, for which an answer would wait while
the thread that writes is at work."""


def serve(config: ServerConfig) -> None:
    """Serve a project until the process is asked to end; where there is none yet, a page asks for one first.

    Raises:
        InputError: it is served already, or the port is taken.
    """
    from labeling.dataset.indexing import init_project
    from labeling.project import Project, ProjectFolder
    from labeling.server.exclusive import serving
    from labeling.server.recent import remember_project

    paths = None if config.project is None else ProjectFolder(config.project)
    if paths is not None and not paths.exists and (config.dataset_folder or config.manifest):
        init_project(
            paths.folder, dataset_folder=config.dataset_folder, manifest=config.manifest,
            class_folders=config.class_folders,
        )  # fmt: skip
    elif paths is not None and paths.exists:
        refuse_other_images(paths, config)
    if paths is None or not paths.exists:
        _serve_opening(config)
        return
    socket = listen(config.host, config.port)
    url = _url(config, socket)
    with serving(paths.need(), url), Project(paths.folder) as project:
        need_admin(project, config)
        remember_project(paths.folder)
        print(f"{project.name}: label at {url}", flush=True)  # noqa: T201 - the command's output
        _run(_build(project, config), config, socket)


def refuse_other_images(paths: "ProjectFolder", config: ServerConfig) -> None:
    """Refuse to serve a project that is there already under the name of other images, or of images read otherwise.

    Raises:
        InputError: the images that are named are not the project's, or their folders are classes there and not here.
    """
    from labeling.dataset.indexing import read_source
    from labeling.project import reading
    from storage.settings import get_setting

    named = config.dataset_folder or config.manifest
    if named is None:
        return
    with reading(paths.folder) as db:
        root, source = get_setting(db, "root", ""), read_source(db)
    own = Path(root, source.manifest or "")
    if os.path.realpath(named) != os.path.realpath(own):
        raise InputError(
            f"{named}: {paths.folder} is a project of other images ({own}); leave them out to open it, name another "
            f"--project, or where they moved run python -m labeling import --project "
            f"{shlex.quote(str(paths.folder))} --rescan --dataset-folder {shlex.quote(str(named))}"
        )
    if config.class_folders not in (None, source.class_folders):
        made = "without it" if source.class_folders is None else f"with {source.class_folders}"
        raise InputError(
            f"--class-folders {config.class_folders}: {paths.folder} was made {made}, and "
            "its labels and its sample are by that; leave it out to open it, or begin anew in another --project"
        )


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
        raise InputError(
            f"{config.asks_login}: people must log in, and there is no admin yet; add one with "
            f"python -m labeling people add NAME --role admin --project {shlex.quote(str(project.paths.folder))}"
        )


def _serve_opening(config: ServerConfig) -> None:
    """Serve the page that makes or opens a project, then that project.

    Raises:
        InputError: others could reach the page, and with it this machine's folders.
    """
    from labeling.project import ProjectFolder
    from labeling.server.opening import Opening

    if config.entry is not None:
        if config.project is None:
            raise InputError(f"{config.asks_login}: name the project to serve by --project; others may not choose one")
        ProjectFolder(config.project).need()
    socket = listen(config.host, config.port)
    url = _url(config, socket)
    app = Opening(partial(_opened, config, url), serve_assets, config.project)
    print(f"open or make a project at {url}", flush=True)  # noqa: T201 - the command's output
    _run(app, config, socket)


@asynccontextmanager
async def _opened(config: ServerConfig, url: str, folder: Path) -> AsyncIterator[App]:
    """Open a project that was chosen, and lend the app that serves it."""
    from starlette.concurrency import run_in_threadpool

    from labeling.project import Project, ProjectFolder
    from labeling.server.exclusive import serving
    from labeling.server.recent import remember_project

    with serving(ProjectFolder(folder).need(), url), Project(folder) as project:
        app = await run_in_threadpool(_build, project, config)
        async with app.router.lifespan_context(app):
            remember_project(folder)
            yield app


def _build(project: "Project", config: ServerConfig) -> "FastAPI":
    """Build the app of a project and have what it is made of, which stays, left out of all searches for garbage."""
    gc.disable()
    try:
        return build_app(project, config.root_path, entry=config.entry)
    finally:
        gc.freeze()
        gc.enable()


def _run(app: App, config: ServerConfig, socket: Any) -> None:
    """Serve an app until the process is asked to end."""
    import uvicorn

    sys.setswitchinterval(SWITCH_SECONDS)
    settings = uvicorn.Config(
        Guard(app, own_names(config.host, config.allowed_host), config.root_path), log_level="warning",
        access_log=False, server_header=False, proxy_headers=False, lifespan="on", timeout_graceful_shutdown=5,
    )  # fmt: skip
    leave_on_sigterm()  # uvicorn passes the signal on when it has finished
    uvicorn.Server(settings).run(sockets=[socket])


def _url(config: ServerConfig, socket: Any) -> str:
    """Return where a socket is reached, by a name that the server goes by."""
    host = config.host
    if host in EVERYWHERE:
        host = next((name for name in config.allowed_host if name != "*"), "127.0.0.1")
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{socket.getsockname()[1]}{config.root_path}"


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
    """Run the server and return its exit status: 2 for bad input, 130 or 143 (that by SystemExit too) when stopped."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    prepare_children()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with paths_explained(), stops_raised():
            serve(read_flags(ServerConfig, words, prog="python app.py"))
    except InputError as error:
        print(f"app.py: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 2
    except KeyboardInterrupt as stop:
        print(f"app.py: {reason(stop)}", file=sys.stderr)  # noqa: T201 - the command's output
        return exit_status(stop)
    return 0
