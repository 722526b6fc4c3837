"""Suspect labels in Browse: looked at one after the other, each decided by one key."""

from playwright.sync_api import Page, expect

from labeling.project import writing
from storage.database import transaction
from storage.suspects import NewSuspect, labels_to_judge, put_suspects
from tests.browser.bench import TILE, Bench, Tab

TWICE_AT_ONCE = """([first, code, second]) => {
    for (const press of [{key: first}, {key: second, code}])
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {...press, bubbles: true, cancelable: true}));
}"""


def doubt(tab: Tab, first: int, count: int) -> list[int]:
    """Label some images 3 in Browse, have each look like a 5 beside the others, and return them."""
    tab.open("/browse?state=none")
    for place in range(first, first + count):
        tab.page.locator(TILE).nth(place).click()
        seen(tab.page, place)
        tab.page.keyboard.press("3")
    tab.saved()
    images = [event[1] for event in tab.events()]
    ((five,),) = tab.bench.rows("SELECT id FROM class WHERE name = '5'")
    with writing(tab.bench.project) as db, transaction(db):
        events = {label.image: label.event for label in labels_to_judge(db)}
        put_suspects(db, [NewSuspect(image, events[image], five, 0.9) for image in images])
    return images


def seen(page: Page, place: int) -> None:
    """Wait until a picture is there, and has been for as long as it takes to see that it is another one."""
    expect(page.locator(TILE).nth(place)).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"{TILE} img").nth(place)).to_have_js_property("complete", True)
    page.wait_for_timeout(310)


def captions(page: Page) -> list[str]:
    return page.locator(f"{TILE} figcaption").all_inner_texts()


def test_each_suspect_label_is_one_key(tab: Tab) -> None:
    images = doubt(tab, 50, 3)
    tab.open("/browse")
    tab.page.get_by_label("Suspect").check()
    expect(tab.page.locator(TILE)).to_have_count(3)
    assert captions(tab.page) == ["3 → 5?"] * 3
    tab.page.locator(TILE).first.click()
    expect(tab.page.locator(".wb-suspect")).to_contain_text(
        "It is labeled 3. Beside the other labels it looks like 5 (90"
    )

    tab.page.evaluate(TWICE_AT_ONCE, ["Enter", "Digit3", "3"])
    expect(tab.page.locator(".wb-message")).to_contain_text("before you could see this image")
    seen(tab.page, 1)
    tab.page.keyboard.press("3")
    expect(tab.page.locator(TILE).nth(2)).to_have_attribute("aria-selected", "true")
    tab.saved()
    assert captions(tab.page) == ["5", "3", "3 → 5?"]
    assert [tab.bench.label_of(image) for image in images] == ["5", "3", "3"]
    assert [event[0] for event in tab.events()[3:]] == ["confirm", "confirm"]

    tab.page.keyboard.press("Backspace")
    expect(tab.page.locator(f"{TILE} figcaption").nth(1)).to_have_text("3 → 5?")
    tab.saved()
    tab.page.reload()
    expect(tab.page.locator(TILE)).to_have_count(2)
    tab.page.locator(TILE).nth(1).click()
    tab.page.get_by_role("button", name="Keep 3").focus()
    tab.page.keyboard.press("Enter")
    seen(tab.page, 0)
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".wb-message")).to_contain_text("The suspect labels of this page are settled.")
    tab.page.keyboard.press("7")
    expect(tab.page.locator(".wb-message")).to_contain_text("Choose an image first")
    tab.saved()
    assert [tab.bench.label_of(image) for image in images] == ["5", "5", "3"]


def test_an_answer_is_sent_back(tab: Tab, bench: Bench) -> None:
    (image,) = doubt(tab, 55, 1)
    tab.open("/browse?suspect=true")
    tab.page.locator(TILE).click()
    tab.page.get_by_role("button", name="Send back").click()
    expect(tab.page.locator(f"{TILE} figcaption")).to_have_text("no label")
    tab.saved()
    assert bench.label_of(image) is None
    tab.page.get_by_role("button", name="Send back").click()
    expect(tab.page.locator(".wb-message")).to_contain_text("nothing to send back")
    tab.page.get_by_role("button", name="Undo").click()
    tab.saved()
    assert bench.label_of(image) == "3"
    tab.page.get_by_role("button", name="It is 5").click()
    tab.saved()
    assert bench.label_of(image) == "5"


def test_beside_other_images_a_settled_suspect_stays_chosen(tab: Tab) -> None:
    first, _ = doubt(tab, 45, 2)
    tab.open("/browse")
    tab.page.get_by_label("File").fill(tab.bench.rows("SELECT name FROM image WHERE id = ?", first)[0][0])
    expect(tab.page.locator(TILE)).to_have_count(1)
    tab.page.locator(TILE).click()
    tab.page.keyboard.press("Enter")
    tab.saved()
    expect(tab.page.locator(TILE)).to_have_attribute("aria-selected", "true")
