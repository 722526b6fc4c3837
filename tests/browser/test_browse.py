"""Browse: filters live in the address, a class key corrects the chosen image."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from benchmarks.labeling_server import write_project
from tests.browser.bench import Bench, Tab, serving

TILE = ".wb-tile"
LABELS = re.compile("/api/labels")


class Held:
    """A slow network: what a page sends to `/api/labels` waits here until it is let go."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.routes: list[Route] = []
        self.slow = True
        page.route(LABELS, lambda route: self.routes.append(route) if self.slow else route.continue_())

    def wait(self) -> None:
        """Wait until something was sent."""
        while not self.routes:
            self.page.wait_for_timeout(20)

    def let_go(self) -> None:
        """Let it arrive, and all that follows."""
        self.slow = False
        for route in self.routes:
            route.continue_()


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


@pytest.mark.parametrize(
    ("filters", "place", "said"), [("split=val", 8, ""), ("state=none", 50, "Nothing yet.")], ids=["changed", "given"]
)
def test_a_label_that_changed_after_the_page_opened_is_not_overwritten(
    tab: Tab, context: BrowserContext, bench: Bench, filters: str, place: int, said: str
) -> None:
    other = Tab(context, bench, tab.person)
    for page in (tab, other):
        page.open(f"/browse?{filters}")
        page.page.locator(TILE).nth(place).click()
        expect(page.page.locator(".wb-history li").first).to_contain_text(said)
    other.page.keyboard.press("2")
    other.saved()
    first = tab.events()

    tab.page.keyboard.press("3")

    expect(tab.page.locator(".wb-message")).to_contain_text("changed this label meanwhile")
    expect(tab.page.locator(f"{TILE} figcaption").nth(place)).to_have_text("2")
    assert tab.events() == first
    tab.complaints.clear()  # the browser notes the 409


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


def answer(browser: Browser, bench: Bench, person: str, image: int, name: str) -> None:
    """Let somebody say what an image is."""
    context = browser.new_context()
    assert context.request.post(f"{bench.url}/api/people/me", data={"name": person}).ok
    ((number,),) = bench.rows("SELECT id FROM class WHERE name = ?", name)
    event = {"uuid": str(uuid4()), "kind": "label", "image": image, "class": number, "source": "browse"}
    assert context.request.post(f"{bench.url}/api/labels", data={"client": person, "events": [event]}).ok
    context.close()


@pytest.mark.parametrize(
    ("place", "said"),
    [(30, {"A": "1", "B": "2"}), (31, {"A": "0", "B": "0"}), (32, {"me": "0", "B": "0"}), (33, {"A": "0"})],
    ids=["others differ", "others agree", "somebody agrees with me", "one other"],
)
def test_what_is_pressed_in_browse_is_the_label(
    tab: Tab, browser: Browser, bench: Bench, place: int, said: dict[str, str]
) -> None:
    free = "SELECT id FROM image WHERE state = 'none' AND split = 'unlabeled' LIMIT 1 OFFSET ?"
    ((image,),) = bench.rows(free, place)
    for who, name in said.items():
        answer(browser, bench, tab.person if who == "me" else f"{who} of {tab.person}", image, name)
    ((file,),) = bench.rows("SELECT name FROM image WHERE id = ?", image)
    tab.open(f"/browse?file={file}")
    words = tab.page.locator(f"{TILE} figcaption")
    tab.page.locator(TILE).click()
    for key in ("3", "4"):
        tab.page.keyboard.press(key)
        expect(words).to_have_text(key)
        tab.saved()
        assert bench.label_of(image) == key
    answer(browser, bench, f"C of {tab.person}", image, "1")
    assert bench.label_of(image) == "4", "a decision overrules later votes"
    for taken in ("4", "3"):
        tab.page.keyboard.press("Backspace")
        expect(tab.page.locator(".wb-message")).to_contain_text(f"Taken back: {taken} ")
    expect(words).to_have_text("disputed")  # with what C said meanwhile


def test_my_own_answer_stays_one_that_others_may_differ_from(tab: Tab, browser: Browser, bench: Bench) -> None:
    tab.open("/browse?state=none")
    words = tab.page.locator(f"{TILE} figcaption").nth(40)
    tab.page.locator(TILE).nth(40).click()
    for key in ("3", "4"):
        tab.page.keyboard.press(key)
        tab.saved()
    (first, image, *_), (second, *_) = tab.events()
    assert (first, second, bench.label_of(image)) == ("label", "label", "4")
    answer(browser, bench, f"B of {tab.person}", image, "1")
    assert bench.rows("SELECT state FROM image WHERE id = ?", image) == [("disputed",)]

    tab.page.keyboard.press("5")
    expect(tab.page.locator(".wb-message")).to_contain_text("changed this label meanwhile")
    expect(words).to_have_text("disputed")
    tab.page.keyboard.press("5")
    expect(words).to_have_text("5")
    tab.saved()
    assert bench.label_of(image) == "5"
    tab.complaints.clear()  # the browser notes the 409


