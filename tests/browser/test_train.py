"""Train: a run started, watched, found again after the server was killed, stopped, gone on with; runs compared."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from labeling.dataset.indexing import init_project
from labeling.runs.launching import living_process
from tests.browser.bench import Bench, Tab, paint, serving

PATIENCE = 90_000
SETTINGS = {"Image size": 8, "Batch size": 64, "Num epochs": 40, "Projector width": 16, "Threads": 1}


@pytest.fixture
def project(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of the test's own; whatever runs in it is ended afterwards."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    copy = tmp_path / "digits"
    shutil.copytree(example, copy, symlinks=True)
    yield copy
    for folder in (copy / "runs").glob("*"):
        pid = living_process(folder)
        if pid is not None:
            os.killpg(os.getpgid(pid), signal.SIGKILL)


def open_page(context: BrowserContext, bench: Bench) -> Page:
    context.set_default_timeout(PATIENCE)  # the run that is watched takes both cores
    tab = Tab(context, bench, "Ann")
    tab.page.goto(bench.url + "/train")
    tab.page.locator("dialog[open], .tr-page").first.wait_for()
    if tab.page.locator("dialog[open] input[name=person]").count():
        tab.page.fill("dialog input[name=person]", "Ann")
        tab.page.keyboard.press("Enter")
    tab.page.locator(".tr-page").wait_for()
    return tab.page


def kill_server(project: Path) -> None:
    """End the server of a project without a word."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "app.py" in words and str(project) in words:
            process.send_signal(signal.SIGKILL)
            process.wait(10)


@pytest.mark.slow
def test_a_run_survives_the_server_is_stopped_goes_on_and_is_compared(context: BrowserContext, project: Path) -> None:
    with serving(project) as bench:
        page = open_page(context, bench)
        expect(page.get_by_text("Nothing was run yet.")).to_be_visible()
        assert page.locator(".form-row:visible").count() == 0, "a beginner sees no thirty fields"
        page.get_by_role("radio", name=re.compile("^Pretrain")).check(force=True)
        page.get_by_text("Settings", exact=True).click()
        page.get_by_text(re.compile("More settings")).click()
        page.get_by_label("Batch size", exact=True).fill("1")
        page.get_by_role("button", name="Start pretraining").click()
        expect(page.locator(".form-problem", has_text="at least 2")).to_be_visible()
        for label, value in SETTINGS.items():
            page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_role("button", name="Start pretraining").click()
        expect(page.locator(".tr-run .tr-state")).to_have_text("Running")
        expect(page.get_by_role("button", name="Run the round")).to_be_disabled()
        expect(page.locator(".tr-run")).to_contain_text("Steps", timeout=PATIENCE)
        kill_server(project)
        expect(page.locator(".tr-page > div > .wb-error")).to_contain_text("cannot be reached", timeout=PATIENCE)
        page.close()

    with serving(project) as bench:
        page = open_page(context, bench)
        expect(page.locator(".tr-run .tr-state")).to_have_text("Running")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".tr-run")).to_contain_text("It was stopped. Its checkpoint is of step", timeout=PATIENCE)
        page.get_by_text("Command line", exact=True).click()
        expect(page.locator(".tr-command code")).to_contain_text("-m barlowmatch pretrain --preset")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(".tr-run .tr-state")).to_have_text("Running")
        page.get_by_text("Log", exact=True).click()
        expect(page.locator(".tr-run > details .tr-log")).to_contain_text("going on from step", timeout=PATIENCE)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".tr-run .tr-state")).to_have_text("Stopped", timeout=PATIENCE)
        expect(page.locator("[data-plot=loss] .plot-area .plot-line")).to_have_count(1)

        page.get_by_role("radio", name=re.compile("^Embed")).check(force=True)
        page.get_by_role("button", name="Start embedding").click()
        expect(page.locator(".tr-run h2")).to_have_text("Embed")
        expect(page.locator(".tr-run .tr-state")).to_have_text("Done", timeout=PATIENCE)
        for box in page.locator(".tr-history tbody input").all():
            box.check()
        expect(page.locator(".tr-compared table")).to_contain_text("labels learned from")


def test_a_round_is_asked_for_no_more_images_than_there_are(context: BrowserContext, tmp_path: Path) -> None:
    init_project(tmp_path / "few", dataset_folder=paint(tmp_path / "images", *(f"{n:02}.png" for n in range(12))))
    with serving(tmp_path / "few") as bench:
        page = open_page(context, bench)
        form = page.get_by_label("Run the round", exact=True)
        budget = page.get_by_label("Images to ask for")
        expect(budget).to_have_value("9")  # three are the control sample
        expect(form).to_contain_text("At most 9 images: the others have a label")
        budget.fill("5000")
        page.get_by_role("button", name="Run the round").click()
        expect(form.locator(".wb-error")).to_have_text("Images to ask for: There are only 9 to ask for.")
        expect(budget).to_have_value("5000")
        assert not list((tmp_path / "few" / "runs").iterdir())


