"""Browse: filters live in the address, the chosen image is shown large, keys do what the mouse does."""

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from benchmarks.labeling_server import write_project
from labeling.dataset.indexing import init_project
from tests.browser.bench import TILE, Tab, check_looks, paint, serving


def test_the_picture_beside_the_questions_is_never_that_of_the_image_before(tab: Tab) -> None:
    tab.page.route(re.compile(r"/img/\d+\?v="), lambda route: None)  # large pictures never arrive
    tab.open("/browse")
    large = tab.page.locator(".wb-large")
    for place in (0, 1):
        tab.page.locator(".wb-tile").nth(place).click()
        thumb = tab.page.locator(".wb-tile img").nth(place).get_attribute("src") or "?"
        expect(large).to_have_attribute("src", thumb)


def test_filters_pages_and_a_corrected_label(tab: Tab) -> None:
    tab.open("/browse")
    expect(tab.page.locator(TILE)).to_have_count(60)
    expect(tab.page.locator(".wb-pager")).to_contain_text("1–60 of 1,797")
    tab.page.get_by_role("button", name="Next").click()
    expect(tab.page.locator(".wb-pager")).to_contain_text("61–120")

    tab.page.get_by_label("Split").select_option("val")
    expect(tab.page.locator(".wb-pager")).to_contain_text("1–60 of 100")
    expect(tab.page).to_have_url(re.compile(r"\?split=val$"))
    for key in "f/9":
        tab.page.keyboard.press(key)
        tab.page.get_by_text("Choose an image first").locator("..").get_by_role("button").click()  # read, and away
    tab.page.locator(TILE).nth(3).click()
    expect(tab.page.locator(".wb-history li")).to_have_count(1)
    tab.page.get_by_role("button", name="Search").click()
    tab.page.keyboard.type("9")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(f"{TILE} figcaption").nth(3)).to_have_text("9")

    (event,) = tab.events()
    kind, image, name, source, _ = event
    assert (kind, name, source) == ("confirm", "9", "browse"), "the dataset said something else"
    assert tab.bench.label_of(image) == "9"
    expect(tab.page.locator(".wb-history li")).to_have_count(2)
    tab.page.keyboard.press("Backspace")
    expect(tab.page.locator(f"{TILE} figcaption").nth(3)).not_to_have_text("9")
    tab.saved()
    assert tab.bench.label_of(image) != "9"


def test_filters_that_no_image_passes_are_taken_off_at_one_press(tab: Tab) -> None:
    page = tab.open("/browse?state=disputed&flagged=true").page

    page.get_by_role("button", name="Show all images").click()

    expect(page.locator(".wb-tile").first).to_be_visible()
    assert page.url.endswith("/browse")


def test_a_filter_of_a_link_that_means_nothing_here_is_left_out_and_named(tab: Tab) -> None:
    tab.open("/browse?split=val&label=99&colour=red&flagged=maybe")

    expect(tab.page.locator(".wb-pager")).to_contain_text("1–60 of 100")
    expect(tab.page.locator(".wb-message")).to_contain_text("left out: label=99, colour=red, flagged=maybe")
    expect(tab.page.locator("select[name=label]")).to_have_value("")
    expect(tab.page.locator("select[name=label]").locator("option:checked")).to_have_text("Any")
    expect(tab.page).to_have_url(re.compile(r"/browse\?split=val$"))

    tab.open("/browse?split=val&file=00")
    expect(tab.page.locator(TILE).first).to_be_visible()
    expect(tab.page.locator(".wb-message")).to_have_count(0)


def test_on_a_phone_an_image_can_be_none_of_the_classes_and_that_be_taken_back(phone: Tab) -> None:
    phone.open("/browse?state=none")
    words = phone.page.locator(f"{TILE} figcaption").nth(45)
    phone.page.locator(TILE).nth(45).tap()
    phone.page.get_by_role("button", name="None").tap()
    phone.saved()
    (event,) = phone.events()
    assert event[0] == "reject"
    phone.page.get_by_role("button", name="Undo").tap()
    phone.saved()
    phone.page.get_by_role("button", name="All images").tap()
    expect(words).to_have_text("no label")
    rows = phone.page.locator(".wb-pager button").evaluate_all("all => all.map((one) => one.offsetTop)")
    assert max(rows) - min(rows) < 30, "the buttons under the pictures share a row"


def test_the_page_is_worked_by_keys_alone(tab: Tab) -> None:
    tab.open("/browse?split=val")
    tab.page.locator(TILE).first.wait_for()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "f"):
        tab.page.keyboard.press(key)
    expect(tab.page.locator(f"{TILE} figcaption").nth(1)).to_contain_text("⚑")
    assert [kind for kind, *_ in tab.events()] == ["flag"]
    tab.page.keyboard.press("PageDown")
    expect(tab.page.locator(".wb-pager")).to_contain_text("61–100")


