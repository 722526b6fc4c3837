"""A project from its first class to its last image: no classes yet, a blind sample, a file that is gone, all done."""

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from labeling.dataset.indexing import init_project
from tests.browser.bench import Tab, ask_all_blindly, paint, serving


def test_a_new_project_from_its_first_class_to_its_last_image(context: BrowserContext, tmp_path: Path) -> None:
    images = paint(tmp_path / "images", *(f"<b>{number}&.png" for number in range(4)))
    init_project(tmp_path / "project", dataset_folder=images, control=0)
    ask_all_blindly(tmp_path / "project")
    (images / "<b>2&.png").unlink()
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        page = tab.open().page
        said = []
        for name in ("cat", "dog", "bird"):
            page.locator(".wb-stage[data-image], .wb-notice strong:visible").first.wait_for()
            if page.get_by_text("This image is gone").is_visible():
                page.keyboard.press("r")  # before the first class is made, digits stand for nothing
                tab.says("no picture yet")
                page.keyboard.press("x")
                said.append(("skip", None))
            before = tab.ready().image
            expect(page.locator(".wb-why")).to_contain_text("control sample")
            expect(page.locator(".wb-guess")).to_have_count(0)
            expect(page.locator(".wb-name")).to_contain_text("<b>")
            page.keyboard.press("n")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            expect(page.locator(f".wb-stage[data-image='{before}']")).to_have_count(0)
            said.append(("label", name))
        if ("skip", None) not in said:
            expect(page.locator(".wb-notice strong")).to_have_text("This image is gone")
            page.keyboard.press("x")
            said.append(("skip", None))

        expect(page.locator(".wb-notice strong")).to_have_text(re.compile("All done|The rest is elsewhere"))
        assert [(kind, name) for kind, _, name, *_ in tab.events()] == said
        expect(page.locator(".wb-class span").first).to_have_text("cat")
