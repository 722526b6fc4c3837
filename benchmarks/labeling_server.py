"""What the labeling benchmarks share: generated projects, a server as people start it, a client on one connection."""

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from labeling.names import new_class_id
from labeling.project import ProjectFolder
from storage.classes import add_class
from storage.database import Database, close_writer, open_writer, transaction
from storage.events import append_imported
from storage.images import add_images
from storage.people import find_or_add_person
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.present import refresh_all
from storage.records import Guess, NewImage, NewItem, Sent
from storage.requests import add_request
from storage.settings import put_setting

ROOT = Path(__file__).parents[1]
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def write_project(folder: Path, images: int, *, labeled: int = 0, requested: int = 0, overlap: int = 1) -> None:
    """Make a project of images that exist in the database alone.

    Args:
        folder: of the project; must be new.
        images: how many.
        labeled: the first so many have a label already.
        requested: the next so many are asked about.
        overlap: by how many people.
    """
    draw = random.Random(0)
    paths = ProjectFolder(folder)
    paths.make()
    db = open_writer(paths.database)
    with transaction(db):
        put_setting(db, "id", uuid.uuid4().hex[:8])
        put_setting(db, "name", folder.name)
        put_setting(db, "root", str(folder))
        classes = [new_class_id(name, set()) for name in CLASSES]
        for number, name in zip(classes, CLASSES, strict=True):
            add_class(db, number, name, None, None)
        ids = add_images(db, (_image(number) for number in range(images)))
        _predict(db, ids, classes, draw)
        person = find_or_add_person(db, "dataset").id
        append_imported(db, (_label(image, draw.choice(classes), person) for image in ids[:labeled]))
        refresh_all(db)
        wanted = [NewItem(image, "random", draw.random(), "drawn") for image in ids[labeled : labeled + requested]]
        if wanted:
            add_request(db, wanted, purpose="train", strategy="random", overlap=overlap)
    close_writer(db)


def _image(number: int) -> NewImage:
    name = f"plate{number // 1000:03d}/image-{number:07d}.png"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return NewImage(os.fsencode(name), name, digest, width=96, height=96)


def _predict(db: Database, ids: list[int], classes: list[int], draw: random.Random) -> None:
    run = add_run(db, b"generated", "embed")
    places = list(range(len(ids)))
    draw.shuffle(places)
    put_predictions(
        db, run,
        (
            NewPrediction(image, tuple(map(Guess, draw.sample(classes, 3), (0.7, 0.2, 0.1))), place)
            for image, place in zip(ids, places, strict=True)
        ),
    )  # fmt: skip


def _label(image: int, class_id: int, person: int) -> Sent:
    return Sent(str(uuid.uuid4()), b"generated", "label", person, image=image, class_id=class_id, source="import")


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve a project by `python app.py` and yield its URL and its process."""
    command = [sys.executable, str(ROOT / "app.py"), "--project", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        line = next((line for line in process.stdout if " at http://" in line), "")
        if not line:
            raise SystemExit(f"the server of {folder} did not start")
        try:
            yield line.strip().rsplit(" ", 1)[-1], psutil.Process(process.pid)
        finally:
            process.terminate()


class Client:
    """Somebody in a browser tab: one connection that stays open.

    Args:
        url: of the server.
        name: who they are.
    """

    def __init__(self, url: str, name: str) -> None:
        self._address = urlsplit(url)
        self._socket = socket.create_connection((self._address.hostname, self._address.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self.cookie = ""
        self.tab = uuid.uuid4().hex
        self.post("/api/people/me", {"name": name})

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON and return the answer.

        Raises:
            ConnectionError: the server went away.
            RuntimeError: it is an error.
        """
        return self._ask("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a question."""
        return self._ask("GET", path, b"")

    def lease(self, count: int, holding: list[int] | None = None) -> list[dict[str, Any]]:
        """Take images."""
        answer = self.post("/api/lease", {"client": self.tab, "count": count, "holding": holding or []})
        items: list[dict[str, Any]] = answer["items"]
        return items

    def label(self, item: dict[str, Any], class_id: int) -> dict[str, Any]:
        """Say what a leased image is and return what became of it."""
        answer = self.post("/api/labels", {"client": self.tab, "events": [_event(item, class_id)]})
        result: dict[str, Any] = answer["results"][0]
        return result

    def label_and_lease(
        self, item: dict[str, Any], class_id: int, holding: list[int]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Say what a leased image is and take the next in one call; return what became of it, and the next."""
        wish = {"count": 1, "holding": holding}
        body = {"client": self.tab, "events": [_event(item, class_id)], "lease": wish}
        answer = self.post("/api/labels", body)
        return answer["results"][0], answer["leased"]["items"]

    def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        """Send a request as a browser does, head and body at once."""
        self._socket.sendall(request_bytes(method, self._address.netloc, path, self.cookie, body))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._read(self._answers.readline(), 1)
        status, length, cookie = read_head(head)
        self.cookie = cookie or self.cookie
        content = self._read(self._answers.read(length), length)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {content[:300]!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    @staticmethod
    def _read(piece: bytes, least: int) -> bytes:
        if len(piece) < least:
            raise ConnectionError("the server closed the connection before it had answered")
        return piece


def _event(item: dict[str, Any], class_id: int) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()), "kind": "label", "image": item["image"], "class": class_id, "lease": item["lease"],
        "looked_ms": 500,
    }  # fmt: skip


def request_bytes(method: str, host: str, path: str, cookie: str, body: bytes) -> bytes:
    """Return a request with a JSON body, head and body in one piece."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_head(head: bytes) -> tuple[int, int, str]:
    """Return the status of an answer, the bytes of its body, and the cookie it sets ("" for none)."""
    first, *lines = head.decode("latin-1").splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), int(headers.get("content-length", 0)), headers.get("set-cookie", "").partition(";")[0]


def percentile(values: list[float], share: float) -> float:
    """Return the value that a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
