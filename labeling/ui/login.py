"""The login page: the only one that is open to everybody, made without the page library.

Its button works once the script is there, so that a password never goes anywhere by the form itself.
"""

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/workbench/login.css">
<script type="module" src="{root}/workbench/login.js"></script>
</head>
<body>
<main>
<h1>{name}</h1>
<p>Log in to label images.</p>
<form method="post">
<label>Name<input name="name" autocomplete="username" maxlength="100" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" maxlength="256" required></label>
<p class="error" role="alert"></p>
<button type="submit" disabled>Log in</button>
</form>
<p class="hint">No password, or forgotten? An admin of the project gives you one.</p>
</main>
</body>
</html>
"""


def login_page(project: str, root_path: str) -> str:
    """Return the page."""
    return _PAGE.format(name=escape(project), root=escape(root_path.rstrip("/")))
