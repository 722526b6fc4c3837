"""How soon pages answer while a run uses all cores, and what an hour of polling by ten tabs adds to the memory."""

import argparse
import http.client
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.labeling_server import Client, percentile, running
from benchmarks.measuring import table
from labeling.example import write_example

PAGES = ("/", "/project", "/browse", "/train", "/request", "/progress", "/export", "/people")
ASKED = ("/api/progress", "/api/start", "/api/runs", "/api/evaluation", "/api/strategies", "/api/images?limit=60")
POLLS_AN_HOUR = 36_000
"""Ten tabs that ask once a second."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Return p95 and the slowest in milliseconds of pages and questions during a run, and what polling adds in MiB."""
    parser = argparse.ArgumentParser(prog="benchmarks pages")
    parser.add_argument("--turns", type=int, default=20, help="times each page and question is asked")
    parser.add_argument("--polls", type=int, default=POLLS_AN_HOUR)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pages-") as home, running(write_example(Path(home))) as (url, process):
        client = Client(url, "Ann")
        with training(client) as name:
            times = {path: timed(url, client, path, options.turns) for path in (*PAGES, *ASKED)}
            state = client.get(f"/api/runs/{name}")["state"]
            polled = (*ASKED[:3], f"/api/runs/{name}")
            poll(client, polled, 2000)
            before = process.memory_info().rss
            poll(client, polled, options.polls)
            grown = (process.memory_info().rss - before) / 2**20
    assert state == "running", f"the run was {state} before all pages were asked for"
    rows = [(path, f"{percentile(found, 0.5):.0f}", f"{max(found):.0f}") for path, found in times.items()]
    print(table(("while a run uses all cores", "p50 ms", "slowest ms"), rows))
    every = [value for found in times.values() for value in found]
    return {
        "p95_ms": round(percentile(every, 0.95), 1), "max_ms": round(max(every), 1), "polls": options.polls,
        "grown_mb": round(grown, 1),
    }  # fmt: skip


@contextmanager
def training(client: Client) -> Iterator[str]:
    """Pretrain as the Train page does until the block ends; yield the run's name once steps are made."""
    wish = {"uuid": str(uuid.uuid4()), "stage": "pretrain", "preset": "quick", "config": {}, "minutes": 30}
    name: str = client.post("/api/runs", wish)["name"]
    while not client.get(f"/api/runs/{name}")["curves"].get("loss"):
        time.sleep(0.5)
    try:
        yield name
    finally:
        client.post(f"/api/runs/{name}/cancel", {"uuid": str(uuid.uuid4())})
        while client.get(f"/api/runs/{name}")["state"] == "running":
            time.sleep(0.5)


def timed(url: str, client: Client, path: str, turns: int) -> list[float]:
    """Return the milliseconds until a page or an answer was there, `turns` times, on a connection that stays open."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        connection.request("GET", path, headers={"cookie": client.cookie})
        response = connection.getresponse()
        response.read()
        times.append(1000 * (time.perf_counter() - started))
        assert response.status == 200, f"{path}: {response.status}"
    connection.close()
    return times


def poll(client: Client, paths: tuple[str, ...], count: int) -> None:
    """Ask so often, each path in turn."""
    for number in range(count):
        client.get(paths[number % len(paths)])
