"""One server and one Chromium for all tests here; each test is a person of its own in a context of its own."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from labeling.example import write_example
from tests.browser.bench import FLAGS, HEADLESS, Bench, Tab, serving

NewTab = Callable[..., Tab]
PATIENCE = 60_000
"""Milliseconds: other tests may take all cores."""
expect.set_options(timeout=PATIENCE)
_people = count(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if HEADLESS is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell, or the package of your system")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=HEADLESS, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def bench(browser: Browser, example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    project = tmp_path_factory.mktemp("example") / "digits"
    with serving(shutil.copytree(example, project, symlinks=True)) as bench:
        yield bench


@pytest.fixture
def person() -> str:
    return f"Person {next(_people)}"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def tab(context: BrowserContext, bench: Bench, person: str) -> Iterator[Tab]:
    """A tab of one person; whatever the test does, nothing may be complained of and nothing asked elsewhere."""
    tab = Tab(context, bench, person)
    yield tab
    tab.leave()
    assert tab.elsewhere == []
    assert tab.complaints == []


@pytest.fixture
def phone(browser: Browser, bench: Bench, person: str) -> Iterator[Tab]:
    """A tab on a phone, with a finger for a mouse."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENCE)
    tab = Tab(context, bench, person)
    yield tab
    tab.leave()
    context.close()
    assert tab.complaints == []


@pytest.fixture
def page(context: BrowserContext, bench: Bench) -> Iterator[Page]:
    """An empty page of Ann's; whatever the test does on it, no script may fail."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    assert context.request.post(f"{bench.url}/api/people/me", data={"name": "Ann"}).ok
    yield page
    assert complaints == []


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example project that no server holds: tests copy it."""
    return write_example(tmp_path_factory.mktemp("spare"))
