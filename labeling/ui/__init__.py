"""The pages: one file a page. Each is a frame that its module in `assets/` fills and then keeps up to date itself."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Navbar

from labeling.ui import browse, export, label, people, progress, project, request, train
from labeling.ui.frame import HEAD, theme

ASSETS = Path(__file__).parent / "assets"
"""Files that the server serves at `/workbench/`; Gradio keeps `/assets/` for its own."""

PAGES = (
    ("Project", "/project", project.page),
    ("Browse", "/browse", browse.page),
    ("Train", "/train", train.page),
    ("Request", "/request", request.page),
    ("Progress", "/progress", progress.page),
    ("Export", "/export", export.page),
    ("People", "/people", people.page),
)
"""Name, path and frame of each page but the first, in the order of the links."""


def build(project_name: str) -> tuple[gr.Blocks, dict[str, Any]]:
    """Build the pages.

    Args:
        project_name: shown as the title of the window.

    Returns:
        The pages, and keyword arguments for `gradio.mount_gradio_app`.
    """
    with gr.Blocks(title=project_name, analytics_enabled=False, fill_width=True) as pages:
        Navbar(main_page_name="Label")
        label.page()
    for name, path, page in PAGES:
        with pages.route(name, path):
            Navbar(main_page_name="Label")
            page()
    return pages, {"head": HEAD, "theme": theme(), "footer_links": []}
