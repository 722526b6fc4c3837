"""What stands between the network and every route: hosts, origins, sizes, headers. Who comes in is `doors`' concern."""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LARGEST_BODY = 1_000_000
"""Bytes of a request to our own routes."""

_CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere and nobody frames us; Gradio's own pages need inline scripts and eval."""

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": _CONTENT_POLICY.encode(),
}
OTHER_PROJECT = ("another project is open at this address now", "X-Project", "load the page again")
"""What is wrong with a request of a page of another project: the error, its field, the way out."""
_SAFE = {"GET", "HEAD", "OPTIONS"}
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - names that listen on all addresses, and are those of none


class Guard:
    """Refuses what does not come from our own pages, and puts the security headers on every answer.

    A browser names the page a request comes from (`Origin`, or `Sec-Fetch-Site`); scripts name none and are let in.
    The Host must be one of ours, else a name that an attacker points at this machine would be our own origin.

    Args:
        app: what is guarded.
        hosts: names this server goes by, without ports; `*` for any.
        root_path: prefix of all URLs.
    """

    def __init__(self, app: App, hosts: frozenset[str], root_path: str = "") -> None:
        self._app = app
        self._hosts = hosts
        self._root = root_path.rstrip("/")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, dict(scope["headers"]))  # ASGI has their names in lower case
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes]) -> JSONResponse | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if "*" not in self._hosts and _without_port(host) not in self._hosts:
            return _refuse(400, f"this server does not go by the name {host!r}", "host", "see --allowed-host")
        writes = scope.get("method", "GET") not in _SAFE or scope["type"] == "websocket"
        if writes and not _same_origin(headers, host):
            return _refuse(403, "the request comes from another site", "origin", "use the pages of this server")
        length = headers.get(b"content-length", b"unknown" if b"transfer-encoding" in headers else b"0")
        if path_inside(scope, self._root).startswith("/api/") and (not length.isdigit() or int(length) > LARGEST_BODY):
            return _refuse(
                413,
                f"the request is larger than {LARGEST_BODY // 10**6} MB or says no length",
                None,
                "send it in parts",
            )
        if "/file=http" in scope["path"] or "/monitoring" in scope["path"]:
            return _refuse(404, "no such route", None, None)
        return None


class SameProject:
    """Refuses what a page of another project sends: on one port one project is served after the other.

    A page names the project it shows in `X-Project`; scripts need not. Asked before anything else, since to another
    project the person is nobody.

    Args:
        app: what is guarded.
        project: id of the project that is served.
    """

    def __init__(self, app: App, project: str) -> None:
        self._app = app
        self._project = project.encode()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] == "http" and dict(scope["headers"]).get(b"x-project", self._project) != self._project:
            await _refuse(409, *OTHER_PROJECT)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def path_inside(scope: MutableMapping[str, Any], root: str) -> str:
    """Return the path of a request without the prefix of all URLs, which some proxies pass on and some take off."""
    path: str = scope["path"]
    return path[len(root) :] if path == root or path.startswith(root + "/") else path


def _same_origin(headers: dict[bytes, bytes], host: str) -> bool:
    origin = headers.get(b"origin")
    if origin is not None:
        return origin.decode("latin-1").partition("://")[2] == host
    return headers.get(b"sec-fetch-site", b"same-origin") in (b"same-origin", b"none")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def _refuse(status: int, error: str, field: str | None, hint: str | None) -> JSONResponse:
    return JSONResponse({"error": error, "field": field, "hint": hint}, status_code=status)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in _HEADERS.items() if name not in present]
            message["headers"] = [*message.get("headers", ()), *added]
        await send(message)

    return send_with_headers


def is_loopback(host: str) -> bool:
    """Say whether a host to listen on is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_names(host: str, further: tuple[str, ...]) -> frozenset[str]:
    """Return the names a server that listens on `host` goes by."""
    names = {"127.0.0.1", "localhost", "[::1]", *further}
    if host not in EVERYWHERE:
        names.add(f"[{host}]" if ":" in host else host)
    return frozenset(map(str.lower, names))
