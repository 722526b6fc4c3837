"""A project of 200,000 images: how fast it opens, how fast pages and filters answer, what memory it takes."""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.labeling_server import Client, running, write_project
from benchmarks.measuring import table

REPEATS = 7


def run(arguments: list[str]) -> dict[str, Any]:
    """Generate a project of `--images`, half of them labeled, serve it, and return the slowest medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=200_000)
    images = parser.parse_args(arguments).images
    home = Path(tempfile.mkdtemp(prefix="large-project-"))
    try:
        started = time.monotonic()
        write_project(home / "project", images, labeled=images // 2, requested=images // 4)
        os.sync()  # else the disk is still busy with it
        print(f"generated {images:,} images in {time.monotonic() - started:.0f} s", flush=True)
        started = time.monotonic()
        with running(home / "project") as (url, process):
            client = Client(url, "Ann")
            client.get("/api/progress")
            with urlopen(url) as page:
                page.read()
            opened = time.monotonic() - started
            questions = _questions(client)
            times = {name: _median(client, path) for name, path in questions.items()}
            times["lease of 30"] = _median_of(lambda: client.lease(30))
            page = {"client": client.tab, "class": client.get("/api/grid")["classes"][0]["class"], "count": 48}
            times["page of the grid"] = _median_of(lambda: client.post("/api/grid", page))
            memory = process.memory_info().rss / 1e6
            torch = any("torch" in mapped.path for mapped in process.memory_maps())
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(table(("asked", "ms"), [(name, f"{value:.1f}") for name, value in times.items()]))
    return {
        "opened_s": round(opened, 2), "slowest_ms": round(max(times.values()), 1), "memory_mb": round(memory),
        "torch": torch, "images": images,
    }  # fmt: skip


def _questions(client: Client) -> dict[str, str]:
    """Return what the pages ask, by what it is."""
    classes = [item["id"] for item in client.get("/api/classes")["classes"]]
    people = client.get("/api/people")
    me = people["me"]["id"]
    item = client.lease(1)[0]
    client.label(item, classes[0])
    image = client.get("/api/images?limit=60")
    return {
        "progress": "/api/progress",
        "what next": "/api/start",
        "dataset": "/api/dataset",
        "strategies": "/api/strategies",
        "requests": "/api/requests",
        "runs": "/api/runs",
        "classes": "/api/classes",
        "people": "/api/people",
        "grid classes": "/api/grid",
        "first page": "/api/images",
        "a late page": f"/api/images?after={90 * 1000}",
        "label": f"/api/images?label={classes[3]}",
        "label and predicted": f"/api/images?label={classes[3]}&predicted={classes[4]}",
        "predicted": f"/api/images?predicted={classes[4]}",
        "unlabeled": "/api/images?state=none",
        "disputed (none)": "/api/images?state=disputed",
        "flagged (none)": "/api/images?flagged=true",
        "skipped (none)": "/api/images?skipped=true",
        "missing (none)": "/api/images?missing=true",
        "mine (one)": f"/api/images?person={me}",
        "the dataset's (half)": "/api/images?person=1",
        "request": "/api/images?round=1",
        "file name": "/api/images?file=plate117",
        "file name (none)": "/api/images?file=nothing",
        "split": "/api/images?split=val",
        "all at once": f"/api/images?state=labeled&label={classes[1]}&predicted={classes[2]}&file=7&split=unlabeled",
        "one image": f"/api/images/{image['images'][0]['image']}",
    }


def _median(client: Client, path: str) -> float:
    return _median_of(lambda: client.get(path))


def _median_of(ask: Any) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - started))
    return sorted(times)[REPEATS // 2]