def test_many_images_without_a_file_and_no_control_sample(context: BrowserContext, tmp_path: Path) -> None:
    write_project(tmp_path / "large", 10_070)
    with serving(tmp_path / "large") as bench:
        page = Tab(context, bench, "Ann").open("/browse?split=unlabeled").page
        pager = page.locator(".wb-pager")
        expect(pager).to_contain_text("1–60 of 10,000 or more")
        page.wait_for_function("() => [...document.images].slice(0, 20).every((image) => image.naturalWidth > 0)")

        page.goto(bench.url + "/progress")
        page.get_by_role("link", name="What next").click()
        expect(page.get_by_role("heading", name="Label 200 random pictures")).to_be_visible()


CUT = "(caption) => caption.scrollHeight > caption.clientHeight || caption.scrollWidth > caption.clientWidth"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_long_name_takes_two_lines_and_is_whole_in_the_title_and_once_it_is_chosen(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    names = ("Troglodytes troglodytes hiemalis pacificus, juvenile, seen from below", "Turdus merula merula", "owl")
    images = paint(tmp_path / "images", *(f"{name}/{number}.png" for name in names for number in range(2)))
    init_project(tmp_path / "project", dataset_folder=images, class_folders=1)
    with serving(tmp_path / "project") as bench:
        context = browser.new_context(viewport={"width": width, "height": 800})
        tab = Tab(context, bench, "Ann").open("/browse")
        captions = tab.page.locator(f"{TILE} figcaption")
        expect(captions).to_have_count(6)
        assert [caption.bounding_box()["height"] for caption in captions.all()] == [32, 32, 32, 32, 16, 16]
        assert [caption.evaluate(CUT) for caption in captions.all()] == [True, True, False, False, False, False]
        expect(tab.page.locator(TILE).first).to_have_attribute("title", f"{names[0]}/0.png: {names[0]}")
        check_looks(tab.page)
        below = tab.page.locator(TILE).last.bounding_box()
        tab.page.locator(TILE).first.press("ArrowRight")
        expect(tab.page.locator(".wb-history li")).to_contain_text(names[0])
        assert tab.page.locator(TILE).last.bounding_box() == below, "nothing moves under the pointer"
        tab.leave()
        context.close()
        assert tab.complaints == []


def test_keys_are_the_pages_while_a_checkbox_has_the_focus(tab: Tab) -> None:
    tab.open("/browse?state=none")
    tab.page.locator(TILE).first.click()
    tab.page.get_by_label("Flagged").focus()
    tab.page.keyboard.press("f")
    expect(tab.page.locator(f"{TILE} figcaption").first).to_contain_text("⚑")
    tab.page.keyboard.press("Space")  # is the checkbox's own
    expect(tab.page.get_by_label("Flagged")).to_be_checked()
    tab.saved()
    assert [event[0] for event in tab.events()] == ["flag"]


def test_who_said_what_stands_below_the_picture_and_a_decision_leads_to_the_next(tab: Tab, browser: Browser) -> None:
    ids = dict(tab.bench.rows("SELECT name, id FROM class"))
    free = "SELECT id FROM image WHERE state = 'none' AND split = 'unlabeled' ORDER BY id DESC LIMIT 2"
    images = sorted(image for (image,) in tab.bench.rows(free))
    for name, cls in ((f"Cy of {tab.person}", "3"), ("Di", "5")):
        person = browser.new_context().request
        assert person.post(f"{tab.bench.url}/api/people/me", data={"name": name}).ok
        said = [
            {"uuid": str(uuid.uuid4()), "kind": "label", "image": image, "class": ids[cls], "source": "browse"}
            for image in images
        ]
        assert person.post(f"{tab.bench.url}/api/labels", data={"client": name, "events": said}).ok
    ((cy,),) = tab.bench.rows("SELECT id FROM person WHERE name = ?", f"Cy of {tab.person}")
    tab.open(f"/browse?state=disputed&person={cy}")
    expect(tab.page.locator(TILE)).to_have_count(2)
    tab.page.locator(TILE).first.click()
    panel = tab.page.locator(".wb-dispute")
    expect(panel).to_contain_text(re.compile(r"It is 3\s*3\s*Cy.*It is 5\s*5\s*Di", re.DOTALL))
    assert (panel.bounding_box() or {})["y"] < (tab.page.locator(".wb-browse .wb-classes").bounding_box() or {})["y"]
    check_looks(tab.page)

    tab.page.get_by_role("button", name="It is 5").click()

    expect(tab.page.locator(TILE).nth(1)).to_have_attribute("aria-selected", "true")
    expect(panel).to_be_visible()
    expect(tab.page.locator(f"{TILE} img").nth(1)).to_have_js_property("complete", True)
    tab.page.wait_for_timeout(310)
    tab.page.keyboard.press("3")
    expect(tab.page.locator(".wb-message")).to_contain_text("The disputed images of this page are settled.")
    tab.saved()
    assert [tab.bench.label_of(image) for image in images] == ["5", "3"]
