"""What the pages share: the frame a page's module fills, the head of the document, the theme."""

import gradio as gr

STYLES = ("workbench", "plot", "forms", "request", "progress", "project", "train", "people")
HEAD = '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">' + "".join(
    f'<link rel="stylesheet" href="workbench/{name}.css">' for name in STYLES
)

_START = """
const base = new URL((window.gradio_config?.root || window.location.origin) + "/");
import(new URL("workbench/start.js", base).href).then((module) => module.start("%s", element));
"""


def frame(page: str) -> gr.HTML:
    """Return the frame of a page: an element that `assets/<page>.js` fills once Gradio has made it."""
    return gr.HTML(
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
