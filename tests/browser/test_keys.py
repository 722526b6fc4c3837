"""Keyboards of other countries: what a press types comes before the place of its key."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, expect

from labeling.dataset.indexing import init_project
from labeling.project import writing
from storage.classes import add_class
from storage.database import transaction
from storage.images import all_images
from storage.records import NewItem
from storage.requests import add_request
from tests.browser.bench import Bench, Tab, paint, serving

CONTROL, SHIFT = 2, 8


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A project of 18 classes, more than digits go round; the last has the percent sign as its own key."""
    folder = tmp_path_factory.mktemp("keyboards")
    init_project(folder / "project", dataset_folder=paint(folder / "images", *(f"{n:02}.png" for n in range(30))))
    with writing(folder / "project") as db, transaction(db):
        for number in range(1, 19):
            add_class(db, number, f"class {number}", "%" if number == 18 else None, None)
    with serving(folder / "project") as bench:
        yield bench


def _type(tab: Tab, sign: str, code: str, modifiers: int = SHIFT) -> None:
    """Press a key that types this sign on the keyboard in question."""
    press = {"key": sign, "code": code, "modifiers": modifiers, "text": sign}
    devtools = tab.page.context.new_cdp_session(tab.page)
    for kind in ("keyDown", "keyUp"):
        devtools.send("Input.dispatchKeyEvent", {"type": kind, **press})


def test_a_slash_that_is_shift_and_seven_searches(tab: Tab) -> None:
    tab.open().ready()

    _type(tab, "/", "Digit7")

    expect(tab.page.locator("dialog[open] input")).to_be_focused()
    assert tab.events() == []


def test_the_search_has_the_name_on_top_that_has_the_words_typed(tab: Tab) -> None:
    tab.open().ready()
    for name in ("tern 104", "tern 14", "tern 1"):
        made = {"uuid": str(uuid4()), "name": name}
        assert tab.page.context.request.post(f"{tab.bench.url}/api/classes", data=made).ok
    tab.open().ready()

    tab.page.keyboard.press("/")
    for typed, first in {"te 14": "tern 14", "tern 1": "tern 1", "14 tern": "tern 14"}.items():
        tab.page.fill("dialog[open] input", typed)
        expect(tab.page.locator("dialog[open] [aria-selected=true]")).to_have_text(first)
    assert tab.events() == []


def test_in_browse_too_a_slash_searches_and_changes_no_label(tab: Tab) -> None:
    tab.open("/browse")
    tab.page.locator(".wb-tile").first.click()

    _type(tab, "/", "Digit7")

    expect(tab.page.locator("dialog[open] input")).to_be_focused()
    assert tab.events() == []


def test_letters_go_by_their_place_where_a_keyboard_types_another_script(tab: Tab) -> None:
    tab.open().ready()
    skipped = tab.image

    _type(tab, "ч", "KeyX", modifiers=0)

    expect(tab.page.locator(f".wb-stage[data-image='{skipped}']")).to_have_count(0)
    tab.ready()
    assert [(kind, image) for kind, image, *_ in tab.events()] == [("skip", skipped)]
    _type(tab, "я", "KeyZ", modifiers=CONTROL)
    tab.shows(skipped)


def test_a_question_mark_beside_the_digits_shows_the_keys(tab: Tab) -> None:
    tab.open().ready()

    _type(tab, "?", "Minus")

    expect(tab.page.locator("dialog[open]")).to_have_attribute("aria-label", "Keys")


