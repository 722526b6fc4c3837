"""How long a label takes: label, stored on disk, next image leased; idle, and beside a training run on all cores.

One call does it (`lease` of `POST /api/labels`); for comparison also in two calls, the label's and `POST /api/lease`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.datasets import write_digits
from benchmarks.labeling_server import Client, percentile, running, write_project
from benchmarks.measuring import table

WARM_UP = 50
Leased = dict[str, Any]
Result = dict[str, Any]
Step = Callable[[Client, Leased, int, list[int]], tuple[Result, list[Leased]]]


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure `--labels` labels idle and beside training, and return p50 and p99 in milliseconds of each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=int, default=1000)
    labels = parser.parse_args(arguments).labels
    home = Path(tempfile.mkdtemp(prefix="label-latency-"))
    try:
        write_project(home / "project", 6 * labels + 1000, requested=6 * labels + 500)
        with running(home / "project") as (url, _):
            idle = measure(url, labels, in_one_call)
            apart = measure(url, labels, in_two_calls)
            with training(home):
                busy = measure(url, labels, in_one_call)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    figures = {"idle": _figures(idle), "training": _figures(busy), "idle_in_two_calls": _figures(apart)}
    rows = [(name, *(f"{value:.1f}" for value in found.values())) for name, found in figures.items()]
    print(table(("label → next leased, ms", "p50", "p99"), rows))
    return figures


def in_one_call(client: Client, item: Leased, class_id: int, holding: list[int]) -> tuple[Result, list[Leased]]:
    """Label and take the next."""
    return client.label_and_lease(item, class_id, holding)


def in_two_calls(client: Client, item: Leased, class_id: int, holding: list[int]) -> tuple[Result, list[Leased]]:
    """Label, then take the next."""
    return client.label(item, class_id), client.lease(1, holding)


def measure(url: str, labels: int, step: Step) -> list[float]:
    """Return the milliseconds of each label."""
    client = Client(url, "Ann")
    classes = [item["id"] for item in client.get("/api/classes")["classes"]]
    on_hand = client.lease(30)
    times = []
    for number in range(labels + WARM_UP):
        item = on_hand.pop(0)
        started = time.perf_counter()
        result, leased = step(client, item, classes[number % len(classes)], [held["lease"] for held in on_hand])
        on_hand += leased
        times.append(1000 * (time.perf_counter() - started))
        assert result["status"] == "acknowledged", result
    return times[WARM_UP:]


@contextmanager
def training(home: Path) -> Iterator[None]:
    """Pretrain on handwritten digits with all cores until the block ends."""
    write_digits(home / "digits", 90, 300)
    command = [
        sys.executable, "-m", "barlowmatch", "pretrain", "--preset", "quick", "--dataset-folder", str(home / "digits"),
        "--backbone", "resnet18_quarter", "--views", "digits", "--image-size", "32", "--num-epochs", "100000",
        "--run-dir", str(home / "run"), "--cache-folder", str(home / "cache"),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        heard = []
        for line in process.stderr:
            heard.append(line)
            if "pretrain" in line and "steps" in line:
                break
        else:
            raise SystemExit("the training run did not start: " + "".join(heard[-5:]))
        try:
            yield
        finally:
            process.kill()


def _figures(times: list[float]) -> dict[str, float]:
    return {"p50_ms": round(percentile(times, 0.5), 2), "p99_ms": round(percentile(times, 0.99), 2)}
