"""The Label page: every press is one event, on the picture it was made on."""

import re

from playwright.sync_api import BrowserContext, expect

from tests.browser.bench import PAINTED, Bench, Tab


def test_fifty_presses_in_quick_succession_are_fifty_events_on_the_pictures_that_were_painted(tab: Tab) -> None:
    tab.open().ready()
    keys = [str(place % 10) for place in range(50)]

    images = tab.press(*keys)

    assert [(kind, image, name) for kind, image, name, *_ in tab.events()] == [
        ("label", image, key) for image, key in zip(images, keys, strict=True)
    ]
    assert len(set(images)) == 50
    assert not any(late for *_, late in tab.events())


def test_a_decoder_that_cannot_be_had_is_asked_for_again(tab: Tab) -> None:
    tab.page.route(re.compile("decoder.js"), lambda route: route.abort(), times=1)
    tab.open().ready()
    tab.press("5")
    assert len(tab.events()) == 1
    tab.complaints.clear()


def test_a_held_key_makes_one_event_and_says_so(tab: Tab) -> None:
    tab.open().ready()

    for _ in range(6):
        tab.page.keyboard.down("4")
    tab.page.keyboard.up("4")

    tab.says("held down")
    assert len(tab.events()) == 1


def test_a_press_while_no_picture_is_painted_is_refused(tab: Tab) -> None:
    tab.page.route(re.compile("/img/"), lambda route: None)  # pictures never arrive
    tab.open()
    tab.page.get_by_text("The picture is on its way").wait_for()

    tab.page.keyboard.press("3")

    tab.says("no picture yet")
    assert tab.events() == []


def test_undo_and_redo_as_often_as_one_likes(tab: Tab) -> None:
    tab.open().ready()
    images = tab.press("1", "x", "r", "f", "2")
    images.remove(images[4])  # the flag stayed on its picture
    undone = [tab.press("Backspace") and tab.image for _ in range(5)]
    redone = tab.press("Shift+Backspace", "Shift+Backspace")

    assert undone == [images[3], images[3], images[2], images[1], images[0]]
    assert redone == [images[0], images[1]]
    tab.saved()
    assert tab.bench.label_of(images[0]) == "1"
    assert [tab.bench.label_of(image) for image in images[1:]] == [None, None, None]
    assert tab.image == images[2]


def test_undo_reaches_behind_a_reload(tab: Tab) -> None:
    tab.open().ready()
    first, second = tab.press("7", "8")
    tab.saved()
    tab.page.reload()
    tab.ready()

    for image in (second, first):
        tab.page.keyboard.press("Backspace")
        tab.shows(image)

    assert [tab.bench.label_of(image) for image in (first, second)] == [None, None]
    tab.press("5")
    tab.saved()
    assert tab.bench.label_of(first) == "5"
    assert not any(late for *_, late in tab.events())


def test_undo_and_redo_of_a_flag_behind_a_reload_change_what_the_page_says(tab: Tab) -> None:
    tab.open().ready()
    image, name = tab.image, tab.page.locator(".wb-name")
    tab.press("f")
    tab.saved()
    tab.page.reload()
    tab.ready()
    tab.shows(image)
    expect(name).to_contain_text("Flagged")

    tab.page.keyboard.press("Backspace")

    expect(name).not_to_contain_text("Flagged")
    tab.says("Undone: a flag, of this image.")
    tab.page.reload()
    tab.ready()
    tab.page.keyboard.press("Shift+Backspace")
    expect(name).to_contain_text("Flagged")
    tab.says("Done again: a flag, of this image.")
    tab.page.keyboard.press("f")
    expect(name).not_to_contain_text("Flagged")
    assert [kind for kind, *_ in tab.events()] == ["flag", "undo", "redo", "unflag"]


def test_redo_reaches_behind_a_reload(tab: Tab) -> None:
    tab.open().ready()
    (image,) = tab.press("7")
    tab.press("Backspace")
    tab.saved()
    tab.page.reload()
    tab.ready()
    tab.shows(image)

    tab.page.keyboard.press("Shift+Backspace")

    expect(tab.page.locator(PAINTED)).not_to_have_attribute("data-image", str(image))
    tab.says("Done again: a label, of another image.")
    assert tab.bench.label_of(image) == "7"
    tab.page.keyboard.press("Backspace")
    tab.shows(image)
    tab.saved()
    assert tab.bench.label_of(image) is None
    tab.page.keyboard.press("Shift+Backspace")
    expect(tab.page.locator(PAINTED)).not_to_have_attribute("data-image", str(image))
    assert [kind for kind, *_ in tab.events()] == ["label", "undo", "redo", "undo", "redo"]
    tab.page.keyboard.press("Shift+Backspace")
    tab.says("nothing to redo")
    tab.complaints.clear()  # the browser notes the 409


def test_enter_takes_the_first_guess_and_the_panels_say_why(tab: Tab) -> None:
    tab.open().ready()
    guess = tab.page.locator(".wb-guess span").first.inner_text()
    expect(tab.page.locator(".wb-why")).to_contain_text("k-center")
    expect(tab.page.locator(".wb-neighbours img")).to_have_count(4)
    expect(tab.page.locator(".wb-film figure[data-place=next]")).to_have_count(5)

    (image,) = tab.press("Enter")

    tab.saved()
    assert tab.bench.label_of(image) == guess
    expect(tab.page.locator(".wb-film figure[data-place=past] figcaption")).to_have_text(guess)


