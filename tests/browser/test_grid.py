"""The grid: a page is one act."""

from playwright.sync_api import expect

from tests.browser.bench import Tab

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