@pytest.mark.parametrize(
    ("sign", "code", "modifiers", "name"),
    [
        ("&", "Digit6", SHIFT, "class 16"),  # German: nothing has the sign, so the place counts
        ("%", "Digit5", SHIFT, "class 18"),  # a class's own sign, where the place would be another class
        ("&", "Digit1", 0, "class 1"),  # French: the top row types signs
        ("1", "Digit1", SHIFT, "class 11"),  # and digits with Shift
    ],
)
def test_a_sign_that_nothing_has_leaves_the_press_to_its_place(
    tab: Tab, sign: str, code: str, modifiers: int, name: str
) -> None:
    image = tab.open().ready().image

    _type(tab, sign, code, modifiers)

    expect(tab.page.locator(f".wb-stage[data-image='{image}']")).to_have_count(0)
    assert [event[:3] for event in tab.events()] == [("label", image, name)]


def test_a_class_is_given_the_sign_that_a_press_types(tab: Tab) -> None:
    tab.open().ready()
    tab.page.keyboard.press("?")
    tab.page.get_by_label("Key for class 3", exact=False).first.click()

    _type(tab, "=", "Digit0")

    expect(tab.page.get_by_label("Key for class 3: =")).to_be_visible()


def test_a_press_right_after_a_dialog_was_closed_is_the_pages(tab: Tab) -> None:
    tab.open().ready()
    dialog = tab.page.locator("dialog[open]")
    tab.page.keyboard.press("/")
    for _ in range(20):
        dialog.locator("input").wait_for()
        tab.page.keyboard.press("Escape")
        tab.page.keyboard.press("/")  # before the next frame: the closed dialog's field has the focus yet
    dialog.locator("input").wait_for()


def test_a_class_that_is_called_by_a_digit_has_that_key_whatever_its_place(
    tmp_path: Path, context: BrowserContext
) -> None:
    init_project(tmp_path / "p", dataset_folder=paint(tmp_path / "images", *(f"{n}.png" for n in range(8))), control=0)
    with writing(tmp_path / "p") as db, transaction(db):
        for number, name in enumerate(("0", "1", "2", "unclear", "7", "a", "b")):
            add_class(db, number, name, "3" if name == "b" else None, None)
        add_request(db, [NewItem(image.id) for image in all_images(db)], purpose="train", strategy="random")
    with serving(tmp_path / "p") as bench:
        tab = Tab(context, bench, "Ann").open().ready()
        tab.press("0", "1", "2", "3", "4", "6", "7")
        assert [name for _, _, name, _, _ in tab.events()] == ["0", "1", "2", "b", "unclear", "a", "7"]
        tab.leave()


def test_keys_and_looks_that_were_changed_on_another_page_stay(tab: Tab) -> None:
    settings = f"{tab.bench.url}/api/settings"
    tab.open().ready()
    assert tab.page.context.request.put(settings, data={"keys": {"skip": "j"}, "display": {"theme": "dark"}}).ok

    with tab.page.expect_response(settings):
        tab.page.keyboard.press("w")
    tab.page.keyboard.press("?")
    tab.page.get_by_role("button", name="Key for Zoom to the pixels").click()
    with tab.page.expect_response(lambda answer: answer.url == settings and answer.request.method == "PUT"):
        tab.page.keyboard.press("y")

    kept = tab.page.context.request.get(settings).json()
    assert (kept["keys"]["skip"], kept["keys"]["zoom"], kept["display"]["why"]) == ("j", "y", False)


def test_the_first_keys_come_back_or_it_is_said_why_not(tab: Tab) -> None:
    tab.open().ready()
    tab.page.keyboard.press("?")
    tab.page.get_by_label("Key for Don't know").click()
    tab.page.keyboard.press("j")
    expect(tab.page.get_by_label("Key for Don't know")).to_have_text("J")

    tab.page.route("**/api/settings", lambda route: route.abort(), times=1)
    tab.page.get_by_role("button", name="Back to the first keys").click()
    expect(tab.page.locator("dialog .wb-error")).to_contain_text("cannot be reached")
    expect(tab.page.get_by_label("Key for Don't know")).to_have_text("J")
    tab.complaints.clear()

    tab.page.get_by_role("button", name="Back to the first keys").click()
    expect(tab.page.get_by_label("Key for Don't know")).to_have_text("X")
