"""Learning while labeling: from the twentieth label to new guesses, and what a label takes meanwhile."""

import argparse
import json
import re
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from barlowmatch.data.tables import write_table
from benchmarks.labeling_server import CLASSES, Client, percentile, running, write_project
from benchmarks.measuring import table
from labeling.project import reading
from storage.images import all_images

EVERY = 20
PACE = 0.05
"""Seconds between two labels: what a team of ten quick people gives."""
BLOCK = 40
"""Labels of one side before the other's turn: short, as the server ends a connection that rests for five seconds."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Serve two copies of a project, one with embeddings and so with a probe; label both in turns and compare."""
    parser = argparse.ArgumentParser(prog="benchmarks probe")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--labels", type=int, default=1000, help="of each side, at a pace of 20 a second")
    parser.add_argument("--waits", type=int, default=9, help="times the way from label to guess is measured")
    options = parser.parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="probe-"))
    try:
        write_project(home / "without", options.images, labeled=1000, requested=20_000)
        shutil.copytree(home / "without", home / "with", symlinks=True)
        write_embeddings(home / "with", options.dimension)
        with running(home / "without") as (plain_url, _), running(home / "with") as (url, _):
            learning = Person(url)
            first = learning.until_guessed()
            waits = [learning.until_guessed() for _ in range(options.waits)]
            plain = Person(plain_url)
            times: dict[str, list[float]] = {"without": [], "with": []}
            for _ in range(options.labels // BLOCK):
                times["without"] += plain.label(BLOCK)
                times["with"] += learning.label(BLOCK)
            learning.until_guessed()
        fits = _fit_seconds(home / "with" / "cache" / "probe.log")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(table(("label stored, ms", "p50", "p99"), [(name, *_ms(values)) for name, values in times.items()]))
    shown = {
        "first, process started": first,
        "label to guess": median(waits),
        "at most": max(waits),
        "fit": median(fits),
    }
    print(table(("seconds", ""), [(name, f"{value:.2f}") for name, value in shown.items()]))
    return {
        "images": options.images, "dimension": options.dimension, "first_s": round(first, 2),
        "label_to_guess_s": round(median(waits), 2), "label_to_guess_max_s": round(max(waits), 2),
        "fit_s": round(median(fits), 3), "fit_max_s": round(max(fits), 3), "fits": len(fits),
        **{f"{name}_p99_ms": round(percentile(values, 0.99), 2) for name, values in times.items()},
        **{f"{name}_p50_ms": round(percentile(values, 0.5), 2) for name, values in times.items()},
    }  # fmt: skip


class Person:
    """Somebody who labels at a steady pace."""

    def __init__(self, url: str) -> None:
        self.client = Client(url, "Ann")
        self.classes = [item["id"] for item in self.client.get("/api/classes")["classes"]]
        self.on_hand = self.client.lease(40)
        self.event = 0

    def label(self, count: int, pace: float = PACE) -> list[float]:
        """Label so many images and return the milliseconds that storing each took."""
        times = []
        for _ in range(count):
            item = self.on_hand.pop(0)
            started = time.perf_counter()
            result = self.client.label(item, self.classes[item["image"] % len(self.classes)])
            times.append(1000 * (time.perf_counter() - started))
            self.event = result["event"]
            if len(self.on_hand) < 20:
                self.on_hand += self.client.lease(20, [leased["lease"] for leased in self.on_hand])
            time.sleep(pace)
        return times

    def until_guessed(self) -> float:
        """Label until new guesses come, and return the seconds since the label that a fit waited for was stored."""
        before = self.fitted()
        stored: list[tuple[int, float]] = []
        deadline = time.perf_counter() + 60
        while (now := self.fitted()) == before:
            if time.perf_counter() > deadline:
                raise SystemExit("no guesses came within a minute")
            if len(stored) < 2 * EVERY:
                self.label(1, 0.0)
                stored.append((self.event, time.perf_counter()))
            time.sleep(0.02)
        seen = time.perf_counter()
        waited_for = [when for event, when in stored if event <= now][-1:]
        return seen - (waited_for[0] if waited_for else stored[0][1])

    def fitted(self) -> int:
        """Return up to which label event the guesses of the images on hand know the labels."""
        images = "&".join(f"image={item['image']}" for item in self.on_hand)
        return int(self.client.get(f"/api/guesses?{images}")["fitted"] or 0)


def write_embeddings(project: Path, dimension: int) -> None:
    """Write embeddings of all images of a project in which classes are overlapping clusters."""
    with reading(project) as db:
        images = list(all_images(db))
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(len(CLASSES), dimension)).astype(np.float32)
    folder = project / "runs" / "embed-generated"
    folder.mkdir(parents=True)
    vectors = draw.normal(size=(len(images), dimension)).astype(np.float32) * 2
    vectors += centres[[image.id % len(CLASSES) for image in images]]
    np.save(folder / "embeddings.npy", vectors.astype(np.float16))
    rows = [(row, "unlabeled", image.name, image.sha256, "") for row, image in enumerate(images)]
    write_table(folder / "files.csv", ("row", "split", "file", "sha256", "label"), rows)
    meta = {"schema": 1, "rows": len(images), "dimension": dimension, "classes": [], "probabilities": False,
            "stage": "pretrain"}  # fmt: skip
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _fit_seconds(log: Path) -> list[float]:
    return [float(found) for found in re.findall(r"labels in ([0-9.]+) s", log.read_text(encoding="utf-8"))]


def _ms(values: list[float]) -> tuple[str, str]:
    return f"{percentile(values, 0.5):.1f}", f"{percentile(values, 0.99):.1f}"
