"""Who comes in: one guard in front of all routes, ours and those of the page library alike.

Where only this machine is reached, everybody in front of it is one local user who says a name. Elsewhere a request
carries a session of ours, or comes through a trusted proxy that names the person in a header. What is not listed as
open needs one of both, and what writes is for admins but for what labeling takes: a route that is added tomorrow is
shut until somebody opens it.
"""

import hashlib
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response

from labeling.names import clean_name
from labeling.project import Project
from labeling.security.attempts import BY_ADDRESS, BY_NAME, Attempts
from labeling.security.guard import App, Receive, Send, path_inside
from storage import people as store
from storage.errors import Refused
from storage.people import Member, Role
from storage.sessions import find_session

OPEN = frozenset({
    ("GET", "/login"), ("POST", "/api/login"), ("GET", "/api/health"), ("GET", "/workbench/login.css"),
    ("GET", "/workbench/login.js"), ("GET", "/workbench/api.js"), ("GET", "/workbench/storage.js"),
})  # fmt: skip
"""What needs nobody: the login page, what it is made of, and whether the server lives."""
_ANNOTATORS_WRITE = re.compile(
    r"/api/(lease|labels|undo|redo|release|grid|settings|classes|classes/\d+|logout|password|people/me)"
)
_ADMINS_READ = re.compile(r"/api/(exports|team|imports|choice)(/.*)?")
"""Some of it says how images are labeled, which is kept from who is still to answer them (storage/rights.py)."""
_READS = ("GET", "HEAD", "OPTIONS")
_REMEMBERED_SECONDS = 5.0
"""A session ended by another process, such as `people remove`, ends here after so long."""
_REMEMBERED = 10_000


@dataclass(frozen=True)
class Entry:
    """How people come in where others reach the server.

    Attributes:
        header: name of the header in which a trusted proxy names the person, lower case; None without one.
        proxies: addresses of trusted proxies.
    """

    header: str | None = None
    proxies: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Visitor:
    """Who a request comes from; `session` is the hash of the token, None where a proxy vouches."""

    id: int
    name: str
    role: Role
    session: bytes | None


