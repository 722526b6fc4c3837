"""Networks break, tabs are closed, disks fill up: nothing said is lost and nothing counts twice."""

import json
import re

from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.bench import Tab


def pictures_ahead(tab: Tab) -> None:
    """Wait until the pictures of the next images are here, so that labeling can go on without the server."""
    come = "({name, responseEnd}) => name.includes('/img/') && responseEnd > 0"
    tab.page.wait_for_function(f"performance.getEntriesByType('resource').filter({come}).length > 9")


def test_labels_given_offline_survive_a_reload_and_arrive_once(tab: Tab, context: BrowserContext) -> None:
    tab.open().ready()
    images = tab.press("1", "2")
    tab.saved()
    pictures_ahead(tab)
    tab.page.route(re.compile("/api/"), lambda route: route.abort())  # the server is gone
    images += tab.press("3", "4", "5", "6")
    expect(tab.page.locator(".wb-chip")).to_contain_text("Offline, 4 kept here")
    tab.page.unroute_all()

    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    tab.page.route(re.compile("/api/labels"), hold, times=1)
    with tab.page.expect_request(re.compile("/api/labels")):
        tab.page.reload()
    expect(tab.page.locator(".wb-chip")).to_have_text("4 saving")  # not "Saved" before the server has them
    held[0].continue_()
    tab.ready()
    images += tab.press("7")

    assert [(image, name) for _, image, name, *_ in tab.events()] == list(zip(images, "1234567", strict=True))
    tab.complaints.clear()  # the cut itself is noted by the browser


def test_what_waits_is_sent_from_every_page(tab: Tab) -> None:
    """Who goes from labeling to the export takes all along that was decided."""
    tab.open().ready()
    pictures_ahead(tab)
    everything = re.compile("/api/")
    tab.page.route(re.compile("/api/labels"), lambda route: route.abort())
    tab.page.route(everything, lambda route: route.abort())
    images = tab.press("3", "4")
    expect(tab.page.locator(".wb-chip")).to_contain_text("Offline, 2 kept here")
    tab.page.unroute(everything)

    tab.open("/export")

    message = tab.page.locator(".wb-message")
    expect(message).to_contain_text("2 decisions of yours still wait in this browser. The server cannot be reached.")
    tab.page.unroute_all()
    expect(message).to_contain_text("stored now. Load the page again")
    assert [(image, name) for _, image, name, *_ in tab.bench.events(tab.person)] == list(
        zip(images, "34", strict=True)
    )
    tab.complaints.clear()


def test_an_answer_that_gets_lost_does_not_count_twice(tab: Tab) -> None:
    dropped: list[str] = []

    def drop_answer(route: Route) -> None:
        if dropped:
            return route.continue_()
        dropped.append(route.request.post_data or "")
        route.fetch()  # the server stores it, but nobody hears
        return route.abort()

    tab.open().ready()
    tab.page.route(re.compile("/api/labels"), drop_answer)
    (image,) = tab.press("9")

    assert [(kind, number, name) for kind, number, name, *_ in tab.events()] == [("label", image, "9")]
    assert dropped
    tab.complaints.clear()


def test_an_undo_whose_answer_gets_lost_is_done_once(tab: Tab) -> None:
    tab.open().ready()
    first, second = tab.press("7", "8")
    tab.saved()
    tab.page.reload()
    tab.ready()

    def drop_answer(route: Route) -> None:
        if route.request.method == "GET":
            return route.continue_()
        route.fetch()  # the server does it, but nobody hears
        return route.abort()

    tab.page.route(re.compile("/api/undo"), drop_answer, times=2)
    tab.page.keyboard.press("Backspace")
    tab.says("No answer: whether the undo was done is not known. Press again to hear it.")

    tab.page.keyboard.press("Backspace")

    tab.shows(second)
    tab.says("Undone: a label, of this image.")
    assert [kind for kind, *_ in tab.events()] == ["label", "label", "undo"]
    assert [tab.bench.label_of(image) for image in (first, second)] == ["7", None]
    tab.complaints.clear()


