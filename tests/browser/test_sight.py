"""What one has to see to label: the picture, sharp and uncovered, and classes that stay where they are."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, FloatRect, Route, expect

from labeling.dataset.indexing import init_project
from labeling.project import writing
from storage.classes import add_class
from storage.database import transaction
from storage.images import all_images
from storage.records import NewItem
from storage.requests import add_request
from tests.browser.bench import SAVED, Bench, Tab, check_looks, paint, serving

COLOURS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Uint32Array(data.buffer);
    const drawn = [...Array(canvas.width).keys()].filter(x => seen[(canvas.height >> 1) * canvas.width + x] >>> 24);
    return {colours: new Set(seen).size, wide: drawn.length, whole: canvas.width};
}"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A project of pictures of 60 × 40 pixels and a larger one, and of classes with long names."""
    folder = tmp_path_factory.mktemp("sight")
    images = paint(folder / "images", *(f"{n:02}.png" for n in range(1, 13)))
    Image.radial_gradient("L").resize((500, 400)).save(images / "00.png")
    init_project(folder / "project", dataset_folder=images, control=0)
    with writing(folder / "project") as db, transaction(db):
        for number in range(3):
            add_class(db, number, f"a class that is called by many words, of which the last is {number}", None, None)
        items = sorted(all_images(db), key=lambda image: image.name)
        add_request(db, [NewItem(image.id) for image in items], purpose="train", strategy="random")
    with serving(folder / "project") as bench:
        yield bench


def _meet(one: FloatRect | None, other: FloatRect | None) -> bool:
    """Whether two boxes overlap."""
    assert one
    assert other
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
               for at, size in (("x", "width"), ("y", "height")))  # fmt: skip


def test_enter_in_the_search_with_nothing_typed_labels_nothing(tab: Tab) -> None:
    image = tab.open().ready().image
    tab.page.keyboard.press("/")
    expect(tab.page.locator("dialog[open] [role=option]")).not_to_have_count(0)
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("dialog[open] [aria-selected=true]")).to_have_count(0)
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("ArrowDown")
    assert (tab.image, tab.events()) == (image, [])
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector(SAVED)
    expect(tab.page.locator(f".wb-stage[data-image='{image}']")).to_have_count(0)
    assert [name for _, _, name, *_ in tab.events()] == ["1"]


@pytest.mark.parametrize("width", [1440, 720, 390])
def test_dialogs_leave_the_picture_in_sight(tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 900})
    tab.open().ready()
    for key in ("/", "n"):
        tab.page.keyboard.press(key)
        dialog = tab.page.locator("dialog[open]")
        box = dialog.bounding_box()
        assert not _meet(box, tab.page.locator(".wb-stage").bounding_box())
        assert box
        assert box["x"] + box["width"] <= width
        assert box["y"] + 100 <= 900
        if width == 1440:
            check_looks(tab.page)
        tab.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_small_pictures_are_drawn_in_squares_and_larger_ones_smoothly(context: BrowserContext, small: Bench) -> None:
    tab = Tab(context, small, "Ann").open().ready()
    large = tab.page.locator(".wb-canvas").evaluate(COLOURS)
    tab.press("1")
    first = tab.page.locator(".wb-canvas").evaluate(COLOURS)
    tab.leave()
    assert first["wide"] % 60 == 0, "by whole steps"
    assert 240 <= first["wide"] <= 384
    assert first["colours"] <= 40 * 60 + 2, "no colour is mixed of two"
    assert large["wide"] > 500 * 1.3, "as large as fits"


def test_captions_of_the_last_answers_say_the_whole_name(context: BrowserContext, small: Bench) -> None:
    tab = Tab(context, small, "Bea").open().ready()
    stage = tab.page.locator(".wb-stage").bounding_box()
    tab.press("1", "2")
    past = tab.page.locator(".wb-film [data-place=past]")
    expect(past).to_have_count(2)
    expect(past.last).to_have_attribute("title", re.compile("of which the last is 1$"))
    lines = "caption => caption.clientHeight / parseFloat(getComputedStyle(caption).lineHeight)"
    assert past.last.locator("figcaption").evaluate(lines) == pytest.approx(2, abs=0.1)
    assert tab.page.locator(".wb-stage").bounding_box() == stage, "captions take no room of the picture"
    tab.leave()


def test_at_a_desk_zoomed_in_the_keys_stay_and_the_list_stands_beside_the_picture(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 720, "height": 450})
    tab.open().ready()
    hints = tab.page.locator(".wb-classes .wb-class:visible kbd")
    expect(hints.first).to_be_visible()
    for name in ("Skip X", "Search /", "None R"):
        expect(tab.page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    expect(tab.page.locator(".wb-guess").first).to_be_in_viewport(ratio=1)
    stage, side = (tab.page.locator(part).bounding_box() for part in (".wb-stage", ".wb-side"))
    assert stage
    assert side
    assert stage["x"] + stage["width"] <= side["x"] + 12
    assert stage["height"] > 300
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 720


def test_a_phone_shows_no_keys(phone: Tab) -> None:
    phone.open().ready()
    assert phone.page.locator("kbd:visible").count() == 0


def test_classes_stay_in_place_when_guesses_come_and_go(tab: Tab) -> None:
    def every_other(route: Route) -> None:
        answer = route.fetch()
        body: dict[str, Any] = answer.json()
        for item in body["items"][1::2]:
            item["guesses"] = []
        route.fulfill(response=answer, json=body)

    tab.page.route(re.compile("/api/lease"), every_other)
    tab.page.route(re.compile("/api/guesses"), lambda route: route.fulfill(json={"images": []}))
    tab.open().ready()
    places, shown, marked = [], [], []
    for _ in range(4):
        places.append([one.bounding_box() for one in tab.page.locator(".wb-classes:not(.wb-guesses) .wb-class").all()])
        shown.append(tab.page.locator(".wb-guess:visible").count())
        marked.append(tab.page.locator(".wb-likely").count())
        tab.press("x")
    assert shown == [3, 0, 3, 0]
    assert marked == [1, 0, 1, 0]
    assert all(place == places[0] for place in places)
    tab.saved()
    tab.page.unroute_all(behavior="wait")


def test_thumbnails_come_when_the_server_is_back(tab: Tab) -> None:
    tab.page.clock.install()
    tab.page.route(re.compile("/thumb/"), lambda route: route.abort())
    tab.open().ready()
    pictures = tab.page.locator(".wb-film img[src^='data:']")
    expect(pictures).to_have_count(6)

    tab.page.unroute_all()
    tab.page.clock.fast_forward(5_000)

    expect(pictures).to_have_count(0)
    come = "[...document.querySelectorAll('.wb-film img')].every(one => one.complete && one.naturalWidth > 1)"
    tab.page.wait_for_function(come)
    tab.complaints.clear()  # the browser notes the failures


def test_where_all_is_answered_the_page_says_how_much_that_was(context: BrowserContext, small: Bench) -> None:
    tab = Tab(context, small, "Cid").open().ready()
    for _ in range(small.rows("SELECT sum(left) FROM request")[0][0]):
        tab.ready()
        tab.page.keyboard.press("1")
    expect(tab.page.locator(".wb-stage")).to_contain_text("All done")
    tab.saved()
    tab.page.reload()
    expect(tab.page.locator(".wb-stage")).to_contain_text("Every image that was asked for has its answer.")
    expect(tab.page.locator(".wb-progress")).to_contain_text("13 done, nothing left")
    tab.leave()
