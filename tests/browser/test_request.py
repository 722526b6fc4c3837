"""The Request page by mouse and keys: preview, drop, ask; and what it says where strategies lack something."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from labeling.example import CELLS
from labeling.project import reading, writing
from storage.classes import list_classes
from storage.database import transaction
from storage.images import all_images
from storage.people import find_or_add_person
from tests.browser.bench import Bench, check_looks, serving


def embed_pixels(project: Path) -> None:
    """Let the digits' own pixels be an embedding among the project's runs, unless they are."""
    folder = project / "runs" / "embed-20260101T000000Z-0a0a0a" / "embeddings"
    if folder.exists():
        return
    with reading(project) as db:
        images = list(all_images(db))
        classes = [ImageClass(item.id, item.name) for item in list_classes(db)]
    rows = []
    for image in images:
        with Image.open(project / "dataset" / image.name) as picture:
            rows.append(255 - np.asarray(picture.resize((CELLS, CELLS), Image.Resampling.BOX), np.float32).ravel())
    table = EmbeddedFiles(
        [image.name for image in images], [image.split for image in images], [""] * len(images),
        [image.sha256 for image in images],
    )  # fmt: skip
    with EmbeddingsWriter(
        folder, table, dimension=CELLS**2, classes=classes, checkpoint="0" * 64, with_probabilities=False
    ) as writer:
        writer.write(np.arange(len(images)), np.stack(rows))


@pytest.fixture(scope="module")
def bench(browser: Browser, example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    project = tmp_path_factory.mktemp("request") / "digits"
    shutil.copytree(example, project, symlinks=True)
    with serving(project) as bench:
        yield bench


@pytest.fixture
def page(page: Page, bench: Bench) -> Page:
    page.set_default_timeout(60_000)
    page.goto(f"{bench.url}/request")
    page.wait_for_selector(".rq-form")
    return page


def _preview_twelve(page: Page) -> None:
    page.get_by_label("Pictures to ask for").fill("12")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".rq-tile")).to_have_count(12)


def test_without_embeddings_random_works_and_the_rest_says_why_not(page: Page, bench: Bench) -> None:
    expect(page.locator(".rq-missing")).to_contain_text("No embeddings yet")
    expect(page.get_by_role("button", name="Run a round")).to_be_visible()
    expect(page.locator("[name=strategy]:enabled")).to_have_count(1)
    expect(page.locator("[name=strategy]:checked")).to_have_value("random")
    _preview_twelve(page)
    check_looks(page)
    assert bench.rows("SELECT count(*) FROM request")[0][0] == 1, "a preview asks nobody"


def test_embeddings_that_come_while_the_page_is_open_are_noticed(page: Page, bench: Bench) -> None:
    _preview_twelve(page)
    page.get_by_label("Pictures to ask for").fill("9")
    expect(page.locator("[name=strategy][value=auto]")).to_be_disabled()
    embed_pixels(bench.project)
    expect(page.locator(".rq-missing")).to_have_count(0, timeout=60_000)
    expect(page.locator("[name=strategy][value=auto]")).to_be_enabled()
    expect(page.get_by_label("Pictures to ask for")).to_have_value("9")
    page.reload()
    first = page.locator(".rq-strategy").first  # in sight, wherever the browser scrolls after a reload
    expect(first.locator("[value=random]:checked")).to_be_visible()  # as in the preview, not `auto`
    expect(page.get_by_label("Pictures to ask for")).to_have_value("12")


def test_by_keys_alone_a_strategy_is_set_previewed_pruned_and_asked(page: Page, bench: Bench) -> None:
    embed_pixels(bench.project)
    page.reload()
    page.wait_for_selector(".rq-form")
    page.locator("[name=strategy][value=auto]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=strategy]:checked")).to_have_value("typiclust")
    page.get_by_role("textbox", name="Clusters").fill("0")
    page.get_by_label("Pictures to ask for").fill("9")
    page.keyboard.press("Enter")
    expect(page.locator(".form-problem:not(:empty)")).to_contain_text("whole number 1 to")
    page.get_by_role("textbox", name="Clusters").fill("20")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop").focus()
    expect(page.get_by_text("· 1 s")).to_be_visible()  # it was drawn anew
    page.keyboard.press("Enter")
    expect(page.get_by_text("It was stopped.")).to_be_visible()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".rq-tile")).to_have_count(9, timeout=60_000)
    expect(page.locator(".rq-head h2")).to_contain_text("typiclust (clusters 20) chose 9 of 1,437 pictures")
    expect(page.locator(".rq-why").first).to_contain_text("typical of a cluster")
    page.locator(".rq-tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator(".rq-tile").nth(1)).to_have_attribute("aria-pressed", "true")
    check_looks(page)
    ask = page.get_by_role("button", name="Request 8 labels")
    ask.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rq-head")).to_contain_text("8 pictures are asked for")
    request = 'SELECT strategy, items, "left" FROM request ORDER BY id DESC LIMIT 1'
    assert bench.rows(request) == [("typiclust", 8, 8)]
    page.reload()
    expect(page.locator(".rq-tile:disabled")).to_have_count(8)
    expect(page.locator("[name=strategy]:checked")).to_have_value("typiclust")
    expect(page.get_by_role("textbox", name="Clusters")).to_have_value("20")
    expect(page.get_by_label("Pictures to ask for")).to_have_value("9")
    expect(page.get_by_role("button", name="Request 1 label")).to_be_visible()


def test_where_there_are_several_people_pictures_are_asked_again(page: Page, bench: Bench) -> None:
    expect(page.get_by_role("button", name="Ask again")).to_be_hidden()  # whom else?
    with writing(bench.project) as db, transaction(db):
        for name in ("Bob", "Cid"):
            find_or_add_person(db, name)
    page.reload()
    again = page.get_by_role("button", name="Ask again")
    again.click()
    expect(page.get_by_role("alert").filter(has_text="there is no picture to ask about again")).to_be_visible()
    free = "image WHERE split = 'unlabeled' AND id NOT IN (SELECT image FROM request_item)"
    image, cat = (bench.rows(f"SELECT id FROM {table} LIMIT 1")[0][0] for table in (free, "class"))
    said = {"uuid": str(uuid.uuid4()), "kind": "label", "image": image, "class": cat, "source": "browse"}
    body = {"client": "browse", "events": [said]}
    assert page.request.post(f"{bench.url}/api/labels", data=body).ok
    again.click()
    expect(page.get_by_text("1 picture is asked for again.")).to_be_visible()
    expect(page.locator(".rq-requests li").last).to_contain_text("repeat 0 of 2 answers")
    check_looks(page)
    assert bench.rows("SELECT purpose, overlap, items FROM request ORDER BY id DESC LIMIT 1") == [("repeat", 2, 1)]


def test_on_a_phone_the_preview_is_at_hand_beside_every_strategy(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(".rq-more summary").click()
    for card in (page.locator(".rq-strategy").first, page.locator(".rq-more .rq-strategy").first):
        card.scroll_into_view_if_needed()
        expect(page.get_by_role("button", name="Preview")).to_be_in_viewport(ratio=1)