def test_an_undo_that_is_delivered_after_the_next_label_takes_back_nothing(tab: Tab) -> None:
    tab.open().ready()
    tab.press("7")
    tab.saved()
    tab.page.reload()
    tab.ready()
    held: list[Route] = []
    tab.page.route(re.compile("/api/undo"), lambda route: held.append(route) if route.request.method == "POST" else
                   route.continue_(), times=2)  # fmt: skip
    with tab.page.expect_request(lambda request: request.method == "POST" and "/api/undo" in request.url):
        tab.page.keyboard.press("Backspace")
    tab.press("8")
    tab.saved()

    held[0].continue_()

    tab.says("You went on meanwhile, so there was no undo.")
    assert [kind for kind, *_ in tab.events()] == ["label", "label"]
    tab.complaints.clear()  # the browser notes the 409


def test_an_undo_that_waits_keeps_its_picture_in_front(tab: Tab) -> None:
    """Images are asked for meanwhile: to the server the one that comes back is answered still."""
    tab.page.clock.install()
    tab.open().ready()
    (image,) = tab.press("1")
    tab.saved()
    tab.page.route(re.compile("/api/labels"), lambda route: route.fulfill(status=507, body="{}"))
    tab.press("Backspace")
    tab.shows(image)

    with tab.page.expect_response(re.compile("/api/lease")):
        tab.page.clock.fast_forward("01:00")

    expect(tab.page.locator(".wb-chip")).to_contain_text("1 not stored yet")
    tab.page.unroute_all()
    tab.page.locator(".wb-chip").click()
    tab.saved()
    tab.shows(image)
    expect(tab.page.locator(".wb-message")).to_have_count(0)
    tab.press("2")
    assert [(kind, number, late) for kind, number, *_, late in tab.events()] == [
        ("label", image, 0), ("undo", image, 0), ("label", image, 0),
    ]  # fmt: skip
    tab.complaints.clear()


def test_the_browser_offline_and_back(tab: Tab, context: BrowserContext) -> None:
    tab.open().ready()
    pictures_ahead(tab)
    context.set_offline(True)
    images = tab.press("1", "2", "3")
    expect(tab.page.locator(".wb-chip")).to_contain_text("Offline")

    context.set_offline(False)

    assert [image for _, image, *_ in tab.events()] == images
    tab.complaints.clear()


def test_a_full_disk_is_said_and_nothing_is_lost(tab: Tab) -> None:
    full = json.dumps({"error": "the disk is full", "field": None, "hint": "free some space"})
    tab.open().ready()
    tab.page.route(re.compile("/api/labels"), lambda route: route.fulfill(status=507, body=full))
    images = tab.press("1", "2")
    expect(tab.page.locator(".wb-message")).to_contain_text("disk is full")
    expect(tab.page.locator(".wb-chip")).to_contain_text("not stored yet")

    tab.page.unroute_all()

    assert [image for _, image, *_ in tab.events()] == images
    expect(tab.page.locator(".wb-message")).to_have_count(0)
    tab.complaints.clear()


def test_who_answers_in_the_servers_place_takes_nothing_away(tab: Tab) -> None:
    statuses = iter([404])  # the page to open a project on the same port knows no labels; then a proxy says 400

    def stranger(route: Route) -> None:
        route.fulfill(status=next(statuses, 400), body="{}")

    tab.open().ready()
    tab.page.route(re.compile("/api/labels"), stranger)
    with tab.page.expect_response(lambda answer: answer.status == 400):
        images = tab.press("1", "2")
    expect(tab.page.locator(".wb-chip")).to_contain_text("2 not stored yet")

    tab.page.unroute_all()

    assert [image for _, image, *_ in tab.events()] == images
    tab.complaints.clear()


def test_a_glance_away_while_offline_costs_no_picture(tab: Tab, context: BrowserContext) -> None:
    """Nobody could have them anyhow."""
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    tab.open().ready()
    pictures_ahead(tab)
    context.set_offline(True)
    tab.page.evaluate(hide, True)
    tab.page.evaluate(hide, False)

    tab.press("1", "2", "3", "4")

    context.set_offline(False)
    assert [name for _, _, name, *_ in tab.events()] == ["1", "2", "3", "4"]
    tab.page.evaluate(hide, True)  # as a page that is left
    tab.complaints.clear()  # the cut itself is noted by the browser
