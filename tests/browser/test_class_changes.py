"""Classes that change while somebody labels: keys stay with their classes, and nobody labels by one unseen."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from labeling.dataset.indexing import init_project
from labeling.project import writing
from storage.classes import add_class
from storage.database import transaction
from storage.images import all_images
from storage.records import NewItem
from storage.requests import add_request
from tests.browser.bench import Bench, Tab, paint, serving

NAMES = ("auk", "bee", "cat", "dog", "eel")


class Colleague:
    """Somebody else, at another browser, who changes classes."""

    def __init__(self, bench: Bench, browser: Browser) -> None:
        self.url = f"{bench.url}/api/classes"
        self.request = browser.new_context().request
        assert self.request.post(f"{bench.url}/api/people/me", data={"name": "Colleague"}).ok

    def does(self, path: str = "", method: str = "POST", **change: object) -> None:
        """Change the classes."""
        answer = self.request.fetch(self.url + path, method=method, data={"uuid": str(uuid4()), **change})
        assert answer.ok, answer.text()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    project = tmp_path / "project"
    init_project(project, dataset_folder=paint(tmp_path / "images", *(f"{n:02}.png" for n in range(20))), control=0)
    with writing(project) as db, transaction(db):
        for number, name in enumerate(NAMES):
            add_class(db, number, name, None, None)
        add_request(db, [NewItem(image.id) for image in all_images(db)], purpose="train", strategy="random")
    with serving(project) as bench:
        yield bench


@pytest.fixture
def colleague(bench: Bench, browser: Browser) -> Colleague:
    return Colleague(bench, browser)


def keys(tab: Tab) -> dict[str, str]:
    """Each class's key as the list shows it."""
    shown = tab.page.locator(".wb-classes:not(.wb-guesses) .wb-class:enabled").all()
    return {
        one.locator("span").inner_text(): one.locator("kbd").inner_text() for one in shown if one.locator("kbd").count()
    }


def look(tab: Tab) -> None:
    """Let the page hear of the server's classes at once."""
    tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_classes_keep_their_keys_and_their_places_when_one_is_merged_and_split_again(
    tab: Tab, colleague: Colleague
) -> None:
    tab.open().ready()
    place = tab.page.get_by_role("button", name="dog").bounding_box()

    colleague.does("/1/merge", into=0)
    look(tab)

    expect(tab.page.locator(".wb-message")).to_contain_text("“bee” is no class any more")
    assert keys(tab) == {"auk": "1", "cat": "3", "dog": "4", "eel": "5"}
    assert tab.page.get_by_role("button", name="dog").bounding_box() == place
    tab.press("3", "4", "5")
    assert [name for _, _, name, _, _ in tab.events()] == ["cat", "dog", "eel"]
    colleague.does(name="fox")
    look(tab)
    tab.says("“fox” is new (6)")
    colleague.does("/1/split")
    look(tab)
    tab.says("“bee” is new (2)")
    assert keys(tab) == {"auk": "1", "bee": "2", "cat": "3", "dog": "4", "eel": "5", "fox": "6"}
    tab.page.reload()
    tab.ready()
    assert keys(tab) == {"auk": "1", "bee": "2", "cat": "3", "dog": "4", "eel": "5", "fox": "6"}


def test_the_key_of_a_class_that_is_gone_labels_nothing_and_stops_who_is_in_full_swing(
    tab: Tab, colleague: Colleague
) -> None:
    image = tab.open().ready().image
    colleague.does("/1/merge", into=0)
    look(tab)
    expect(tab.page.locator(".wb-message")).to_contain_text("no class any more")

    for key in ("2", "2", "3", "x", "Enter", "2", "4"):  # no pause between them
        tab.page.keyboard.press(key)

    tab.says("2 was “bee”, which is no class any more: no label.")
    assert (tab.image, tab.events()) == (image, [])
    tab.page.keyboard.press("Escape")
    tab.press("3")
    assert [name for _, _, name, _, _ in tab.events()] == ["cat"]


def test_a_key_that_means_another_class_waits_for_a_pause(tab: Tab, colleague: Colleague) -> None:
    tab.page.clock.install()
    image = tab.open().ready().image
    colleague.does("/3", "PATCH", key="2")  # deliberately: the dog has it, wherever a page had the bee there
    look(tab)
    tab.says("“dog” has another key (2)")

    tab.page.keyboard.press("2")
    tab.says("2 was “bee” and is “dog” now: no label.")
    tab.page.keyboard.press("2")
    assert tab.image == image
    tab.page.clock.fast_forward(1_600)
    tab.press("2")

    assert [(image, name) for _, image, name, _, _ in tab.events()] == [(image, "dog")]
    tab.press("4")  # goes on to mean the dog
    assert [name for _, _, name, _, _ in tab.events()] == ["dog", "dog"]


def test_a_renamed_class_is_told_and_its_key_waits_for_a_look(tab: Tab, colleague: Colleague) -> None:
    image = tab.open().ready().image
    colleague.does("/2", "PATCH", name="lynx")
    look(tab)
    expect(tab.page.locator(".wb-message")).to_contain_text("“cat” is called “lynx” now")

    tab.page.keyboard.press("3")
    tab.page.keyboard.press("3")
    tab.says("3 was “cat” and is “lynx” now: no label.")
    assert tab.image == image
    tab.page.keyboard.press("Escape")
    tab.press("3")

    assert [name for _, _, name, _, _ in tab.events()] == ["lynx"]


def test_a_key_means_in_browse_what_it_means_on_label(tab: Tab, colleague: Colleague) -> None:
    tab.open().ready()
    colleague.does("/1/merge", into=0)
    tab.open("/browse")
    tab.page.locator(".wb-tile").first.click()

    tab.page.keyboard.press("2")
    expect(tab.page.locator(".wb-message")).to_contain_text("was “bee”, which is no class any more")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("3")

    expect(tab.page.locator(".wb-tile figcaption").first).to_have_text("cat")
    assert [name for _, _, name, *_ in tab.events()] == ["cat"]
