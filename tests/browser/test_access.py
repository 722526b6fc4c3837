"""For everybody: by keyboard alone, with enough contrast in dark and light, on a phone, and without the internet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.bench import Bench, Tab

TOO_FAINT = (Path(__file__).parent / "contrast.js").read_text()
PAGES = {"/": ".wb-why b", "/browse": ".wb-tile", "/export": ".wb-format"}


def _visit(tab: Tab, path: str) -> Page:
    tab.open(path)
    tab.page.locator(PAGES[path]).first.wait_for()
    return tab.page


@pytest.fixture(params=["light", "dark"])
def coloured(request: pytest.FixtureRequest, browser: Browser, bench: Bench, person: str) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=request.param)
    tab = Tab(context, bench, person)
    yield tab
    tab.leave()
    context.close()
    assert tab.elsewhere == []
    assert tab.complaints == []


def test_text_has_a_contrast_of_4_5_to_1_and_dark_or_light_its_place(coloured: Tab) -> None:
    places = []
    for path in PAGES:
        page = _visit(coloured, path)
        places.append(page.get_by_role("button", name="Dark or light").bounding_box())
        if path == "/browse":
            page.locator(".wb-tile").first.click()
            expect(page.locator(".wb-history li").first).to_be_visible()
        assert page.evaluate(TOO_FAINT) == [], path
    assert places == [places[0]] * len(PAGES)
    page = _visit(coloured, "/")
    page.keyboard.press("g")
    page.locator(".wb-tile").first.wait_for()
    page.keyboard.press("Space")
    assert page.evaluate(TOO_FAINT) == [], "grid"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.evaluate(TOO_FAINT) == [], "keys"


@pytest.mark.parametrize("path", PAGES)
def test_nothing_sticks_out_on_a_phone_and_buttons_are_large(
    browser: Browser, bench: Bench, person: str, path: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    tab = Tab(context, bench, person)
    page = _visit(tab, path)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if path == "/":
        first = page.locator(".wb-classes:not(.wb-guesses) > .wb-class").last
        box = first.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        image = tab.image
        first.tap()
        tab.saved()
        assert [number for _, number, *_ in tab.events()] == [image]
    tab.leave()
    context.close()


def test_tab_reaches_every_button_and_shows_where_it_is(tab: Tab) -> None:
    page = _visit(tab, "/")
    buttons = page.locator(".wb button:visible").count()
    reached = set()
    for _ in range(buttons + 10):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "(() => { const at = document.activeElement; const style = getComputedStyle(at);"
            " return at.closest('.wb') ? [at.outerHTML.slice(0, 120) + at.textContent, style.outlineStyle] : null })()"
        )
        if where is not None:
            reached.add(where[0])
            assert where[1] == "solid", where

    assert len(reached) == buttons
    assert tab.events() == []
