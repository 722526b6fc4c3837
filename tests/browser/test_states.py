"""A project from its first class to its last image: no classes yet, a blind sample, a file that is gone, all done."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from labeling.dataset.indexing import init_project
from tests.browser.bench import ROOT, Bench, Tab, ask_all_blindly, check_looks, paint, serving
from tests.browser.test_login import log_in
from tests.browser.test_project import bare_folder


def test_a_new_project_from_its_first_class_to_its_last_image(context: BrowserContext, tmp_path: Path) -> None:
    images = paint(tmp_path / "images", *(f"<b>{number}&.png" for number in range(4)))
    init_project(tmp_path / "project", dataset_folder=images, control=0)
    ask_all_blindly(tmp_path / "project")
    (images / "<b>2&.png").unlink()
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        page = tab.open().page
        said = []
        for name in ("cat", "dog", "bird"):
            page.locator(".wb-stage[data-image], .wb-notice strong:visible").first.wait_for()
            if page.get_by_text("This image is gone").is_visible():
                page.keyboard.press("r")  # before the first class is made, digits stand for nothing
                tab.says("no picture yet")
                page.keyboard.press("x")
                said.append(("skip", None))
            before = tab.ready().image
            expect(page.locator(".wb-why")).to_contain_text("control sample")
            expect(page.locator(".wb-guess")).to_have_count(0)
            expect(page.locator(".wb-name")).to_contain_text("<b>")
            page.keyboard.press("n")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            expect(page.locator(f".wb-stage[data-image='{before}']")).to_have_count(0)
            said.append(("label", name))
        while said.count(("skip", None)) < 2:  # it comes back once, at the end
            expect(page.locator(".wb-notice strong")).to_have_text("This image is gone")
            page.keyboard.press("x")
            said.append(("skip", None))
            tab.saved()

        expect(page.locator(".wb-notice strong")).to_have_text(re.compile("All done|The rest is elsewhere"))
        assert [(kind, name) for kind, _, name, *_ in tab.events()] == said
        expect(page.locator(".wb-class span").first).to_have_text("cat")


def test_who_comes_when_little_is_left_finds_some_of_it_to_do(
    browser: Browser, context: BrowserContext, tmp_path: Path
) -> None:
    images = paint(tmp_path / "images", *(f"{number}.png" for number in range(24)))
    init_project(tmp_path / "project", dataset_folder=images, control=0)
    ask_all_blindly(tmp_path / "project")
    with serving(tmp_path / "project") as bench:
        ann, bob = Tab(context, bench, "Ann"), Tab(browser.new_context(), bench, "Bob")
        seen = [*ann.open().ready().press("r", "r"), *bob.open().ready().press(*"rrrrrrr")]

    assert len(set(seen)) == 9


@pytest.mark.slow
def test_where_nothing_was_ever_asked_for_the_page_says_so_and_where_to_go(
    browser: Browser, context: BrowserContext, tmp_path: Path
) -> None:
    images = paint(tmp_path / "images", *(f"train/{name}/{n}.png" for name in ("cat", "dog") for n in range(2)))
    init_project(tmp_path / "project", dataset_folder=images)
    with serving(tmp_path / "project") as bench:
        page = Tab(context, bench, "Ann").open().page
        expect(page.locator(".wb-notice strong")).to_have_text("Nothing has been asked for yet")
        expect(page.locator(".wb-progress .wb-words")).to_have_text("Nothing asked for yet")
        expect(page.locator(".wb-notice a").last).to_have_attribute("href", f"{bench.url}/request")
        check_looks(page)
        page.keyboard.press("g")
        expect(page.get_by_text("no image without a label has a prediction")).to_be_visible()
        expect(page.get_by_label("Predicted class")).to_be_hidden()
    for name, role in (("Root", "admin"), ("Bob", "annotator")):
        command = ["people", "add", name, "--role", role, "--project", str(tmp_path / "project")]
        words = "a password of many words\n"
        subprocess.run([sys.executable, "-m", "labeling", *command], input=words, text=True, cwd=ROOT, check=True)
    with serving(tmp_path / "project", "--login") as bench:
        page = browser.new_context().new_page()
        page.goto(bench.url)
        log_in(page, "Bob", "a password of many words")
        expect(page.locator(".wb-notice")).to_contain_text("Ask an admin of the project")
        expect(page.locator(".wb-notice a")).to_have_count(0)


def test_who_labels_alone_is_asked_once_more_and_then_goes_on(context: BrowserContext, tmp_path: Path) -> None:
    init_project(tmp_path / "project", dataset_folder=bare_folder(tmp_path / "images", 12))
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        page = tab.open().ready().page
        skipped = tab.image
        page.keyboard.press("x")
        for name in ("cat", "dog"):
            expect(page.locator(f".wb-stage[data-image='{skipped}']")).to_have_count(0)
            before = tab.ready().image
            page.keyboard.press("n")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            expect(page.locator(f".wb-stage[data-image='{before}']")).to_have_count(0)
        tab.shows(skipped)
        page.keyboard.press("x")
        expect(page.locator(".wb-notice strong")).to_have_text("The rest is elsewhere")
        check_looks(page)
        page.get_by_role("link", name="Skipped images").click()
        expect(page.locator(".wb-tile")).to_have_count(1)

        page.goto(bench.url + "/project")
        expect(page.locator(".pj-next h2")).to_have_text("Run the round")
        expect(page.locator(".pj-next p").first).to_contain_text("1 picture stays undecided")
        check_looks(page)
        page.get_by_role("link", name="Show what was skipped").click()
        expect(page.locator(".wb-tile")).to_have_count(1)
        tab.leave()
        assert tab.complaints == []


def test_what_another_tab_holds_is_taken_into_this_one(context: BrowserContext, tmp_path: Path) -> None:
    """As after a crash too, when nobody is left to give it back: not fifteen minutes of "with other people"."""
    init_project(tmp_path / "project", dataset_folder=bare_folder(tmp_path / "images", 12))
    with serving(tmp_path / "project") as bench:
        first = Tab(context, bench, "Ann").open().ready()
        tab = Tab(context, bench, "Ann").open()
        expect(tab.page.locator(".wb-notice strong")).to_have_text("Open in another tab")
        check_looks(tab.page)
        tab.page.get_by_role("button", name="Take them here").click()
        tab.shows(first.image)
        tab.leave()
        assert tab.complaints == first.complaints == []


def test_an_address_without_a_page_shows_the_ways_on_and_programs_get_json(page: Page, bench: Bench) -> None:
    answer = page.goto(f"{bench.url}/projekt?<b>")

    assert answer
    assert answer.status == 404
    expect(page.get_by_text("There is no such page")).to_be_visible()
    expect(page.locator(".wb-notice p")).to_contain_text("/projekt")
    expect(page.locator("nav a")).to_have_count(8)
    check_looks(page)
    page.get_by_role("link", name="Browse").click()
    expect(page.locator(".wb-tile").first).to_be_visible()
    program = page.context.request.get(f"{bench.url}/projekt", headers={"accept": "*/*"})
    assert (program.status, program.json()["error"]) == (404, "there is nothing at this address")
    browser = page.context.request.get(f"{bench.url}/api/projekt", headers={"accept": "text/html"})
    assert (browser.status, browser.json()["field"]) == (404, "path")


def test_what_is_transparent_is_white_as_in_training_and_browse_names_no_key_of_another_page(
    context: BrowserContext, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGBA", (60, 40)).save(tmp_path / "images" / "all  clear.png")
    init_project(tmp_path / "project", dataset_folder=tmp_path / "images", control=0)
    ask_all_blindly(tmp_path / "project")
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        page = tab.open().ready().page
        middle = "canvas => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.join()"
        assert page.locator(".wb-canvas").evaluate(middle) == "255,255,255,255"
        assert page.locator(".wb-name").inner_text() == "all  clear.png"
        page.keyboard.press("z")
        assert page.locator(".wb-canvas").evaluate(middle) == "255,255,255,255"
        page.get_by_role("button", name="Name a class").click()
        expect(page.locator("dialog[open] input[name=name]")).to_be_focused()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Grid G").click()
        expect(page.get_by_role("link", name="What next")).to_be_visible()
        expect(page.locator(".wb-grid button:visible")).to_have_text("One at a timeG")

        page.goto(bench.url + "/browse")
        page.locator(".wb-tile").first.click()
        expect(page.locator(".wb-large")).to_have_css("background-color", "rgb(255, 255, 255)")
        assert page.locator(".wb-file").inner_text().startswith("all  clear.png")
        expect(page.locator(".wb-none")).to_have_text(re.compile("^No classes yet: they are made on Project"))
        tab.leave()
        assert tab.complaints == []
