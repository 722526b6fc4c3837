"""From a bare folder of images without labels to a better model and an export, by clicks and keys alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect
from sklearn.datasets import load_digits

from tests.browser.bench import PAINTED, Tab, serving

WORDS = ("zero", "one", "two", "three", "four")
IMAGES, CONTROL, ASKED, LEARNS_AFTER = 400, 50, 32, 21
RUN = 180_000
"""Milliseconds a round may take here; it is told to take much less."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Write handwritten digits as pictures of many sizes with names that say nothing; return what they show."""
    folder = tmp_path_factory.mktemp("whole") / "photos"
    folder.mkdir()
    digits = load_digits()
    truth = {}
    for number, row in enumerate(np.flatnonzero(digits.target < len(WORDS))[:IMAGES]):
        picture = Image.fromarray((255 - 15 * digits.images[row]).astype(np.uint8))
        side = 16 + number % 3 * 8
        picture.resize((side, side + number % 2 * 4)).save(folder / f"IMG_{number:04d}.png")
        truth[f"IMG_{number:04d}.png"] = WORDS[digits.target[row]]
    return folder, truth


@pytest.fixture
def tab(
    browser: Browser, context: BrowserContext, folder: tuple[Path, dict[str, str]], tmp_path: Path
) -> Iterator[Tab]:
    (tmp_path / "project").mkdir()
    with serving(tmp_path / "project", "--dataset-folder", str(folder[0])) as bench:
        context.set_default_timeout(60_000)
        tab = Tab(context, bench, "Ann")
        yield tab
        assert tab.elsewhere == []
        assert tab.complaints == []


@pytest.mark.slow
def test_from_a_bare_folder_to_a_second_request_and_an_export(tab: Tab, folder: tuple[Path, dict[str, str]]) -> None:
    page, truth = tab.page, folder[1]

    # The first hour: how many, and the blind control sample. The machine learns meanwhile.
    page.goto(tab.bench.url + "/project")
    page.fill("dialog input[name=person]", tab.person)
    page.keyboard.press("Enter")
    page.locator("select[name=count]").select_option(str(CONTROL))
    expect(page.locator(".pj-next h2")).to_contain_text(f"{CONTROL} random pictures")
    go_to(tab, "Train")
    run_the_round(tab, minutes="0.1")
    go_to(tab, "Label")
    answer(tab, truth, CONTROL)
    assert tab.bench.rows("SELECT DISTINCT split FROM image WHERE state = 'labeled'") == [("val",)]

    # The round ends with a request; while it is answered, the probe learns and guesses appear.
    go_to(tab, "Train")
    expect_done(tab, rounds=1)
    go_to(tab, "Label")
    answer(tab, truth, LEARNS_AFTER)
    expect(page.get_by_text("The model's guess")).to_be_visible(timeout=RUN)
    answer(tab, truth, ASKED - LEARNS_AFTER)
    assert tab.bench.rows("SELECT count(*) FROM label_event WHERE guess IS NOT NULL")[0][0] > 0

    # The second round has labels: classifier, FixMatch, then it asks again.
    go_to(tab, "Train")
    run_the_round(tab, minutes="0.3")
    expect_done(tab, rounds=2)
    stages = {row[0] for row in tab.bench.rows("SELECT stage FROM run")}
    assert {"pretrain", "train-classifier", "fixmatch", "embed"} <= stages
    assert tab.bench.rows("SELECT count(*) FROM request WHERE purpose = 'train'") == [(2,)]
    go_to(tab, "Progress")
    expect(page.locator(".pg-page, .wb").first).to_contain_text("%")

    go_to(tab, "Export")
    page.get_by_text("Tables only", exact=True).click()
    page.keyboard.press("Enter")
    expect(page.locator("article[data-state=done]")).to_have_count(1)


def go_to(tab: Tab, name: str) -> None:
    tab.page.get_by_role("link", name=name, exact=True).first.click()
    tab.page.wait_for_load_state()


def run_the_round(tab: Tab, minutes: str) -> None:
    tab.page.get_by_label("Minutes").first.fill(minutes)
    tab.page.get_by_label("Images to ask for").fill(str(ASKED))
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_label("Run", exact=True)).to_be_visible()


def expect_done(tab: Tab, rounds: int) -> None:
    done = tab.page.locator("tr", has=tab.page.get_by_role("button", name="Round", exact=True))
    expect(done.filter(has_text="Done")).to_have_count(rounds, timeout=RUN)


def answer(tab: Tab, truth: dict[str, str], count: int) -> None:
    """Say of `count` images what they show, making each class when it is first seen."""
    page = tab.ready().page
    names = dict(tab.bench.rows("SELECT id, name FROM image"))
    keys = keys_of_classes(tab)
    for left in range(count - 1, -1, -1):
        image = tab.image
        word = truth[names[image]]
        if word in keys:
            page.keyboard.press(keys[word])
        else:
            page.keyboard.press("n")
            expect(page.locator("dialog input[name=name]")).to_be_focused()
            page.keyboard.type(word)
            page.keyboard.press("Enter")
            expect(page.locator("dialog[open]")).to_have_count(0)
            keys = keys_of_classes(tab)
        if left:
            page.wait_for_selector(f"{PAINTED}:not([data-image='{image}'])")
    tab.saved()


def keys_of_classes(tab: Tab) -> dict[str, str]:
    """Return the digit that stands for each class: they are numbered as they were made."""
    names = tab.bench.rows("SELECT name FROM class ORDER BY position")
    return {name: str(number) for number, (name,) in enumerate(names, 1)}