def test_search_and_new_class(tab: Tab) -> None:
    tab.open().ready()
    searched = tab.image
    typing = tab.page.locator("dialog[open] input")

    tab.page.keyboard.press("/")
    expect(typing).to_be_focused()
    tab.page.keyboard.type("6")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(PAINTED)).not_to_have_attribute("data-image", str(searched))
    fresh = tab.image
    expect(typing).to_have_count(0)
    tab.page.keyboard.press("n")
    expect(typing).to_be_focused()
    tab.page.keyboard.type("<img src=x onerror=alert(1)>")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(PAINTED)).not_to_have_attribute("data-image", str(fresh))

    tab.saved()
    assert tab.bench.label_of(searched) == "6"
    assert tab.bench.label_of(fresh) == "<img src=x onerror=alert(1)>"
    assert tab.page.locator("img[src=x]").count() == 0


def test_a_new_class_that_is_there_already_labels_the_picture_with_it(tab: Tab) -> None:
    image = tab.open().ready().image

    tab.page.keyboard.press("n")
    expect(tab.page.locator("dialog[open] input")).to_be_focused()
    tab.page.keyboard.type(" 6 ")
    tab.page.keyboard.press("Enter")

    expect(tab.page.locator(PAINTED)).not_to_have_attribute("data-image", str(image))
    tab.saved()
    assert tab.bench.label_of(image) == "6"
    assert tab.bench.rows("SELECT count(*) FROM class WHERE name = '6'") == [(1,)]


def test_keys_can_be_changed_and_stay_changed(tab: Tab) -> None:
    tab.open().ready()
    tab.page.keyboard.press("?")
    tab.page.get_by_label("Key for Don't know").click()
    tab.page.keyboard.press("r")
    expect(tab.page.locator("dialog .wb-error")).to_contain_text("already means")
    tab.page.get_by_label("Key for Don't know").click()
    tab.page.keyboard.press("j")
    expect(tab.page.get_by_label("Key for Don't know")).to_have_text("J")
    tab.page.get_by_label("Key for Grid").click()
    tab.page.keyboard.press("b")
    expect(tab.page.get_by_label("Key for Grid")).to_have_text("B")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("b")
    expect(tab.page.get_by_role("button", name="One at a time B")).to_be_visible()
    tab.page.reload()
    tab.ready()

    tab.press("j")
    tab.page.keyboard.press("x")  # means nothing any more

    assert [kind for kind, *_ in tab.events()] == ["skip"]


def test_two_tabs_of_one_person_have_different_images(tab: Tab, context: BrowserContext, bench: Bench) -> None:
    other = Tab(context, bench, tab.person)
    tab.open().ready()
    other.open().ready()

    images = [*tab.press("1", "2", "3"), *other.press("4", "5", "6")]
    other.saved()

    events = tab.events()
    assert len(set(images)) == 6
    assert sorted((image, name) for _, image, name, *_ in events) == sorted(zip(images, "123456", strict=True))
    assert not any(late for *_, late in events)


def test_on_a_phone_tools_stand_above_the_classes_and_a_tap_zooms_where_it_is(phone: Tab) -> None:
    phone.open().ready()
    more = phone.page.locator(".wb-more")
    boxes = [button.bounding_box() for button in more.get_by_role("button").all()]
    assert len(boxes) == 6
    assert len({box["y"] for box in boxes if box}) == 1, "in one row"
    first = phone.page.locator(".wb-side .wb-class:visible").first.bounding_box()
    assert first is not None
    assert all(box and box["height"] >= 44 and box["y"] + 44 <= first["y"] and box["x"] + box["width"] <= 390
               for box in boxes)  # fmt: skip

    canvas, pixels = phone.page.locator(".wb-canvas"), "canvas => canvas.toDataURL()"
    zoom = more.get_by_role("button", name="Zoom")
    seen = [canvas.evaluate(pixels)]
    for place in ({"x": 20, "y": 80}, {"x": 20, "y": 80}, {"x": 300, "y": 200}):
        canvas.tap(position=place)
        seen.append(canvas.evaluate(pixels))
    expect(zoom).to_have_attribute("aria-pressed", "true")
    assert seen[0] == seen[2] != seen[1]
    assert seen[3] not in (seen[0], seen[1]), "seen closer is what was tapped"
    zoom.tap()
    assert canvas.evaluate(pixels) == seen[0]


def test_zoom_and_contrast_change_the_picture_and_nothing_else(tab: Tab) -> None:
    tab.open().ready()
    canvas = tab.page.locator(".wb-canvas")
    pixels = "canvas => canvas.toDataURL()"
    before = canvas.evaluate(pixels)

    tab.page.keyboard.press("z")
    assert canvas.evaluate(pixels) != before
    tab.page.keyboard.press("z")
    assert canvas.evaluate(pixels) == before
    tab.page.keyboard.press("c")
    expect(canvas).to_have_attribute("style", re.compile(r"brightness\(.+\) contrast\(.+\)"))
    tab.page.keyboard.press("c")

    expect(canvas).not_to_have_attribute("style", re.compile("brightness"))
    assert tab.events() == []
