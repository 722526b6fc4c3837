"""How the pages come into the app: what Gradio is told, and the work at its start that nobody here has any use of."""

import inspect
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

if TYPE_CHECKING:
    from fastapi import FastAPI

IDLE_SECONDS = 1.0
"""Between Gradio's looks for queued events: the pages queue none, and by itself it looks a thousand times a second."""


def mount_pages(app: "FastAPI", title: str, root_path: str) -> "FastAPI":
    """Serve the pages at `/`.

    Args:
        app: what they are added to.
        title: of the window.
        root_path: prefix of all URLs.
    """
    with (
        _instead(inspect, "getfile", _no_components),
        _instead(jinja2, "Template", cache(jinja2.Template)),  # of its help texts, compiled for each component anew
        _instead(ssl, "create_default_context", cache(ssl.create_default_context)),  # for three clients unused here
    ):
        import gradio as gr

        from labeling.ui.lost import answer_lost
        from labeling.ui.pages import FIRST, HEAD, OTHERS, build, theme

    from gradio.routes import App

    with _instead(App, "create_app", staticmethod(_no_app)):
        blocks = build(title)
    with warnings.catch_warnings():  # it is told not to, and says so nonetheless
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        mounted: FastAPI = gr.mount_gradio_app(
            app, blocks, path="/", head=HEAD, theme=theme(), footer_links=[], allowed_paths=[], show_error=False,
            ssr_mode=False, mcp_server=False, pwa=False, enable_monitoring=False, max_file_size="1mb",
            root_path=root_path or None,
        )  # fmt: skip
    ways = {FIRST: "", **{name: name.lower() for name in OTHERS}}
    mounted.routes[-1].app.add_exception_handler(404, answer_lost(ways, root_path))  # type: ignore[attr-defined]
    for pause in ("sleep_when_free", "progress_update_sleep_when_free"):
        setattr(blocks._queue, pause, IDLE_SECONDS)
    return mounted


_getfile = inspect.getfile


def _no_components(of: Any) -> str:
    """Say that the classes of components have no file, as if made in a notebook.

    For each that has one, Gradio checks whether the `.pyi` file beside it is right: half the time of its import.
    """
    if type(of).__name__ == "ComponentMeta":
        raise OSError
    return _getfile(of)


def _no_app(*_: object, **__: object) -> None:
    """Make no app at the end of each page, as Gradio does: only the one that is mounted serves."""


@contextmanager
def _instead(owner: object, name: str, other: object) -> Iterator[None]:
    """Put something else in the place of an attribute for a while."""
    own = inspect.getattr_static(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, own)
