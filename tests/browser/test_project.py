"""The Project page as a person uses it: the first hour, classes, imports, and what is wrong with the images."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect

from labeling.dataset.indexing import init_project
from tests.browser.bench import Bench, Tab, ask_all_blindly, check_looks, paint, serving


def bare_folder(folder: Path, count: int) -> Path:
    """Write `count` different pictures without labels."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(11)
    for number in range(count):
        tile = draw.integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(tile).resize((64, 48), Image.Resampling.NEAREST).save(folder / f"{number:03d}.png")
    return folder


def turn_gray(pictures: Iterable[Path]) -> None:
    """Take the colors out of pictures, which stay what they are in all else."""
    for path in pictures:
        with Image.open(path) as image:
            gray = image.convert("L").convert("RGB")
        gray.save(path)


@pytest.fixture(scope="module")
def bare(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bare")
    images = bare_folder(folder / "images", 900)
    (images / "copy.png").write_bytes((images / "000.png").read_bytes())
    (images / "torn.png").write_bytes((images / "001.png").read_bytes()[:50])
    init_project(folder / "project", dataset_folder=images)
    with serving(folder / "project") as bench:
        yield bench


@pytest.fixture
def page_of(context: BrowserContext, bare: Bench, person: str) -> Iterator[Tab]:
    tab = Tab(context, bare, person)
    tab.page.goto(bare.url + "/project")
    tab.page.fill("dialog input[name=person]", person)
    tab.page.keyboard.press("Enter")
    tab.page.locator(".pj-page").wait_for()
    yield tab
    tab.leave()
    assert tab.elsewhere == []
    assert tab.complaints == []


def test_the_first_hour_offers_200_pictures_and_says_what_fewer_cost(page_of: Tab) -> None:
    page = page_of.page
    expect(page.locator(".pj-next h2")).to_have_text("Label the control sample: 200 random pictures to go")
    sizes = page.locator("select[name=count]")
    expect(sizes.locator("option")).to_have_text(
        [
            "25: known to ±18.3 points",
            "50: known to ±13.4 points",
            "100: known to ±9.6 points",
            "200: known to ±6.9 points",
            "225: known to ±6.5 points",
        ]
    )
    sizes.focus()
    for count in (100, 50):
        page.keyboard.press("ArrowUp")
        expect(page.locator(".pj-next h2")).to_have_text(f"Label the control sample: {count} random pictures to go")
    assert page_of.bench.rows("SELECT count(*) FROM image WHERE split = 'val'") == [(50,)]
    expect(page.get_by_role("button", name="Run the round")).to_be_visible()
    page.get_by_role("button", name="Start labeling").click()
    page_of.ready()


@pytest.mark.slow
def test_a_project_whose_pictures_all_measure_offers_no_round_but_a_smaller_sample(
    context: BrowserContext, tmp_path: Path
) -> None:
    """As earlier versions made them of folders of at most 200 pictures."""
    init_project(tmp_path / "project", dataset_folder=bare_folder(tmp_path / "images", 40), control=0)
    ask_all_blindly(tmp_path / "project")
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        page = tab.page
        page.goto(bench.url + "/project")
        page.fill("dialog input[name=person]", "Ann")
        page.keyboard.press("Enter")
        expect(page.locator(".pj-next h2")).to_have_text("Choose fewer random pictures")
        sizes = page.locator("select[name=count] option")
        expect(sizes).to_have_text(["5: known to ±33.0 points", "10: known to ±26.3 points"])
        run = page.get_by_role("button", name="Run the round")
        expect(run).to_be_hidden()
        page.get_by_role("button", name="Start labeling").click()
        tab.ready()
        page.goto(bench.url + "/project")
        expect(page.locator(".pj-next h2")).to_have_text("Label the control sample: 10 random pictures to go")
        expect(run).to_be_visible()
        tab.leave()
        assert tab.complaints == []


def test_what_is_wrong_with_the_images_is_named(page_of: Tab) -> None:
    images = page_of.page.get_by_label("Images", exact=True)
    expect(images.locator(".pj-samples img")).to_have_count(24)
    images.get_by_text("1 file cannot be read").click()
    expect(images.get_by_text("torn.png", exact=True)).to_be_visible()
    images.get_by_text("1 image is there more than once").click()
    expect(images.get_by_text("copy.png", exact=True)).to_be_visible()

    Image.new("RGB", (20, 20), "red").save(page_of.bench.project.parent / "images" / "new.png")
    images.get_by_role("button", name="Read the folder again").click()
    images.get_by_role("button", name="Stop").click()
    expect(images.get_by_text("Reading was stopped; nothing has changed.")).to_be_visible()
    page_of.page.route("**/api/dataset", lambda route: route.abort(), times=1)  # one look finds no server
    images.get_by_role("button", name="Read the folder again").click()
    minutes = page_of.page.get_by_label("Minutes it may take")
    minutes.focus()
    expect(images.get_by_text("Read again: 1 new.")).to_be_visible(timeout=60_000)
    expect(images.locator(".wb-error")).to_have_text("")
    expect(minutes).to_be_focused()
    page_of.complaints.clear()  # the browser notes the cut


def test_answers_about_ones_own_pictures_are_kept(page_of: Tab) -> None:
    page = page_of.page
    page.get_by_label("Minutes it may take").fill("60")
    mirror = page.locator("article[data-change=mirror]")
    mirror.get_by_role("button", name="No, another").focus()
    page.keyboard.press("Enter")
    expect(mirror.get_by_role("button", name="No, another")).to_have_attribute("aria-pressed", "true")
    assert page_of.bench.rows("SELECT value FROM project WHERE key = 'views'") == [('{"mirror": "other"}',)]
    expect(page.get_by_label("Minutes it may take")).to_have_value("60")
    page.reload()
    page.locator("summary", has_text="Changes that keep").click()
    expect(mirror.get_by_text("So training leaves that as it is.")).to_be_visible()


def test_colors_are_asked_about_with_a_picture_that_has_some(context: BrowserContext, tmp_path: Path) -> None:
    images = paint(tmp_path / "images", *(f"{number:02}.png" for number in range(30)))
    turn_gray(path for path in images.iterdir() if path.name not in ("11.png", "22.png"))
    init_project(tmp_path / "project", dataset_folder=images)
    with serving(tmp_path / "project") as bench:
        assert context.request.post(f"{bench.url}/api/people/me", data={"name": "Ann"}).ok
        page = context.new_page()
        page.goto(bench.url + "/project")
        for change in ("grey", "hue"):
            picture = page.locator(f"article[data-change={change}] img").first
            expect(picture).to_have_attribute("alt", re.compile(r"^The picture (11|22)\.png$"))
        expect(page.locator("article[data-change=mirror] img").first).to_have_attribute(
            "alt", re.compile("The picture")
        )


def test_who_brings_labels_is_asked_about_the_pictures_too_but_not_about_colors_they_lack(
    context: BrowserContext, tmp_path: Path
) -> None:
    """The first round follows at once, and digits must not be mirrored in it."""
    images = paint(tmp_path / "images", *(f"train/{name}/{n}.png" for name in ("cat", "dog") for n in range(4)))
    turn_gray(images.rglob("*.png"))
    init_project(tmp_path / "project", dataset_folder=images)
    with serving(tmp_path / "project") as bench:
        tab = Tab(context, bench, "Ann")
        tab.page.goto(bench.url + "/project")
        tab.page.fill("dialog input[name=person]", "Ann")
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator(".pj-next h2")).to_have_text("Run the round")
        expect(tab.page.locator("article[data-change]")).to_have_count(3)
        expect(tab.page.locator("article[data-change=mirror]")).to_be_visible()
        expect(tab.page.get_by_text("0 of 3 answered")).to_be_visible()
        tab.leave()
        assert tab.complaints == []