def test_a_run_that_dies_is_told_as_dead_with_its_last_lines(context: BrowserContext, project: Path) -> None:
    with serving(project) as bench:
        page = open_page(context, bench)
        page.get_by_label("Minutes").first.fill("3")
        page.get_by_role("button", name="Run the round").click()
        expect(page.locator(".tr-steps li")).to_have_count(6, timeout=PATIENCE)
        step = page.locator(".tr-steps li[data-state=running]")
        expect(step).to_contain_text("Pretrain")
        step.get_by_role("button", name="show").focus()
        since = page.locator(".tr-run header small")
        expect(since).not_to_have_text(since.inner_text())  # shown anew
        expect(step.get_by_role("button", name="show")).to_be_focused()
        round_folder = next((project / "runs").glob("round-*"))
        pid = living_process(round_folder)
        assert pid is not None
        os.killpg(os.getpgid(pid), signal.SIGKILL)
        expect(page.locator(".tr-run .tr-state")).to_have_text("Died", timeout=PATIENCE)
        expect(page.locator(".tr-message")).to_contain_text("Pretrain: It learns what 1,697 images have in common")


def test_a_late_answer_does_not_overwrite_what_is_typed(context: BrowserContext, project: Path) -> None:
    with serving(project) as bench:
        page = open_page(context, bench)
        held: list[Route] = []
        page.route("**/api/launcher", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers
        with page.expect_request("**/api/launcher"):
            page.get_by_text("Several GPUs or a cluster").click()
        field = page.get_by_label("Start runs with")
        field.fill("torchrun")
        with page.expect_response("**/api/launcher"):
            held[0].continue_()
        page.evaluate("() => new Promise(requestAnimationFrame)")
        expect(field).to_have_value("torchrun")


def test_what_neighbours_get_right_is_not_shown_as_a_classifiers_accuracy(
    context: BrowserContext, project: Path
) -> None:
    """A pretrained network has no classifier: 64 % of its neighbours beside 50 % of FixMatch reads as a loss."""
    figures = {
        "pretrain": {"knn_accuracy": 0.643},
        "fixmatch": {"accuracy": 0.5, "accuracy_low": 0.268, "accuracy_high": 0.732, "balanced_accuracy": 0.479},
    }
    runs = [
        {"name": stage, "stage": stage, "state": "done", "created": "2026-01-02T03:04:05Z", "figures": found,
         "about": {}, "within": None, "labels": {}, "seconds": 9, "progress": None, "message": None}
        for stage, found in figures.items()
    ]  # fmt: skip
    with serving(project) as bench:
        context.route("**/api/runs", lambda route: route.fulfill(json={"runs": runs}))
        page = open_page(context, bench)
        cells = page.locator(".tr-history tbody tr td:last-child")
        expect(cells).to_have_text(["64.3 % kNN accuracy", "50.0 % (26.8 to 73.2)"])


def test_ended_work_shows_no_rate_while_what_follows_gets_ready(context: BrowserContext, project: Path) -> None:
    told = {"work": "decode images", "done": 900, "total": 1797, "unit": "image", "rate": 1720, "samples_rate": 0}
    run = {
        "name": "pretrain-1", "stage": "pretrain", "state": "running", "created": "2026-01-02T03:04:05Z", "seconds": 9,
        "about": {}, "within": None, "labels": {}, "progress": told, "message": None, "figures": {}, "said": [],
        "steps": [], "curves": {}, "evaluations": {}, "log": [], "command": "", "checkpoint": None,
    }  # fmt: skip
    with serving(project) as bench:
        context.route("**/api/runs", lambda route: route.fulfill(json={"runs": [run]}))
        context.route("**/api/runs/pretrain-1", lambda route: route.fulfill(json=run))
        page = open_page(context, bench)
        expect(page.locator(".tr-rate")).to_have_text("1,720 images/s")
        told["done"] = 1797
        expect(page.locator(".tr-rate")).to_have_text("Done; what follows is getting ready")


def test_a_recipe_starts_from_a_run_that_trained_its_network(context: BrowserContext, project: Path) -> None:
    name = "pretrain-20260101T000000Z-aaaaaa"
    folder = project / "runs" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"stage": "pretrain", "config": {"backbone": "resnet18_quarter"}}')
    (folder / "result.json").write_text("{}")
    (folder / "last.pt").touch()
    with serving(project) as bench:
        page = open_page(context, bench)
        page.get_by_role("radio", name=re.compile("^Pretrain")).check(force=True)
        recipe, source = page.get_by_label("Recipe"), page.get_by_label("Starts from")
        for chosen, expected in (("laptop", ""), ("quick", name)):
            recipe.select_option(chosen)
            expect(source).to_have_value(expected)
        source.select_option("")
        recipe.select_option("laptop")
        recipe.select_option("quick")
        expect(source).to_have_value("")


def test_how_runs_are_started_is_set_on_the_page(context: BrowserContext, project: Path) -> None:
    with serving(project) as bench:
        page = open_page(context, bench)
        page.get_by_text("Several GPUs or a cluster").press("Enter")  # what is above may come yet, and move it
        field = page.get_by_label("Start runs with")
        expect(field).to_have_value("")
        field.fill("no-such-program --many 4")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("there is no program 'no-such-program'")).to_be_visible()
        field.fill("torchrun --nproc-per-node 2")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved")).to_be_visible()
        page.reload()
        page.get_by_text("Several GPUs or a cluster").press("Enter")
        expect(page.get_by_label("Start runs with")).to_have_value("torchrun --nproc-per-node 2")
