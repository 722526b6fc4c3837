"""Another person or another project in the place of the one before: each gets what is theirs, and nothing else."""

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Route, expect

from labeling.dataset.indexing import init_project
from labeling.project import writing
from storage.database import transaction
from storage.images import all_images
from storage.records import NewItem
from storage.requests import add_request
from tests.browser.bench import Tab, check_looks, paint, serving
from tests.browser.test_network import pictures_ahead
from tests.waiting import until

UNLABELED = [f"unlabeled/{number:02d}.png" for number in range(30)]
KEPT = "Another project is open at this address now: what you decided for first is kept in this browser"


def asked_for(folder: Path, *names: str) -> Path:
    """Make a project of two classes whose unlabeled images are asked for."""
    images = paint(folder / "images", *names, "train/cat/0.png", "train/dog/0.png")
    init_project(folder / folder.name, dataset_folder=images, control=0)
    with writing(folder / folder.name) as db, transaction(db):
        wanted = [NewItem(image.id) for image in all_images(db) if image.split == "unlabeled"]
        add_request(db, wanted, purpose="train", strategy="random")
    return folder / folder.name


def switch_to(page: Page, name: str) -> None:
    page.locator(".wb-me [aria-label*=switch]").click()
    page.fill("dialog input[name=person]", name)
    page.keyboard.press("Enter")
    expect(page.locator(".wb-me span")).to_have_text(name)


def test_what_was_decided_for_a_project_waits_until_that_project_is_open_again(
    context: BrowserContext, tmp_path: Path
) -> None:
    first, second = asked_for(tmp_path / "first", *UNLABELED), asked_for(tmp_path / "second", *UNLABELED[::-1])
    with serving(first) as bench:
        tab = Tab(context, bench, "Ann").open().ready()
        images = tab.press("1")
        tab.saved()
        pictures_ahead(tab)
    images += tab.press("2")
    port = bench.url.rpartition(":")[2]
    with serving(second, "--port", port) as other:
        chip, said = tab.page.locator(".wb-chip"), tab.page.locator(".wb-elsewhere")
        chip.click()
        expect(said).to_contain_text(KEPT)
        sent: list[str] = []
        tab.page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
        images += tab.press("1")
        expect(chip).to_contain_text("2 not stored yet")
        chip.click()
        tab.page.wait_for_function("performance.getEntriesByName(location.origin + '/api/health').length > 1")
        assert [call for call in sent if call.startswith("POST")] == []
        assert other.rows("SELECT count(*) FROM label_event WHERE source = 'single'") == [(0,)]
        expect(said).to_have_count(1)
        expect(tab.page.locator(".wb-message")).to_have_count(0)
        check_looks(tab.page)
    with serving(first, "--port", port):
        chip.click()
        tab.saved()
        expect(said).to_have_count(0)
        assert [(image, name) for _, image, name, *_ in tab.events()] == list(
            zip(images, ("cat", "dog", "cat"), strict=True)
        )


def test_who_goes_gives_images_back_and_keeps_what_waits(tab: Tab) -> None:
    page = tab.open().ready().page
    held = "SELECT count(*) FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
    page.route(re.compile("/api/labels"), lambda route: route.abort())
    images = tab.press("3", "4")
    expect(page.locator(".wb-others")).to_be_hidden()

    switch_to(page, f"{tab.person} and a friend")

    assert tab.bench.rows(held, tab.person) == [(2,)], "but for what waits"
    line = page.locator(".wb-others")
    expect(line).to_have_text(
        f"2 decisions of {tab.person} wait in this browser: they are sent when {tab.person} is here again."
    )
    tab.ready()
    check_looks(page)
    page.unroute_all()
    switch_to(page, tab.person)
    expect(line).to_be_hidden()
    assert tab.bench.rows(held, f"{tab.person} and a friend") == [(0,)]
    tab.ready()
    assert [(image, name) for _, image, name, *_ in tab.events()] == list(zip(images, "34", strict=True))
    tab.complaints.clear()


def test_who_goes_from_one_tab_goes_from_all_tabs_of_the_browser(tab: Tab, context: BrowserContext) -> None:
    held = "SELECT count(*) FROM lease JOIN person ON person.id = person WHERE state = 'active' AND person.name = ?"
    other = Tab(context, tab.bench, tab.person)
    tab.open().ready()
    other.open().ready()
    other.press("4")
    tab.page.locator(".wb-me [aria-label*=switch]").click()
    tab.page.fill("dialog input[name=person]", "dataset")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("dialog .wb-error")).to_contain_text("imported labels")
    other.ready().press("5")
    tab.page.keyboard.press("Escape")
    tab.ready()

    switch_to(tab.page, f"{tab.person} and a friend")

    assert tab.bench.rows(held, tab.person) == [(0,)]
    expect(other.page.locator(".wb-me span")).to_have_text(f"{tab.person} and a friend")
    other.ready()
    expect(other.page.locator(".wb-others")).to_be_hidden()
    assert [(name, late) for _, _, name, _, late in tab.bench.events(tab.person)] == [("4", 0), ("5", 0)]
    assert tab.bench.events(f"{tab.person} and a friend") == []
    tab.complaints.clear()  # the browser notes what was refused


def test_a_tab_of_somebody_who_is_no_longer_there_labels_nothing_for_who_came(
    tab: Tab, context: BrowserContext
) -> None:
    """Two tabs of one browser, in the second of which somebody else says who they are."""
    tab.open().ready()
    pictures_ahead(tab)
    (number,) = tab.bench.rows("SELECT id FROM person WHERE name = ?", tab.person)[0]

    def only_labels(route: Route) -> None:
        """Nothing but the press lets the page find out who is here."""
        stale = route.request.headers.get("x-person") == str(number) and "/api/labels" not in route.request.url
        route.abort() if stale else route.continue_()

    tab.page.route(re.compile("/(api|img)/"), only_labels)
    answer = context.request.post(f"{tab.bench.url}/api/people/me", data={"name": "Who came"})

    with tab.page.expect_navigation():
        tab.page.keyboard.press("4")
    expect(tab.page.locator(".wb-me")).to_contain_text("Who came")

    assert answer.ok
    assert tab.bench.events("Who came") == []
    tab.page.unroute_all()
    tab.page.goto("about:blank")
    assert context.request.post(f"{tab.bench.url}/api/people/me", data={"name": tab.person}).ok
    tab.open().ready()
    until(lambda: [(kind, name) for kind, _, name, *_ in tab.events()] == [("label", "4")])  # kept, and sent
    tab.complaints.clear()  # the browser notes the 409
