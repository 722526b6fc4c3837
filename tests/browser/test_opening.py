"""Starting without a project: from a bare folder of images into the app by keys and clicks, in one process."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.bench import ROOT, Bench, Tab, check_looks, paint
from tests.browser.test_project import bare_folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bench]:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    command = [sys.executable, "app.py", "--port", "0"]
    with (tmp_path / "server.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, (tmp_path / "server.log").read_text()
            yield Bench(found[0], tmp_path / "photos-labels")
        finally:
            process.terminate()
            assert process.wait(20) == 143


def test_a_folder_becomes_a_project_that_is_then_served(server: Bench, context: BrowserContext, tmp_path: Path) -> None:
    images = bare_folder(tmp_path / "photos", 30)
    tab = Tab(context, server, "Ann")
    page = tab.page
    page.emulate_media(color_scheme="dark")
    page.goto(server.url)
    page.get_by_label("Folder of your images", exact=True).fill(str(tmp_path / "nowhere"))
    expect(page.locator("body.dark")).to_have_count(1)
    expect(page.locator("#op-images")).to_have_text("There is no such folder.")
    page.get_by_label("Folder of your images", exact=True).fill(str(images))
    expect(page.locator("#op-images")).to_have_text("30 images")
    project = page.get_by_label("Where the project is kept", exact=True)
    expect(project).to_have_value(str(server.project))
    project.fill(str(images / "inside"))
    expect(page.locator("#op-project")).to_contain_text("Lies among the images")
    expect(page.get_by_role("button", name="Make the project")).to_be_disabled()
    project.fill(str(server.project))
    expect(page.get_by_role("button", name="Make the project")).to_be_enabled()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped; no project was made.")).to_be_visible()
    assert not server.project.exists()
    page.get_by_role("button", name="Make the project").click()

    page.wait_for_url("**/project", timeout=60_000)
    page.fill("dialog input[name=person]", "Ann")
    page.keyboard.press("Enter")
    expect(page.locator(".pj-next h2")).to_have_text("Label the control sample: 7 random pictures to go")
    assert server.rows("SELECT count(*) FROM image")[0][0] == 30
    recent = (tmp_path / "config" / "barlowmatch" / "recent.json").read_text()
    assert str(server.project) in recent
    assert (tab.complaints, tab.elsewhere) == ([], [])
    tab.leave()


def test_folders_are_said_to_be_no_classes_by_keys(server: Bench, context: BrowserContext, tmp_path: Path) -> None:
    images = paint(tmp_path / "photos", *(f"{day}/{n}.png" for day in ("dawn", "noon") for n in range(6)))
    (tmp_path / "one").mkdir()
    paint(tmp_path / "one", "1.png")
    tab = Tab(context, server, "Ann")
    page = tab.page
    page.goto(server.url)
    folder, box = page.get_by_label("Folder of your images", exact=True), page.get_by_label("Take folders for classes")
    folder.fill(str(tmp_path / "one"))
    expect(page.locator("#op-images")).to_have_text("1 image")
    expect(box).to_be_hidden()
    folder.fill(str(images))
    expect(page.locator("#op-images")).to_have_text("12 images")
    expect(page.locator("#op-classes")).to_contain_text("2 folders would become 2 classes: dawn, noon.")
    expect(box).to_be_checked()
    expect(page.get_by_role("button", name="Make the project")).to_be_enabled()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    page.keyboard.press("Space")
    expect(box).not_to_be_checked()
    expect(page.locator("#op-classes")).to_have_text("No image gets a label from its folder, and nothing is moved.")
    check_looks(page)
    page.get_by_label("Where the project is kept", exact=True).fill(str(server.project))
    expect(page.get_by_role("button", name="Make the project")).to_be_enabled()
    expect(box).not_to_be_checked()
    page.keyboard.press("Enter")
    page.wait_for_url("**/project", timeout=60_000)
    assert server.rows("SELECT count(*) FROM image WHERE state <> 'none'")[0][0] == 0
    assert server.rows("SELECT count(*) FROM class")[0][0] == 0
    assert (tab.complaints, tab.elsewhere) == ([], [])
    tab.leave()


def test_folders_that_look_like_none_are_said_to_be_classes(
    server: Bench, context: BrowserContext, tmp_path: Path
) -> None:
    images = paint(tmp_path / "photos", *(f"plate_{plate}/{n}.png" for plate in (1, 2) for n in range(6)))
    paint(tmp_path / "other", *(f"{name}/{n}.png" for name in ("cat", "dog") for n in range(2)))
    tab = Tab(context, server, "Ann")
    page = tab.page
    page.goto(server.url)
    folder, box = page.get_by_label("Folder of your images", exact=True), page.get_by_label("Take folders for classes")
    words = page.locator("#op-classes")
    folder.fill(str(images))
    expect(words).to_have_text(
        "2 folders (plate_1, plate_2): folders such as plate_1 look like dates, batches or cameras. "
        "Are they classes all the same? Then tick this; nothing is moved."
    )
    expect(box).not_to_be_checked()
    folder.fill(str(tmp_path / "other"))
    expect(box).to_be_checked()
    folder.fill(str(images))
    expect(box).not_to_be_checked()
    box.check()
    expect(words).to_have_text("Every image in a folder gets the folder's name for a label, and nothing is moved.")
    check_looks(page)
    page.get_by_label("Where the project is kept", exact=True).fill(str(server.project))
    expect(box).to_be_checked()
    page.get_by_role("button", name="Make the project").click()
    page.wait_for_url("**/project", timeout=60_000)
    assert server.rows("SELECT name FROM class ORDER BY name") == [("plate_1",), ("plate_2",)]
    assert (tab.complaints, tab.elsewhere) == ([], [])
    tab.leave()


def test_the_latest_projects_are_in_sight(server: Bench, page: Page, example: Path, tmp_path: Path) -> None:
    projects = [tmp_path / f"project-{number}" for number in range(12)]
    for project in projects:
        project.symlink_to(example)
    recent = tmp_path / "config" / "barlowmatch" / "recent.json"
    recent.parent.mkdir(parents=True)
    recent.write_text(json.dumps([str(project) for project in projects]))

    page.goto(server.url)

    expect(page.locator(".op-recent button:visible")).to_have_count(4)
    expect(page.get_by_role("heading", name="BarlowMatch")).to_be_in_viewport()
    page.get_by_text("Older ones (8)").click()
    expect(page.locator(".op-recent button:visible")).to_have_count(12)
