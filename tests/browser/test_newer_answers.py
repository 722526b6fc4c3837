"""Undo on Label of what was changed elsewhere since: what counts stays, and the page says so."""

from uuid import uuid4

from playwright.sync_api import APIRequestContext, Browser, expect

from tests.browser.bench import Tab


def _change(request: APIRequestContext, url: str, image: int, name: str) -> None:
    """Correct a label as Browse does."""
    classes = {cls["name"]: cls["id"] for cls in request.get(f"{url}/api/classes").json()["classes"]}
    present = request.get(f"{url}/api/images/{image}").json()["label"]["event"]
    said = {"uuid": str(uuid4()), "kind": "label", "image": image, "class": classes[name], "source": "browse"}
    answer = request.post(f"{url}/api/labels", data={"client": "x", "events": [{**said, "replaces": present}]})
    assert answer.ok, answer.text()


def test_an_undo_of_an_answer_that_i_changed_in_browse_leaves_the_change_and_says_so(tab: Tab) -> None:
    tab.open().ready()
    (image,) = tab.press("4")
    tab.saved()
    _change(tab.page.context.request, tab.bench.url, image, "9")
    following = tab.image

    tab.page.keyboard.press("Backspace")

    expect(tab.page.locator(".wb-message")).to_contain_text("stays “9” by another answer")
    tab.shows(following)
    tab.saved()
    assert tab.bench.label_of(image) == "9"


def test_an_undo_of_an_answer_that_somebody_else_changed_never_overwrites_theirs(tab: Tab, browser: Browser) -> None:
    tab.open().ready()
    (image,) = tab.press("4")
    tab.saved()
    colleague = browser.new_context()
    assert colleague.request.post(f"{tab.bench.url}/api/people/me", data={"name": "Colleague"}).ok
    _change(colleague.request, tab.bench.url, image, "8")
    colleague.close()
    following = tab.image

    tab.page.keyboard.press("Backspace")
    expect(tab.page.locator(".wb-message")).to_contain_text("stays “8” by another answer")
    tab.shows(following)
    tab.press("5")
    tab.saved()

    assert (tab.bench.label_of(image), tab.bench.label_of(following)) == ("8", "5")
    assert tab.bench.rows("SELECT left FROM request_item WHERE image = ?", image) == [(0,)], "nobody is asked again"


def test_an_undo_of_what_was_changed_in_browse_says_what_counts_again(tab: Tab) -> None:
    tab.open().ready()
    (image,) = tab.press("4")
    tab.saved()
    _change(tab.page.context.request, tab.bench.url, image, "9")
    tab.page.reload()
    following = tab.ready().image

    tab.page.keyboard.press("Backspace")

    tab.says("Undone: a label, of another image: it is “4” again.")
    assert (tab.image, tab.bench.label_of(image)) == (following, "4")
