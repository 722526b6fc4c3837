"""Export: three forms, each whole on disk when the page says it is done."""

import csv
import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from labeling.project import writing
from storage.database import transaction
from tests.browser.bench import Tab, check_looks, serving
from tests.conftest import Command


@pytest.mark.slow
def test_three_forms_are_written_their_tables_downloaded_and_a_model_trained(
    tab: Tab, barlowmatch: Command, tmp_path: Path
) -> None:
    tab.open("/export")
    table = tab.page.locator("article", has_text="tables").get_by_text("labels.csv")
    for form, name in (("Tables only", "tables"), ("Class folders", "sorted"), ("Training layout", "seeded")):
        tab.page.get_by_text(form, exact=True).first.click()
        tab.page.get_by_label("Name").fill(name)
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("article b").first).to_have_text(name)
        table.focus()
    done = tab.page.locator("article[data-state=done]")
    expect(done).to_have_count(3)
    expect(table).to_be_focused()  # while the others ran

    with tab.page.expect_download() as download:
        table.click()
    rows = list(csv.DictReader(download.value.path().open()))

    labeled = tab.bench.rows("SELECT count(*) FROM image WHERE state = 'labeled'")[0][0]
    exports = tab.bench.project / "exports"
    assert len(rows) == labeled
    assert (exports / "sorted").is_dir()
    told = re.findall(r"\S+\.(?:png|pt)", tab.page.locator(".wb-format", has_text="Training layout").inner_text())
    assert [(exports / "seeded" / name).is_file() for name in told] == [True, True], told
    trained = barlowmatch(
        "train-classifier", "--manifest", exports / "tables" / "manifest.csv", "--preset", "quick", "--num-epochs", 1,
        "--image-size", 16, "--batch-size", 32, "--classifier-width", 64, "--run-dir", tmp_path / "run",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "run" / "best.pt").is_file()


def test_a_name_that_is_taken_is_said(tab: Tab) -> None:
    tab.open("/export")
    for _ in range(2):
        tab.page.get_by_text("Tables only", exact=True).click()
        tab.page.get_by_label("Name").fill("twice")
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("article", has_text="twice")).to_have_count(1)

    expect(tab.page.locator(".wb-error").first).to_contain_text("twice already")
    tab.complaints.clear()  # the browser notes the 409


def test_a_finished_export_is_removed_when_asked_twice(tab: Tab) -> None:
    tab.open("/export")
    for name in ("needless", "needed"):
        tab.page.get_by_text("Tables only", exact=True).click()
        tab.page.get_by_label("Name").fill(name)
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("article[data-state=done]", has_text=name)).to_be_visible()
    card = tab.page.locator("article", has_text="needless")
    for answer in ("Keep it", "Remove it"):
        card.get_by_role("button", name="Remove").click()
        expect(tab.page.get_by_role("dialog")).to_contain_text("exports/needless goes from the disk")
        assert (tab.bench.project / "exports" / "needless").is_dir()
        check_looks(tab.page)
        words, buttons = (tab.page.locator(f"dialog {part}").bounding_box() for part in ("p", ".wb-row"))
        assert words is not None
        assert buttons is not None
        assert buttons["y"] - words["y"] - words["height"] <= 20, "nothing is left out between them"
        tab.page.get_by_role("button", name=answer).click()
        expect(tab.page.get_by_role("dialog")).to_have_count(0)

    expect(card).to_have_count(0)
    expect(tab.page.locator("article", has_text="needed")).to_be_visible()
    assert not (tab.bench.project / "exports" / "needless").exists()


def test_that_the_server_is_away_is_said_only_while_it_is(tab: Tab) -> None:
    tab.open("/export")
    tab.page.route(re.compile("/api/exports"), lambda route: route.abort())
    tab.page.get_by_text("Tables only", exact=True).click()
    tab.page.keyboard.press("Enter")
    away = tab.page.locator("h2 + .wb-error")
    expect(away).not_to_be_empty()
    tab.page.unroute(re.compile("/api/exports"))
    expect(away).to_be_empty()
    tab.complaints.clear()  # the browser notes the requests that failed


def test_an_export_is_stopped_and_one_that_lacks_images_warns(
    context: BrowserContext, example: Path, tmp_path: Path
) -> None:
    """An image that never ends holds the first one up."""
    project = shutil.copytree(example, tmp_path / "project", symlinks=True)
    images = shutil.copytree(project / "dataset", tmp_path / "images")
    with writing(project) as db, transaction(db):
        db.execute("UPDATE project SET value = json_quote(?) WHERE key = 'root'", (str(images),))
        (name,) = db.execute("SELECT name FROM image WHERE state = 'labeled' ORDER BY id DESC LIMIT 1").fetchone()
    (images / name).unlink()
    os.mkfifo(images / name)
    with serving(project) as bench:
        tab = Tab(context, bench, "Ann").open("/export")
        card = tab.page.locator("article", has_text="folders-")
        tab.page.get_by_role("button", name="Export", exact=True).click()
        card.get_by_role("button", name="Stop").click()
        expect(card).to_contain_text("Stopped; nothing was left behind.")
        expect(card.get_by_role("button", name="Stop")).to_be_hidden()
        (images / name).unlink()
        tab.page.get_by_label("Name").fill("lacking")
        tab.page.keyboard.press("Enter")
        lacking = tab.page.locator("article[data-state=done]", has_text="lacking")
        expect(lacking.locator(".wb-warned")).to_contain_text("1 file could not be read as indexed")
        check_looks(tab.page)
        assert tab.complaints == []
