"""What images a tab of the Label page holds: few where nobody is there or little is left, and never for good."""

from playwright.sync_api import expect

from tests.browser.bench import Tab
from tests.waiting import until


def test_images_go_back_to_others_where_nobody_moves(tab: Tab) -> None:
    held = "SELECT count(*) FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
    tab.page.clock.install()
    tab.open().ready()
    tab.press("6")
    tab.saved()
    assert tab.bench.rows(held, tab.person)[0][0] > 20

    tab.page.clock.fast_forward("06:00")

    expect(tab.page.locator(".wb-stage")).to_contain_text("Nobody moved here for 5 minutes")
    until(lambda: tab.bench.rows(held, tab.person)[0][0] == 0)
    tab.page.mouse.move(300, 300)
    tab.ready()
    tab.press("7")
    assert [name for _, _, name, *_ in tab.events()] == ["6", "7"]


HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_tab_that_nobody_looks_at_or_moves_in_holds_two_images(tab: Tab) -> None:
    held = "SELECT count(*) FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
    tab.page.clock.install()
    tab.open().ready()
    assert tab.bench.rows(held, tab.person)[0][0] > 20
    shown = tab.image

    tab.page.evaluate(HIDE, True)

    until(lambda: tab.bench.rows(held, tab.person)[0][0] == 2)
    tab.page.evaluate(HIDE, False)
    until(lambda: tab.bench.rows(held, tab.person)[0][0] > 20)
    tab.page.clock.fast_forward("02:00")
    until(lambda: tab.bench.rows(held, tab.person)[0][0] == 2)
    tab.page.mouse.move(300, 300)
    until(lambda: tab.bench.rows(held, tab.person)[0][0] > 20)
    assert tab.image == shown
    tab.press("6", "7")
    assert [name for _, _, name, *_ in tab.events()] == ["6", "7"]
    tab.page.evaluate(HIDE, True)  # as a page that is left; else it would ask for images while it goes


def test_a_tab_gives_back_what_is_more_than_half_of_what_is_left(tab: Tab) -> None:
    """As where others answered the rest: what one holds at the end of a request is all that is left to them."""
    held = "SELECT count(*) FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
    tab.open().ready()
    assert tab.bench.rows(held, tab.person)[0][0] > 20
    told = tab.page.request.get(f"{tab.bench.url}/api/progress").json()

    tab.page.route("**/api/progress", lambda route: route.fulfill(json={**told, "left": 12}))
    with tab.page.expect_response("**/api/progress"):
        tab.press("6")

    until(lambda: tab.bench.rows(held, tab.person)[0][0] == 6)
    tab.page.unroute("**/api/progress")


def test_a_class_chosen_for_a_picture_that_went_to_others_is_refused(tab: Tab) -> None:
    tab.page.clock.install()
    tab.open().ready()
    tab.page.keyboard.press("/")
    tab.page.clock.fast_forward("06:00")
    expect(tab.page.locator(".wb-stage")).to_contain_text("Nobody moved here for 5 minutes")

    tab.page.keyboard.type("6")
    tab.page.keyboard.press("Enter")

    tab.says("no longer here: it got no label")
    assert tab.events() == []
