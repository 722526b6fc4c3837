"""The grid: a page is one act."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.bench import Tab, check_looks
from tests.waiting import until

TILE = ".wb-grid .wb-tile"


def _open(tab: Tab) -> str:
    tab.open().ready()
    tab.page.keyboard.press("g")
    expect(tab.page.locator(TILE)).to_have_count(48)
    expect(tab.page.locator(".wb-grid .wb-main")).to_be_enabled()
    return tab.page.locator(".wb-grid select option:checked").inner_text().split(" ")[0]


def test_a_page_is_committed_as_one_act_and_undone_as_one(tab: Tab) -> None:
    predicted = _open(tab)
    other = str((int(predicted) + 1) % 10)
    press = tab.page.keyboard.press
    press("ArrowRight")
    press("Space")  # leaves the second out
    press(other)  # and gives it another class
    press("ArrowRight")
    press("Shift+ArrowRight")  # leaves the third and fourth out
    tab.page.locator(TILE).nth(10).hover()
    tab.page.mouse.down()
    tab.page.locator(TILE).nth(11).hover()
    tab.page.mouse.up()  # a drag leaves two more out
    expect(tab.page.locator(".wb-grid .wb-words")).to_have_text("44 taken in, 4 left out")

    press("Enter")

    expect(tab.page.locator(TILE).first).to_have_attribute("aria-selected", "true")
    tab.saved()
    events = tab.events()
    assert len(events) == 44
    assert [name for *_, name, _, _ in events].count(other) == 1
    assert {(kind, source, late) for kind, _, _, source, late in events} == {("label", "grid", 0)}
    expect(tab.page.locator(".wb-grid .wb-main")).to_be_enabled()

    press("Backspace")

    expect(tab.page.locator(".wb-grid .wb-words")).to_have_text("44 taken in, 0 left out")
    tab.saved()
    labels = {tab.bench.label_of(image) for _, image, *_ in events}
    assert labels == {None}
    press("Escape")
    tab.ready()


PRESS_AT_ONCE = """() => {
  const before = new Set([...document.querySelectorAll(".wb-grid .wb-tile img")].map(({ src }) => src));
  const press = () => {
    const pictures = [...document.querySelectorAll(".wb-grid .wb-tile img")];
    if (window.pressed || !pictures.every(({ complete, src }) => complete && !before.has(src))) return;
    window.pressed = true;
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter", bubbles: true }));
  };
  document.addEventListener("load", () => setTimeout(press, 0), true);
}"""  # with the last picture of the next page, as the second of two presses would


def test_a_page_that_has_only_just_come_is_not_committed(tab: Tab) -> None:
    """Whoever presses twice has seen one page."""
    _open(tab)
    tab.page.evaluate(PRESS_AT_ONCE)

    tab.page.keyboard.press("Enter")

    tab.page.wait_for_function("window.pressed")
    tab.says("only just come")
    expect(tab.page.locator(".wb-grid .wb-main")).to_be_enabled()
    assert len(tab.events()) == 48


def test_shift_click_takes_a_range_and_a_turns_the_choice_about(tab: Tab) -> None:
    _open(tab)
    tab.page.locator(TILE).nth(2).click()
    tab.page.locator(TILE).nth(6).click(modifiers=["Shift"])
    expect(tab.page.locator(".wb-grid .wb-words")).to_have_text("43 taken in, 5 left out")

    tab.page.keyboard.press("a")

    expect(tab.page.locator(".wb-grid .wb-words")).to_have_text("5 taken in, 43 left out")
    assert tab.events() == []


def test_keys_that_belong_to_one_picture_are_refused(tab: Tab) -> None:
    _open(tab)
    for key in ("f", "x", "r", "n"):
        tab.page.locator(".wb-refusal").evaluate("said => said.replaceChildren()")
        tab.page.keyboard.press(key)
        tab.says("one picture at a time")
    expect(tab.page.locator("dialog[open]")).to_have_count(0)

    tab.page.keyboard.press("Escape")

    tab.ready()
    assert tab.events() == []


def _pictures(tab: Tab) -> list[str]:
    return tab.page.locator(f"{TILE} img").evaluate_all("images => images.map(image => image.src)")


def _held(tab: Tab) -> int:
    held = """SELECT count(*) FROM lease JOIN person ON person.id = person
              WHERE person.name = ? AND state = 'active' AND request IS NULL"""
    return int(tab.bench.rows(held, tab.person)[0][0])


def _hold_first(route: Route, held: list[Route]) -> None:
    """Keep the first thing that is sent here until the test lets it go on."""
    if route.request.method == "POST" and not held:
        held.append(route)
    else:
        route.continue_()


@pytest.mark.parametrize("held", ["/api/labels", "/api/grid"])
def test_an_undo_on_a_slow_connection_shows_the_page_again_and_nothing_replaces_it(tab: Tab, held: str) -> None:
    other = str((int(_open(tab)) + 1) % 10)
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press(other)  # tells this page from one of the same images that is opened anew
    page, routes = _pictures(tab), list[Route]()
    tab.page.route(f"**{held}", lambda route: _hold_first(route, routes))
    with tab.page.expect_request(lambda request: held in request.url and request.method == "POST"):
        tab.page.keyboard.press("Enter")

    tab.page.keyboard.press("Backspace")
    expect(tab.page.locator(".wb-grid .wb-words")).to_have_text("48 taken in, 0 left out")
    with tab.page.expect_response(f"**{held}"):
        routes[0].continue_()

    assert {kind for kind, *_ in tab.events()} == {"label", "undo"}
    tab.page.wait_for_load_state("networkidle")
    assert _pictures(tab) == page
    expect(tab.page.locator(".wb-grid .wb-other figcaption")).to_have_text([other])
    assert {tab.bench.label_of(image) for _, image, *_ in tab.events()} == {None}
    until(lambda: _held(tab) <= len(page), "no image is held that is not on the page")


def test_a_finger_that_scrolls_leaves_nothing_out_and_a_tap_does(phone: Tab) -> None:
    phone.open().ready()
    phone.page.get_by_role("button", name="Grid").last.click()
    expect(phone.page.locator(TILE)).to_have_count(48)
    tiles = phone.page.locator(".wb-grid .wb-tiles")

    devtools = phone.page.context.new_cdp_session(phone.page)
    for kind, heights in (("touchStart", [700]), ("touchMove", range(690, 400, -10)), ("touchEnd", [None])):
        for y in heights:
            points = [] if y is None else [{"x": 195, "y": y}]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    phone.page.wait_for_function("list => list.scrollTop > 100", arg=tiles.element_handle())
    expect(phone.page.locator(".wb-grid .wb-words")).to_have_text("48 taken in, 0 left out")
    phone.page.locator(TILE).nth(20).tap()
    expect(phone.page.locator(".wb-grid .wb-words")).to_have_text("47 taken in, 1 left out")
    expect(phone.page.locator(TILE).nth(20)).to_have_attribute("aria-selected", "false")
    phone.page.locator(TILE).nth(20).tap()
    expect(phone.page.locator(".wb-grid .wb-words")).to_have_text("48 taken in, 0 left out")
    assert phone.events() == []


def _without_images(route: Route) -> None:
    """Let a page of the grid have no images, as where all of its class are elsewhere."""
    if route.request.method != "POST":
        return route.fallback()
    return route.fulfill(json={**route.fetch().json(), "items": []})


def test_who_holds_as_many_images_as_one_may_is_told_so(tab: Tab) -> None:
    tab.open().ready()
    ask, client = tab.page.request, "another tab"
    classes = ask.get(f"{tab.bench.url}/api/grid").json()["classes"]
    pages = (
        ask.post(f"{tab.bench.url}/api/grid", data={"client": client, "class": found["class"], "count": 200}).json()
        for found in classes
    )
    assert any(page["full"] for page in pages)
    tab.page.route("**/api/grid", _without_images)  # those of the queue are left to a page

    tab.page.keyboard.press("g")

    expect(tab.page.locator(".wb-grid .wb-notice")).to_contain_text("as many images as one person may at a time")
    check_looks(tab.page)
    tab.page.unroute("**/api/grid")
    ask.post(f"{tab.bench.url}/api/release", data={"client": client})
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("g")
    expect(tab.page.locator(TILE)).to_have_count(48)


def _class_of_the_grid(tab: Tab) -> tuple[int, int]:
    """Return the class that the grid shows, and how many images it is said to have."""
    option = tab.page.locator(".wb-grid select option:checked")
    return int(option.get_attribute("value") or -1), int(option.inner_text().split(" ")[2].replace(",", ""))


def test_the_queue_of_whoever_opens_the_grid_hides_nothing_from_it_and_is_as_it_was_after(tab: Tab) -> None:
    tab.open().ready()
    mine = "SELECT image FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
    shown, queued = tab.image, {image for (image,) in tab.bench.rows(mine, tab.person)}
    strip = ".wb-film figure[data-place=next] img"
    coming = [image.get_attribute("src") for image in tab.page.locator(strip).all()]
    assert queued
    tab.page.keyboard.press("g")
    on_grid: set[int] = set()
    for _ in range(tab.page.locator(".wb-grid select option").count() or 10):
        expect(tab.page.locator(TILE).first).to_be_visible()
        sources = [image.get_attribute("src") or "" for image in tab.page.locator(f"{TILE} img").all()]
        on_grid |= {int(source.split("/thumb/")[1].split("?")[0]) for source in sources}
        before = _class_of_the_grid(tab)[0]
        tab.page.keyboard.press("PageDown")
        expect(tab.page.locator(".wb-grid select")).not_to_have_value(str(before))
    assert on_grid & queued
    tab.page.keyboard.press("Escape")
    tab.ready()
    tab.shows(shown)
    assert [image.get_attribute("src") for image in tab.page.locator(strip).all()] == coming


def test_enter_goes_on_where_a_class_has_nothing_for_me(tab: Tab) -> None:
    tab.open().ready()
    tab.page.keyboard.press("g")
    expect(tab.page.locator(TILE).first).to_be_visible()
    first, _ = _class_of_the_grid(tab)

    tab.page.route("**/api/grid", _without_images)
    tab.page.keyboard.press("PageDown")
    expect(tab.page.locator(".wb-grid .wb-notice")).to_contain_text("No image of this class is free")
    empty, _ = _class_of_the_grid(tab)
    assert empty != first
    check_looks(tab.page)
    tab.page.unroute("**/api/grid")

    tab.page.keyboard.press("Enter")

    expect(tab.page.locator(TILE).first).to_be_visible()
    assert _class_of_the_grid(tab)[0] not in (first, empty)
    tab.page.keyboard.press("PageUp")
    expect(tab.page.locator(".wb-grid select")).to_have_value(str(empty))
    assert tab.events() == []
