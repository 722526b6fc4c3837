"""A team in the browser: nobody gets in without a password, an admin adds somebody, who labels and logs out."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.bench import PAINTED, ROOT, SAVED, TILE, Bench, serving

ROOTS, ANNS = "correct horse battery", "a first password"


@pytest.fixture(scope="module")
def team(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an example of which Root is the admin, made as people make one; tests copy it."""
    project = shutil.copytree(example, tmp_path_factory.mktemp("team") / "digits", symlinks=True)
    command = [sys.executable, "-m", "labeling", "people", "add", "Root", "--role", "admin", "--project", str(project)]
    subprocess.run(command, input=ROOTS + "\n", text=True, cwd=ROOT, check=True, capture_output=True)
    return project


@pytest.fixture
def shut(team: Path, tmp_path: Path) -> Iterator[Bench]:
    """Serve a team's project to those who log in."""
    with serving(shutil.copytree(team, tmp_path / "digits", symlinks=True), "--login") as bench:
        yield bench


def log_in(page: Page, name: str, password: str) -> None:
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_enabled()
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")


def test_a_team_comes_in_by_passwords(browser: Browser, shut: Bench) -> None:
    root = browser.new_page()
    root.goto(shut.url + "/people")
    log_in(root, "Root", "guess")
    expect(root.locator(".error")).to_contain_text("is wrong")
    log_in(root, "Root", ROOTS)
    expect(root).to_have_url(shut.url + "/people")
    root.wait_for_selector(".pp-table", timeout=60_000)
    expect(root.get_by_text("Browse, under Labeled by, has images instead")).to_be_visible()
    root.get_by_role("button", name="Add somebody").click()
    root.keyboard.type("Ann")
    root.fill("dialog input[name=password]", ANNS)
    root.keyboard.press("Enter")
    expect(root.get_by_role("rowheader", name="Ann", exact=True)).to_be_visible()

    ann = browser.new_context().new_page()
    ann.goto(shut.url)
    log_in(ann, "ann", ANNS)
    expect(ann).to_have_url(shut.url + "/")
    ann.wait_for_selector(PAINTED, timeout=60_000)
    ann.keyboard.press("1")
    ann.wait_for_selector(SAVED)
    assert [row[0] for row in shut.events("Ann")] == ["label"]
    ann.goto(shut.url + "/people")
    ann.wait_for_selector(".wb-me", timeout=60_000)
    expect(ann.locator(".pp-intro")).to_contain_text("for the project's admins")
    expect(ann.get_by_role("link", name="Progress", exact=True)).to_be_visible()
    expect(ann.get_by_role("link", name="Train", exact=True)).to_have_count(0)
    expect(root.get_by_role("link", name="Train", exact=True)).to_be_visible()
    ann.goto(shut.url + "/train")
    expect(ann.locator(".wb-notice strong")).to_have_text("This page is for the project's admins")
    ann.goto(shut.url + "/project")
    expect(ann.get_by_role("textbox", name="Name of 3")).to_be_disabled()
    expect(ann.get_by_role("textbox", name="Key of 3")).to_be_enabled()
    for words in ("Merge…", "Read the folder again", "Import"):
        expect(ann.get_by_role("button", name=words)).to_have_count(0)
    ann.goto(shut.url)
    ann.wait_for_selector(PAINTED, timeout=60_000)
    elsewhere = ann.context.new_page()
    elsewhere.goto(shut.url)
    elsewhere.wait_for_selector(PAINTED, timeout=60_000)
    ann.get_by_role("button", name="account, log out").click()
    ann.get_by_role("button", name="Log out", exact=True).click()
    expect(ann).to_have_url(shut.url + "/login")
    expect(elsewhere).to_have_url(shut.url + "/login?next=")
    assert shut.rows("SELECT count(*) FROM lease WHERE state = 'active'") == [(0,)], "others need not wait for them"
    expect(ann.locator("h1")).to_have_text("digits")
    ann.goto(shut.url + "/browse?label=3&file=a%26b")
    expect(ann).to_have_url(shut.url + "/login?next=browse%3Flabel%3D3%26file%3Da%2526b")

    root.reload()
    root.wait_for_selector(".pp-table", timeout=60_000)
    row = root.locator("tr", has=root.get_by_role("rowheader", name="Ann", exact=True))
    expect(row.get_by_role("cell").nth(2)).to_have_text("1")
    row.get_by_role("button", name="Keep out").click()
    expect(row).to_contain_text("kept out")
    root.get_by_role("button", name="Undo").click()
    expect(row).not_to_contain_text("kept out")
    expect(root.get_by_role("status").filter(has_text="may come in again")).to_be_visible()
    row.get_by_role("button", name="Keep out").click()
    expect(row).to_contain_text("kept out")
    log_in(ann, "Ann", ANNS)
    expect(ann.locator(".error")).to_contain_text("is wrong")


