"""A project from its first class to its last image: no classes yet, a blind sample, a file that is gone, all done."""

from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from labeling.indexing import init_project
from tests.browser.bench import Tab, serving


def test_a_new_project_from_its_first_class_to_its_last_image(context: BrowserContext, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"<b>{number}&.png")
    init_project(tmp_path / "project", dataset_folder=images)
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        tab.open().ready()
        expect(tab.page.locator(".wb-why")).to_contain_text("control sample")
        expect(tab.page.locator(".wb-guess")).to_have_count(0)
        expect(tab.page.locator(".wb-name")).to_contain_text("<b>")

        for name in ("cat", "dog"):
            before = tab.image
            tab.page.keyboard.press("n")
            tab.page.keyboard.type(name)
            tab.page.keyboard.press("Enter")
            expect(tab.page.locator(f".wb-stage[data-image='{before}']")).to_have_count(0)
        tab.ready()
        tab.saved()
        here = tab.image
        gone = bench.rows("SELECT name FROM image WHERE state = 'none' AND id <> ?", here)[0][0]
        (images / gone).unlink()
        tab.page.reload()
        tab.ready()
        while tab.page.locator(".wb-stage[data-image]").count():
            tab.page.keyboard.press("1")
        expect(tab.page.locator(".wb-notice strong")).to_have_text("This image is gone")
        tab.page.keyboard.press("1")
        tab.says("no picture yet")
        tab.page.keyboard.press("x")

        expect(tab.page.locator(".wb-notice strong")).to_have_text("The rest is elsewhere")
        assert [(kind, name) for kind, _, name, *_ in tab.events()] == [
            ("label", "cat"), ("label", "dog"), ("label", "cat"), ("skip", None),
        ]  # fmt: skip
