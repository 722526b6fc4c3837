"""Classes on the Label page: long names, and what somebody else does with them meanwhile."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

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
    tab.page.set_viewport_size({"width": 390, "height": 844})
    picture = tab.page.locator(".wb-stage").bounding_box()
    assert picture
    assert picture["height"] > 844 / 2, "the picture has what two classes leave"
    tab.page.set_viewport_size({"width": 390, "height": 160})  # as little room as 200 classes leave each other
    tab.page.keyboard.press("/")
    found = tab.page.locator("dialog[open] [role=option]")
    expect(found).to_have_count(2)
    assert found.evaluate_all("all => all.every(one => one.scrollHeight <= one.clientHeight)")


def _colleague(tab: Tab, browser: Browser) -> BrowserContext:
    """Somebody else, at another browser."""
    context = browser.new_context()
    assert context.request.post(f"{tab.bench.url}/api/people/me", data={"name": "Colleague"}).ok
    return context


def test_what_a_colleague_does_with_classes_arrives_by_itself(tab: Tab, browser: Browser) -> None:
    image = tab.open().ready().image
    colleague = _colleague(tab, browser)
    url = f"{tab.bench.url}/api/classes"

    assert colleague.request.post(url, data={"uuid": str(uuid4()), "name": "heron", "key": "h"}).ok
    assert colleague.request.patch(f"{url}/1", data={"uuid": str(uuid4()), "name": "coccus"}).ok

    expect(tab.page.locator(".wb-class span").last).to_have_text("heron")
    expect(tab.page.locator(".wb-class span").first).to_have_text("coccus")
    expect(tab.page.locator(".wb-message")).to_contain_text(f"“{LONG}” is called “coccus” now; “heron” is new (H)")
    tab.press("h")
    tab.saved()
    assert tab.bench.label_of(image) == "heron"
    colleague.close()


def test_a_class_that_a_colleague_made_first_is_taken_instead(tab: Tab, browser: Browser) -> None:
    image = tab.open().ready().image
    colleague = _colleague(tab, browser)
    tab.page.route("**/api/progress", lambda route: None)  # from here on the page hears of nothing by itself
    assert colleague.request.post(f"{tab.bench.url}/api/classes", data={"uuid": str(uuid4()), "name": "Egret"}).ok

    tab.page.keyboard.press("/")
    tab.page.keyboard.type("egret")
    expect(tab.page.get_by_text("Make a new class")).to_be_visible()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("dialog[open] input[name=name]")).to_have_value("egret")
    tab.page.keyboard.press("Enter")

    expect(tab.page.locator(f".wb-stage[data-image='{image}']")).to_have_count(0)
    tab.saved()
    assert tab.bench.label_of(image) == "Egret"
    expect(tab.page.locator(".wb-class span").last).to_have_text("Egret")
    tab.complaints.clear()  # the browser notes the 409
    colleague.close()


def test_what_was_said_before_a_merge_reads_as_it_was_said(tab: Tab) -> None:
    tab.open().ready()
    url, image = f"{tab.bench.url}/api", tab.image
    ask = tab.page.context.request
    made = ask.post(f"{url}/classes", data={"uuid": str(uuid4()), "name": "moorhen"}).json()
    said = {"uuid": str(uuid4()), "kind": "label", "image": image, "class": made["id"], "source": "browse"}
    assert ask.post(f"{url}/labels", data={"client": "x", "events": [said]}).ok
    assert ask.post(f"{url}/classes/{made['id']}/merge", data={"uuid": str(uuid4()), "into": 1}).ok
    file = ask.get(f"{url}/images/{image}").json()["file"]

    tab.open(f"/browse?file={file}")
    tab.page.locator(".wb-tile").first.click()

    expect(tab.page.locator(".wb-history li")).to_contain_text(["moorhen"])


def test_on_a_phone_ten_classes_are_in_sight_under_a_large_picture(
    browser: Browser, example: Path, tmp_path: Path
) -> None:
    with serving(shutil.copytree(example, tmp_path / "project", symlinks=True)) as bench:
        context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        page = Tab(context, bench, "Ann").open().ready().page

        below = page.locator(".wb-touch").bounding_box()
        boxes = [button.bounding_box() for button in page.locator(".wb-side .wb-class:visible").all()]
        picture = page.locator(".wb-stage").bounding_box()
        context.close()
    assert below is not None
    assert picture is not None
    assert len(boxes) == 3 + 10, "guesses and classes"
    assert all(box and box["height"] >= 44 and box["width"] >= 100 and box["y"] + box["height"] <= below["y"]
               for box in boxes)  # fmt: skip
    assert picture["height"] >= 844 / 3


def test_many_classes_leave_the_rest_of_the_panel_in_sight(tab: Tab) -> None:
    tab.open().ready()
    for number in range(40):
        made = {"uuid": str(uuid4()), "name": f"strain {number:02} of the many that there are"}
        assert tab.page.context.request.post(f"{tab.bench.url}/api/classes", data=made).ok

    tab.open().ready()
    expect(tab.page.get_by_role("heading", name="Why this image")).to_be_in_viewport()
    expect(tab.page.get_by_role("button", name="Skip X")).to_be_in_viewport(ratio=1)
    tab.open("/browse")
    tab.page.locator(".wb-tile").first.click()
    for name in ("None R", "Flag F", "Undo ⌫", "Send back"):
        expect(tab.page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    check_looks(tab.page)