def test_a_refused_change_of_a_class_leaves_its_field_as_it_was_and_says_why(page_of: Tab) -> None:
    page = page_of.page
    for name in ("crane", "stork"):
        page.get_by_label("New class").fill(name)
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-class={name}]")).to_have_count(1)
    name, key = page.get_by_label("Name of stork"), page.get_by_label("Key of stork")
    error = page.get_by_label("Classes", exact=True).locator(".wb-error")

    name.fill("Crane")
    page.keyboard.press("Enter")
    expect(error).to_contain_text("The class crane exists already.")
    expect(error).to_be_in_viewport()
    expect(name).to_have_value("stork")

    key.fill("x")  # skips
    page.keyboard.press("Enter")
    expect(error).to_contain_text("x")
    expect(key).to_have_value("")
    page_of.complaints.clear()  # the browser notes both refusals


def test_the_name_of_a_class_is_shown_whole_on_a_phone_too(page_of: Tab) -> None:
    page, long = page_of.page, "Pterodroma" * 3 + " of the southern oceans, seen from the ship"
    page.get_by_label("New class").fill(long)
    page.keyboard.press("Enter")
    name = page.get_by_label(f"Name of {long}")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        expect(name).to_have_value(long)
        expect(name).to_have_attribute("title", long)
        cut = "field => [field.scrollWidth - field.clientWidth, field.scrollHeight - field.clientHeight]"
        assert name.evaluate(cut) == [0, 0]
    check_looks(page)


