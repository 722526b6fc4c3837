"""Classes on the Label page: long names, and what somebody else does with them meanwhile."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from labeling.dataset.indexing import init_project
from labeling.project import writing
from storage.classes import add_class
from storage.database import transaction
from tests.browser.bench import Bench, Tab, check_looks, paint, serving

LONG = "Escherichia coli O157:H7, seen in phase contrast"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("classes")
    init_project(folder / "project", dataset_folder=paint(folder / "images", *(f"{n:02}.png" for n in range(30))))
    with writing(folder / "project") as db, transaction(db):
        add_class(db, 1, LONG, None, None)
        add_class(db, 2, "_".join(["unbroken"] * 11), None, None)
    with serving(folder / "project") as bench:
        yield bench


def test_long_names_stay_inside_the_panel(tab: Tab) -> None:
    tab.open().ready()

    for width in (1440, 1000, 390):
        tab.page.set_viewport_size({"width": width, "height": 900})
        side = tab.page.locator(".wb-side")
        assert side.evaluate("side => side.scrollWidth <= side.clientWidth"), width
        right = side.evaluate("side => side.getBoundingClientRect().right")
        for button in tab.page.locator(".wb-side button:visible").all():
            box = button.bounding_box()
            assert box
            assert box["x"] + box["width"] <= right, button.inner_text()
    expect(tab.page.locator(".wb-class").first).to_have_attribute("title", LONG)
    check_looks(tab.page)