def test_a_second_thought_before_the_first_is_stored(tab: Tab) -> None:
    tab.open("/browse?state=none")
    words = tab.page.locator(f"{TILE} figcaption").nth(52)
    tab.page.locator(TILE).nth(52).click()
    held = Held(tab.page)
    tab.page.keyboard.press("3")
    held.wait()
    for key in ("4", "Backspace", "5", "Backspace", "6"):
        tab.page.keyboard.press(key)
    held.let_go()
    expect(words).to_have_text("6")
    *_, (_, image, *_) = tab.events()
    assert tab.bench.label_of(image) == "6"
    tab.page.keyboard.press("Backspace")
    expect(words).to_have_text("3")
    tab.page.keyboard.press("Backspace")
    expect(words).to_have_text("no label")
    tab.saved()
    assert tab.bench.label_of(image) is None
    expect(tab.page.locator(".wb-message.wb-bad")).to_have_count(0)


def test_the_page_is_worked_by_keys_alone(tab: Tab) -> None:
    tab.open("/browse?split=val")
    tab.page.locator(TILE).first.wait_for()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "f"):
        tab.page.keyboard.press(key)
    expect(tab.page.locator(f"{TILE} figcaption").nth(1)).to_contain_text("⚑")
    assert [kind for kind, *_ in tab.events()] == ["flag"]
    tab.page.keyboard.press("PageDown")
    expect(tab.page.locator(".wb-pager")).to_contain_text("61–100")


def test_undo_takes_back_the_press_just_made_though_it_is_not_stored_yet(tab: Tab) -> None:
    tab.open("/browse?split=val")
    words = tab.page.locator(f"{TILE} figcaption")
    tab.page.locator(TILE).nth(10).click()
    tab.page.keyboard.press("8")
    tab.saved()
    tab.page.locator(TILE).nth(11).click()
    before = words.nth(11).inner_text()
    held = Held(tab.page)
    tab.page.keyboard.press("9" if before != "9" else "7")
    held.wait()

    tab.page.keyboard.press("Backspace")
    held.let_go()

    expect(words.nth(11)).to_have_text(before)
    expect(words.nth(10)).to_have_text("8")
    (_, kept, *_), (_, image, *_), (kind, undone, *_) = tab.events()
    assert (kind, undone) == ("undo", image)
    assert (tab.bench.label_of(kept), tab.bench.label_of(image)) == ("8", before)


def test_undo_and_redo_are_of_what_was_changed_here(tab: Tab) -> None:
    tab.open().ready()
    tab.press("1")
    given = tab.events()
    tab.open("/browse?split=val")
    words = tab.page.locator(f"{TILE} figcaption")
    message = tab.page.locator(".wb-message")
    tab.page.locator(TILE).nth(20).click()
    tab.page.keyboard.press("Backspace")
    expect(message).to_contain_text("Undo on the Label page takes back")
    assert tab.events() == given

    before = words.nth(20).inner_text()
    tab.page.keyboard.press("9" if before != "9" else "7")
    expect(message).to_have_count(0)
    tab.page.keyboard.press("f")
    tab.page.locator(TILE).nth(21).click()
    tab.page.keyboard.press("Backspace")
    expect(message).to_contain_text("Taken back: flagged · val/")
    expect(tab.page.locator(TILE).nth(20)).to_have_attribute("aria-selected", "true")
    tab.page.keyboard.press("Backspace")
    expect(message).to_contain_text(f"Taken back: {'9' if before != '9' else '7'} · val/")
    expect(words.nth(20)).to_have_text(before)
    tab.page.keyboard.press("Shift+Backspace")
    expect(message).to_contain_text("Done again: ")
    expect(words.nth(20)).not_to_have_text(before)
    for words_said in ("Taken back: ", "Undo on the Label page"):
        tab.page.keyboard.press("Backspace")
        expect(message).to_contain_text(words_said)

    said = [kind for kind, *_ in tab.events()[len(given) :]]
    assert said == ["confirm", "flag", "undo", "undo", "redo", "undo"]
    assert tab.bench.label_of(given[0][1]) == given[0][2]


def test_what_was_taken_back_elsewhere_is_not_taken_back_twice(tab: Tab, context: BrowserContext, bench: Bench) -> None:
    tab.open("/browse?split=val")
    words = tab.page.locator(f"{TILE} figcaption").nth(22)
    tab.page.locator(TILE).nth(22).click()
    before = words.inner_text()
    tab.page.keyboard.press("9" if before != "9" else "7")
    tab.saved()
    label = Tab(context, bench, tab.person).open().ready()
    label.page.keyboard.press("Backspace")
    while bench.events(tab.person)[-1][0] != "undo":
        label.page.wait_for_timeout(20)

    tab.page.keyboard.press("Backspace")

    expect(tab.page.locator(".wb-message")).to_contain_text("Not taken back: there is nothing left of it to undo.")
    expect(words).to_have_text(before)


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
