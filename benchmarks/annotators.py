"""Fifty people label at once, each thinking for a second between answers: how long they wait, and what goes wrong."""

import argparse
import asyncio
import json
import shutil
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.labeling_server import percentile, read_head, request_bytes, running, write_project
from benchmarks.measuring import table
from storage.database import open_reader

KEEP = 10
"""Images a page has on hand."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Let `--people` label for `--seconds`; return waiting times, errors and images that two held at once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--think", type=float, default=1.0)
    wanted = parser.parse_args(arguments)
    images = int(wanted.people * (wanted.seconds / wanted.think + 4 * KEEP))
    home = Path(tempfile.mkdtemp(prefix="annotators-"))
    try:
        write_project(home / "project", images, requested=images)
        with running(home / "project") as (url, _):
            everybody = asyncio.run(_label(url, wanted.people, wanted.seconds, wanted.think))
        double = _held_twice(everybody) + _stored_twice(home / "project" / "project.db")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    times = [each for person in everybody for each in person.times]
    figures = {
        "p50_ms": round(percentile(times, 0.5), 2), "p99_ms": round(percentile(times, 0.99), 2),
        "errors": sum(person.errors for person in everybody), "double_leases": double, "requests": len(times),
    }  # fmt: skip
    print(table(tuple(figures), [tuple(str(value) for value in figures.values())]))
    return figures


async def _label(url: str, people: int, seconds: float, think: float) -> list["Annotator"]:
    """Let everybody label at once; they begin spread over one pause."""
    everybody = [Annotator(url, f"person {number}") for number in range(people)]
    starts = [number * think / people for number in range(people)]
    await asyncio.gather(
        *(person.label(start, seconds, think) for person, start in zip(everybody, starts, strict=True))
    )
    return everybody


class Annotator:
    """Somebody who labels.

    Attributes:
        times: milliseconds of each request.
        errors: answers that were none.
        held: image, and when its lease was had and answered, on one clock.
    """

    def __init__(self, url: str, name: str) -> None:
        address = urlsplit(url)
        self._host, self._port, self._netloc, self._name = address.hostname, address.port, address.netloc, name
        self._cookie, self._tab = "", uuid.uuid4().hex
        self.times: list[float] = []
        self.errors = 0
        self.held: list[tuple[int, float, float]] = []

    async def label(self, start: float, seconds: float, think: float) -> None:
        """Label until the time is over."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        await self._ask("POST", "/api/people/me", {"name": self._name})
        classes = [item["id"] for item in (await self._ask("GET", "/api/classes", None))["classes"]]
        self.times.clear()
        await asyncio.sleep(start)
        end = time.monotonic() + seconds
        on_hand: list[tuple[dict[str, Any], float]] = []
        number = 0
        while time.monotonic() < end:
            if len(on_hand) < KEEP // 2:
                wish = {"client": self._tab, "count": KEEP, "holding": [item["lease"] for item, _ in on_hand]}
                answer = await self._ask("POST", "/api/lease", wish)
                on_hand += [(item, time.monotonic()) for item in answer.get("items", [])]
            item, since = on_hand.pop(0)
            event = {
                "uuid": str(uuid.uuid4()), "kind": "label", "image": item["image"], "lease": item["lease"],
                "class": classes[number % len(classes)],
            }  # fmt: skip
            self.held.append((item["image"], since, time.monotonic()))
            answer = await self._ask("POST", "/api/labels", {"client": self._tab, "events": [event]})
            self.errors += [result["status"] for result in answer.get("results", [])] != ["acknowledged"]
            number += 1
            await asyncio.sleep(think)
        self.held += [(item["image"], since, time.monotonic()) for item, since in on_hand]
        self._writer.close()

    async def _ask(self, method: str, path: str, body: Any) -> dict[str, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        started = time.perf_counter()
        self._writer.write(request_bytes(method, self._netloc, path, self._cookie, content))
        status, answer = await self._answer()
        self.times.append(1000 * (time.perf_counter() - started))
        self.errors += status >= 400
        return answer

    async def _answer(self) -> tuple[int, dict[str, Any]]:
        status, length, cookie = read_head(await self._reader.readuntil(b"\r\n\r\n"))
        self._cookie = cookie or self._cookie
        answer: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        return status, answer


def _held_twice(everybody: list[Annotator]) -> int:
    """Count images that two people had on hand at one time, as they saw it themselves."""
    spans: dict[int, list[tuple[float, float]]] = {}
    for person in everybody:
        for image, since, until in person.held:
            spans.setdefault(image, []).append((since, until))
    return sum(
        any(later[0] < earlier[1] for earlier, later in zip(sorted(found), sorted(found)[1:], strict=False))
        for found in spans.values()
    )


def _stored_twice(path: Path) -> int:
    """Count images that were answered twice, although one answer was asked for."""
    db = open_reader(path)
    counts = Counter(row["image"] for row in db.execute("SELECT image FROM label_event"))
    db.close()
    return sum(count > 1 for count in counts.values())
