"""The pages made with Gradio: a frame each, the head of the document, the theme."""

import gradio as gr
from gradio.components import Navbar

FIRST = "Label"
"""One key an image, or a page of images in the grid; served at `/`."""

OTHERS = ("Project", "Browse", "Train", "Request", "Progress", "Export", "People")
"""The other pages in the order of their links, each served at its name in small letters:

- Project: what comes next, the images and what is wrong with them, the classes, labels from elsewhere.
- Browse: all images, filtered, and their labels to be corrected.
- Train: run the round or one stage, watch it, stop it, go on, and compare what came of runs.
- Request: choose by a strategy what to ask for, look at it, and ask.
- Progress: how good the networks are, what one more round is likely to bring, and how people work.
- Export: take the labels away as folders, as the training layout or as a table.
- People: who may come in, what they may do, and what each has labeled.
"""

_STYLES = ("workbench", "browse", "plot", "forms", "request", "progress", "project", "train", "export", "people")
HEAD = '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">' + "".join(
    f'<link rel="stylesheet" href="workbench/{name}.css">' for name in _STYLES
)

_START = """
const base = new URL((window.gradio_config?.root || window.location.origin) + "/");
import(new URL("workbench/start.js", base).href).then((module) => module.start("%s", element));
"""


def build(title: str) -> gr.Blocks:
    """Build the pages.

    Args:
        title: of the window.
    """
    pages = gr.Blocks(title=title, analytics_enabled=False, fill_width=True)
    with pages:
        _page(FIRST)
    for name in OTHERS:
        with pages.route(name, f"/{name.lower()}"):
            _page(name)
    return pages


def _page(name: str) -> None:
    """Put a page into the Blocks that are being built: an element that `assets/<page>.js` fills once Gradio made it."""
    page = name.lower()
    Navbar(main_page_name=FIRST)
    gr.HTML(
        html_template=f'<div class="wb" data-page="{page}"><div class="wb-notice"><p>One moment…</p></div></div>',
        js_on_load=_START % page,
        apply_default_css=False,
        padding=False,
    )


def theme() -> gr.themes.Base:
    """Return a theme that needs no fonts from elsewhere."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
