"""A workbench to test: the real server in a process of its own, a real Chromium, and the database itself as witness."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as Late
from pysqlite3 import dbapi2 as sqlite

from labeling.project import writing
from storage.database import transaction
from storage.images import all_images
from storage.records import NewItem
from storage.requests import add_request

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HEADLESS = shutil.which("chromium-headless-shell") or CHROMIUM
"""The same engine without the window that nobody sees, which leaves the processor to the tests."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TOO_FAINT = (Path(__file__).parent / "contrast.js").read_text()
PAINTED = ".wb-stage[data-image]"
SAVED = ".wb-chip[data-state=saved]"
TILE = ".wb-tile"


@dataclass(frozen=True)
class Bench:
    """A server of a project: where it listens and what its database says."""

    url: str
    project: Path

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the project's database, beside the server."""
        db = sqlite.connect(f"file:{self.project / 'project.db'}?mode=ro", uri=True)
        try:
            return list(db.execute(sql, values))
        finally:
            db.close()

    def events(self, person: str) -> list[tuple[Any, ...]]:
        """Return (kind, image, class's name, source, late) of all that a person said, in order."""
        return self.rows(
            """SELECT kind, image, class.name, source, late FROM label_event
               JOIN person ON person.id = label_event.person LEFT JOIN class ON class.id = label_event.class
               WHERE person.name = ? ORDER BY label_event.id""",
            person,
        )

    def label_of(self, image: int) -> str | None:
        """Return the name of the present label of an image."""
        sql = "SELECT class.name FROM image LEFT JOIN class ON class.id = image.class WHERE image.id = ?"
        name: str | None = self.rows(sql, image)[0][0]
        return name


@contextmanager
def serving(project: Path, *flags: str) -> Iterator[Bench]:
    """Serve a project on a free port until the block ends."""
    command = [sys.executable, "app.py", "--project", str(project), "--port", "0", *flags]
    with (project / "server.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, f"the server did not start: {line}{(project / 'server.log').read_text()}"
            yield Bench(found[0], project)
        finally:
            process.terminate()
            process.wait(20)


def paint(folder: Path, *names: str) -> Path:
    """Make a folder of small pictures, each of its own noise; return the folder."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def ask_all_blindly(project: Path) -> None:
    """Make all images of a project its control sample, more than it gets by itself; nobody serves it yet."""
    with writing(project) as db, transaction(db):
        add_request(db, [NewItem(image.id) for image in all_images(db)], purpose="control", strategy="random")


def check_looks(page: Page) -> None:
    """Check a page as it is now: contrast in light and dark, and nothing that sticks out on a phone."""
    for dark in (False, True):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
        page.wait_for_timeout(400)  # colours fade
        assert page.evaluate(TOO_FAINT) == [], "dark" if dark else "light"
    size = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "[...document.querySelectorAll('.wb > *')].filter(part => part.scrollWidth > part.clientWidth).length"
    assert page.evaluate(wide) == 0
    page.set_viewport_size(size or {"width": 1440, "height": 900})
    page.evaluate("document.body.classList.remove('dark')")


class Tab:
    """A page of the workbench as a person uses it; it notes console errors and requests to elsewhere."""

    def __init__(self, context: BrowserContext, bench: Bench, person: str) -> None:
        self.bench = bench
        self.person = person
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith((self.bench.url, "data:", "blob:")):
            self.elsewhere.append(url)

    def open(self, path: str = "/") -> "Tab":
        """Go to a page, and say who is there where it asks."""
        self.page.goto(self.bench.url + path)
        first = self.page.locator("dialog[open], .wb-stage, .wb-browse, .wb-format").first
        first.wait_for()
        if self.page.locator("dialog[open] input[name=person]").count():
            self.page.fill("dialog input[name=person]", self.person)
            self.page.keyboard.press("Enter")
        return self

    def ready(self) -> "Tab":
        """Wait until a picture is painted."""
        try:
            self.page.wait_for_selector(PAINTED)
        except Late as error:
            raise AssertionError(f"no picture: {self.page.locator('.wb').inner_text()}") from error
        return self

    @property
    def image(self) -> int:
        """The image whose picture is painted."""
        return int(self.page.get_attribute(PAINTED, "data-image") or -1)

    def shows(self, image: int) -> None:
        """Wait until the picture of an image is painted."""
        expect(self.page.locator(PAINTED)).to_have_attribute("data-image", str(image))

    def press(self, *keys: str) -> list[int]:
        """Press keys, each on a painted picture; return the images they were pressed on."""
        images = []
        for key in keys:
            images.append(self.image)
            self.page.keyboard.press(key)
            self.ready()
        return images

    def saved(self) -> None:
        """Wait until the server has everything."""
        self.page.wait_for_selector(SAVED)

    def says(self, words: str) -> None:
        """Wait until a press was refused with these words."""
        expect(self.page.locator(".wb-refusal")).to_contain_text(words)

    def events(self) -> list[tuple[Any, ...]]:
        """What this person said, once all of it is stored."""
        self.saved()
        return self.bench.events(self.person)

    def leave(self) -> None:
        """Leave the workbench, as closing the tab does, and wait until its images are given back."""
        for page in self.page.context.pages:
            page.goto("about:blank")
        sql = "SELECT count(*) FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
        deadline = time.monotonic() + 10
        while held := self.bench.rows(sql, self.person)[0][0]:
            assert time.monotonic() < deadline, f"{held} images were not given back"
            self.page.wait_for_timeout(20)
