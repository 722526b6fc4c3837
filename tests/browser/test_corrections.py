"""Labels corrected in Browse: what a press says, what it replaces, and how it is taken back."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.bench import TILE, Bench, Tab

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


def test_what_was_taken_back_is_said_until_another_image_is_chosen(tab: Tab) -> None:
    tab.open("/browse?state=none")
    tab.page.locator(TILE).nth(20).click()
    for key in ("3", "Backspace"):
        tab.page.keyboard.press(key)
        tab.saved()
    message = tab.page.locator(".wb-message")
    expect(message).to_contain_text("Taken back: 3 ")
    for label in ("Close this message", "Dark or light"):
        tab.page.get_by_role("button", name=label).click(trial=True)  # neither lies over the other

    tab.page.keyboard.press("ArrowRight")
    expect(message).to_have_count(0)
