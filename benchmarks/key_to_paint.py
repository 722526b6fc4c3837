"""How long from a key press to the next picture on the screen, in Chromium on 200 photographs at a person's pace."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.labeling_server import percentile
from benchmarks.measuring import table
from labeling.dataset.indexing import init_project
from labeling.project import writing
from storage.classes import add_class
from storage.database import transaction
from tests.browser.bench import CHROMIUM, FLAGS, Tab, ask_all_blindly, serving

WARM_UP = 10
CLASSES = ("cat", "dog", "bird")

STOPWATCH = """
() => {
  // From the moment the browser took the key to the first moment after the frame with the next picture was painted.
  window.waits = [];
  const stage = document.querySelector(".wb-stage");
  let pressed = null;
  document.addEventListener("keydown", (event) => (pressed = event.timeStamp), { capture: true });
  new MutationObserver(() => {
    const started = pressed;
    const painted = new MessageChannel();
    painted.port1.onmessage = () => window.waits.push(performance.now() - started);
    requestAnimationFrame(() => painted.port2.postMessage(null));
  }).observe(stage, { attributes: true, attributeFilter: ["data-image"] });
}
"""


def run(arguments: list[str]) -> dict[str, Any]:
    """Label `--images` photographs, one key each, and return p50, p95 and the slowest in milliseconds."""
    parser = argparse.ArgumentParser(prog="benchmarks key-to-paint")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--side", type=int, default=640, help="width of the photographs in pixels")
    parser.add_argument("--pause", type=float, default=250, help="milliseconds between two keys")
    options = parser.parse_args(arguments)
    if CHROMIUM is None:
        raise SystemExit("key-to-paint: no Chromium here: apt-get install chromium, or the package of your system")
    with tempfile.TemporaryDirectory() as home:
        waits = measure(
            write_project(Path(home), options.images + WARM_UP, options.side), options.images, options.pause
        )
    figures = {
        "p50_ms": round(percentile(waits, 0.5), 1), "p95_ms": round(percentile(waits, 0.95), 1),
        "max_ms": round(max(waits), 1), "images": len(waits),
    }  # fmt: skip
    print(table(("key → next picture painted", "ms"), [(name, str(value)) for name, value in figures.items()]))
    return figures


def write_project(home: Path, count: int, side: int) -> Path:
    """Write photographs (clouds of colour with some grain, as JPEG) and a project that asks for all of them."""
    folder = home / "images"
    folder.mkdir()
    draw = np.random.default_rng(0)
    width, height = side, side * 3 // 4
    for number in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        clouds = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
        grain = draw.normal(0, 8, (height, width, 1)).astype(np.float32)
        photograph = np.clip(clouds + grain, 0, 255).astype(np.uint8)
        Image.fromarray(photograph).save(folder / f"{number:04d}.jpg", quality=90)
    init_project(home / "project", dataset_folder=folder, control=0)
    ask_all_blindly(home / "project")
    with writing(home / "project") as db, transaction(db):
        for number, name in enumerate(CLASSES):
            add_class(db, number, name, None, None)
    return home / "project"


def measure(project: Path, images: int, pause: float) -> list[float]:
    """Return the milliseconds from each key to the next picture."""
    with serving(project) as bench, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = Tab(browser.new_context(viewport={"width": 1440, "height": 900}), bench, "Ann").open().ready()
        page = tab.page
        page.evaluate(STOPWATCH)
        for number in range(images + WARM_UP - 1):
            page.wait_for_timeout(pause)
            page.keyboard.press(str(1 + number % len(CLASSES)))
        page.wait_for_timeout(pause)
        tab.saved()
        stored = len(tab.events())
        waits: list[float] = page.evaluate("window.waits")
        browser.close()
    assert stored == len(waits) == images + WARM_UP - 1, f"{stored} labels stored, {len(waits)} pictures painted"
    return waits[WARM_UP - 1 :]
