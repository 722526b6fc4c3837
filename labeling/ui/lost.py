"""The page for an address where there is none: it says so and shows the ways on. Programs get JSON as everywhere."""

from collections.abc import Awaitable, Callable, Mapping
from html import escape

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

Answer = Callable[[Request, Exception], Awaitable[Response]]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>No such page</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/workbench/workbench.css">
<link rel="stylesheet" href="{root}/workbench/opening.css">
<script type="module">
import {{ takeTheme }} from "{root}/workbench/theme.js";
takeTheme();
</script>
</head>
<body>
<main class="wb op"><div class="wb-notice">
<strong>There is no such page</strong>
<p>The address ends in <b>{path}</b>, and no page is called so. These are the ones there are:</p>
<nav class="wb-row" aria-label="Pages">{ways}</nav>
</div></main>
</body>
</html>
"""


def answer_lost(ways: Mapping[str, str], root_path: str = "") -> Answer:
    """Return what answers where nothing is.

    Args:
        ways: the pages there are: what each is called, and its path without the first slash.
        root_path: prefix of all URLs.
    """
    root = escape(root_path.rstrip("/"))
    links = "\n".join(f'<a href="{root}/{path}">{escape(name)}</a>' for name, path in ways.items())

    async def answer(request: Request, _: Exception) -> Response:
        path = request.url.path
        reads = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
        if reads and not path.startswith((f"{root_path}/api/", f"{root_path}/gradio_api/")):
            return HTMLResponse(_PAGE.format(root=root, path=escape(path), ways=links), status_code=404)
        return JSONResponse({"error": "there is nothing at this address", "field": None, "hint": None}, status_code=404)

    return answer