def test_what_runs_are_started_with_is_shown_and_not_set_where_people_log_in(browser: Browser, shut: Bench) -> None:
    root = browser.new_page()
    root.goto(shut.url + "/train")
    log_in(root, "Root", ROOTS)
    root.get_by_text("Several GPUs or a cluster").click(timeout=60_000)
    expect(root.locator("#launcher-help")).to_contain_text("set on the server alone: python -m labeling launcher")
    expect(root.get_by_label("Start runs with")).not_to_be_editable()
    expect(root.locator(".tr-launcher button")).to_be_hidden()


def test_an_admin_who_gives_that_up_sees_what_annotators_see(browser: Browser, shut: Bench) -> None:
    command = [sys.executable, "-m", "labeling", "people", "add", "W" * 100, "--role", "admin", "--no-password"]
    subprocess.run([*command, "--project", str(shut.project)], cwd=ROOT, check=True, capture_output=True)
    root = browser.new_page(viewport={"width": 390, "height": 844})
    root.goto(shut.url + "/people")
    log_in(root, "Root", ROOTS)
    root.wait_for_selector(".pp-table", timeout=60_000)
    assert root.evaluate("(table => table.scrollWidth - table.clientWidth)(document.querySelector('.pp-scroll'))") == 0
    root.get_by_role("combobox", name="Role of Root").select_option("annotator")
    expect(root.locator(".pp-intro")).to_contain_text("for the project's admins", timeout=60_000)


def test_what_hears_late_that_one_logged_out_leads_nowhere_else(browser: Browser, shut: Bench) -> None:
    page = browser.new_context().new_page()
    page.goto(shut.url + "/export")
    log_in(page, "Root", ROOTS)
    page.wait_for_selector(".wb-me")
    asked: list[Route] = []
    going: list[Route] = []
    hold = re.compile("/api/exports|/login$")
    page.route(hold, lambda route: (asked if "exports" in route.request.url else going).append(route))
    with page.expect_request(re.compile("/api/exports")):
        page.get_by_role("button", name="Export", exact=True).click()
    error = page.locator(".wb-form .wb-error")
    error.evaluate("box => new MutationObserver(() => console.log('heard')).observe(box, { childList: true })")
    page.get_by_role("button", name="account, log out").click()
    with page.expect_request(re.compile("/login$")):
        # The way to the login page is held, and is not to be waited for.
        page.get_by_role("button", name="Log out", exact=True).click(no_wait_after=True)
    with page.expect_console_message(lambda said: said.text == "heard"):
        asked[0].fulfill(status=401, json={"error": "nobody is logged in"})

    going[0].continue_()

    expect(page.locator("h1")).to_have_text("digits")
    expect(page).to_have_url(shut.url + "/login")


def test_an_annotator_is_offered_to_change_what_is_theirs_and_no_more(browser: Browser, shut: Bench) -> None:
    command = [sys.executable, "-m", "labeling", "people", "add", "Ann", "--project", str(shut.project)]
    subprocess.run(command, input=ANNS + "\n", text=True, cwd=ROOT, check=True, capture_output=True)
    ann = browser.new_context().new_page()
    ann.goto(shut.url + "/browse?state=labeled")
    log_in(ann, "Ann", ANNS)
    ann.locator(TILE).first.click(timeout=60_000)
    expect(ann.get_by_text("Others labeled it: an admin of the project can change that.")).to_be_visible()
    offers = [ann.get_by_role("heading", name="Change the label"), ann.get_by_role("button", name=re.compile("^None"))]
    for offer in (*offers, ann.get_by_role("button", name="Send back")):
        expect(offer).to_be_hidden()
    ann.keyboard.press("1")
    expect(ann.locator(".wb-message")).to_contain_text("an admin of the project can change that")
    ann.goto(shut.url + "/browse?state=none&split=unlabeled")
    ann.locator(TILE).first.click(timeout=60_000)
    for offer in offers:
        expect(offer).to_be_visible()
    for key in ("1", "2"):
        ann.keyboard.press(key)
        expect(ann.locator(f"{TILE} figcaption").first).to_have_text(key)
        ann.wait_for_selector(SAVED)
    assert [row[0] for row in shut.events("Ann")] == ["label", "label"]

    root = browser.new_context().new_page()
    root.goto(shut.url + "/browse?state=labeled")
    log_in(root, "Root", ROOTS)
    root.locator(TILE).first.click(timeout=60_000)
    for offer in (root.get_by_role("button", name="Send back"), root.get_by_role("heading", name="Change the label")):
        expect(offer).to_be_visible()
    expect(root.get_by_text("Others labeled it")).to_be_hidden()