def test_classes_are_added_renamed_merged_and_split_and_labels_imported_and_taken_back(
    page_of: Tab, tmp_path: Path
) -> None:
    page = page_of.page
    for name in ("cat", "kitten"):
        page.get_by_label("New class").fill(name)
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-class={name}]")).to_have_count(1)

    table = tmp_path / "labels.csv"
    rows = "".join(f"{number:03d}.png,{'kitten' if number < 4 else 'heron'}\n" for number in range(9) if number != 1)
    table.write_text(f"file,label\n{rows}nowhere.png,cat\n")
    page.route("**/api/imports", lambda route: route.abort(), times=1)  # one look finds no server
    page.get_by_label("Table from this computer").set_input_files(table)
    preview = page.locator(".pj-preview")
    expect(preview.locator("h3")).to_have_text("labels.csv: 9 rows", timeout=60_000)
    expect(preview).to_contain_text("1 file not in this project, left out: nowhere.png")
    expect(preview).to_contain_text("Make 1 new class: heron (5)")
    preview.get_by_role("button", name="Store 8 labels").click()
    expect(page.locator(".pj-imports")).to_contain_text(re.compile(r"labels.csv 8 labels, by Person"), timeout=60_000)
    expect(page.locator("[data-class=heron] a")).to_have_text("5 images")
    expect(page.locator("[data-class=kitten] a")).to_have_text("3 images")

    page.locator("[data-class=kitten]").get_by_role("button", name="Merge…").click()
    page.keyboard.type("cat")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_contain_text("3 images labeled kitten will count as cat")
    page.keyboard.press("Enter")
    expect(page.locator("[data-class=cat] a")).to_have_text("3 images")
    expect(page.locator("[data-class=cat]")).to_be_focused()
    page.get_by_role("button", name="Split kitten again").click()
    expect(page.locator("[data-class=kitten] a")).to_have_text("3 images")

    field = page.get_by_label("Name of heron")
    field.fill("Cat")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Classes", exact=True).locator(".wb-error")).to_contain_text("the two", ignore_case=True)
    page_of.complaints.clear()  # the browser notes the 409
    page.get_by_label("Name of heron").fill("grey heron")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name of grey heron")).to_have_value("grey heron")

    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".pj-imports")).to_contain_text("taken back", timeout=60_000)
    expect(page.locator("[data-class=kitten] a")).to_have_text("0 images")