def token_hash(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


class _Known:
    """Visitors that the database was asked about lately: those of sessions, or those of names, never in one table."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes | str, tuple[float, Visitor]] = OrderedDict()

    def get(self, key: bytes | str) -> Visitor | None:
        """Return whom the key stood for a moment ago."""
        until, visitor = self._held.get(key, (0.0, None))
        return visitor if until > time.monotonic() else None

    def put(self, key: bytes | str, visitor: Visitor) -> Visitor:
        """Remember a visitor for a moment, and return them."""
        self._held[key] = time.monotonic() + _REMEMBERED_SECONDS, visitor
        while len(self._held) > _REMEMBERED:
            self._held.popitem(last=False)
        return visitor

    def clear(self) -> None:
        """Ask the database again."""
        self._held.clear()


class Door:
    """Lets in who is somebody, and to what their role allows; `scope["visitor"]` says who it is.

    Args:
        app: what lies behind.
        project: knows people and sessions.
        entry: how people come in.
        root_path: prefix of all URLs.
    """

    def __init__(self, app: App, project: Project, entry: Entry, root_path: str = "") -> None:
        self._app = app
        self._project = project
        self._entry = entry
        self._root = root_path.rstrip("/")
        self._sessions, self._vouched_for = _Known(), _Known()
        self.by_name, self.by_address = Attempts(BY_NAME), Attempts(BY_ADDRESS)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve, refuse, or lead to the login page."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path = path_inside(scope, self._root)
        scope["door"] = self
        scope["address"] = self._address(scope)
        try:
            visitor = await self._visitor(scope)
        except Refused as error:
            await _answer(403, str(error), error.hint)(scope, receive, send)
            return
        scope["visitor"] = visitor
        is_open = (scope.get("method"), path) in OPEN
        refusal = None if is_open else self._refusal(scope, path, visitor)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def forget(self) -> None:
        """Ask the database about everybody again: sessions, roles or people changed."""
        self._sessions.clear()
        self._vouched_for.clear()

    @property
    def entry(self) -> Entry:
        """How people come in."""
        return self._entry

    def _refusal(self, scope: MutableMapping[str, Any], path: str, visitor: Visitor | None) -> Response | None:
        method = scope.get("method", "GET")
        if visitor is None:
            accepts = _headers(scope, b"accept")
            wants_page = method in ("GET", "HEAD") and any("text/html" in accept for accept in accepts)
            if wants_page and not path.startswith(("/api/", "/gradio_api/")):
                return RedirectResponse(f"{self._root}/login?next={_address_of(scope, path)}", status_code=303)
            return _answer(401, "nobody is logged in", "log in (POST /api/login)")
        if visitor.role == "admin":
            return None
        writes = method not in _READS and not _ANNOTATORS_WRITE.fullmatch(path)
        if writes or _ADMINS_READ.fullmatch(path):
            return _answer(403, "this is for admins of the project", "ask one of them")
        return None

    async def _visitor(self, scope: MutableMapping[str, Any]) -> Visitor | None:
        if self._entry.header is not None:
            named = [_as_utf8(name) for name in _headers(scope, self._entry.header.encode())]
            if named:
                return await self._vouched(scope, named)
        token = _cookie(scope, session_cookie(self._project.id))
        if token is None:
            return None
        key = token_hash(token)
        held = self._sessions.get(key)
        if held is not None:
            return held
        member = await run_in_threadpool(self._find_session, key)
        if member is None:
            return None
        return self._sessions.put(key, Visitor(member.id, member.name, member.role, key))

    async def _vouched(self, scope: MutableMapping[str, Any], named: list[str]) -> Visitor:
        """Return whom a trusted proxy names.

        Raises:
            Refused: it is no trusted proxy, names several people or one who is kept out.
        """
        if _peer(scope) not in self._entry.proxies:
            raise Refused(f"{self._entry.header} counts from trusted proxies alone", "header", "see --trusted-proxy")
        if len(named) > 1:
            raise Refused(f"{self._entry.header} names several people", "header", "let the proxy replace the header")
        name = clean_name(named[0], "header")
        if store.fold(name) == store.fold(store.DATASET):
            raise Refused(f"{store.DATASET} is the name of imported labels", "header", "log in as somebody else")
        held = self._vouched_for.get(name)
        if held is not None:
            return held
        member = await run_in_threadpool(self._find_or_add, name)
        if not member.active:
            raise Refused(f"{member.name} is no longer let in", "header", "ask an admin of the project")
        return self._vouched_for.put(name, Visitor(member.id, member.name, member.role, None))

    def _find_session(self, key: bytes) -> Member | None:
        with self._project.reading() as db:
            return find_session(db, key)

    def _find_or_add(self, name: str) -> Member:
        with self._project.reading() as db:
            known = store.find_member(db, name)
        if known is not None:
            return known
        person = self._project.write(lambda db: store.find_or_add_person(db, name))
        return Member(person.id, person.name, "annotator", True, None)

    def _address(self, scope: MutableMapping[str, Any]) -> str:
        """Return where a request comes from: behind a trusted proxy, whom that one saw."""
        peer = _peer(scope)
        seen = ",".join(_headers(scope, b"x-forwarded-for")).rpartition(",")[2].strip()
        return seen if seen and peer in self._entry.proxies else peer


def session_cookie(project: str) -> str:
    """Return the name of the cookie that holds the token: cookies are shared between ports, projects are not."""
    return f"session-{project}"


def plain_address(address: str) -> str:
    """Return an IP address in one spelling, IPv4 within IPv6 as IPv4.

    Raises:
        ValueError: it is none.
    """
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _peer(scope: MutableMapping[str, Any]) -> str:
    address = str((scope.get("client") or ("",))[0])
    try:
        return plain_address(address)
    except ValueError:
        return address


def _headers(scope: MutableMapping[str, Any], wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]


def _as_utf8(header: str) -> str:
    """Return a header as UTF-8, which proxies send names in, where it is that."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return header


def _address_of(scope: MutableMapping[str, Any], path: str) -> str:
    """Return a page with its filters as one value of a query; without leading slashes it names no other server."""
    page = quote(path.lstrip("/")).encode()
    query: bytes = scope.get("query_string", b"")
    return quote(page + b"?" + query if query else page)


def _cookie(scope: MutableMapping[str, Any], name: str) -> str | None:
    found = cookie_parser("; ".join(_headers(scope, b"cookie"))).get(name)
    return found if found and len(found) <= 100 else None


def _answer(status: int, error: str, hint: str | None) -> JSONResponse:
    return JSONResponse({"error": error, "field": None, "hint": hint}, status_code=status)
