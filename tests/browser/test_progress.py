"""The Progress page says what a really trained network got right, and its cells open those pictures."""

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from labeling.cli.main import main
from labeling.project import reading
from labeling.runs.manifests import write_manifest
from tests.browser.bench import Bench, check_looks, serving
from tests.conftest import Command
from tests.labeling.rounds.test_evaluating import write_run

RUN = "train-classifier-20260101T000000Z-0a0a0a"
QUICK = ("--backbone", "resnet18_quarter", "--views", "digits", "--precision", "float32", "--batch-size", "32",
         "--image-size", "16", "--classifier-width", "32", "--num-epochs", "4")  # fmt: skip


@pytest.fixture(scope="module")
def bench(
    browser: Browser, example: Path, barlowmatch: Command, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """Serve a project in which a classifier was trained and its predictions were taken up."""
    project = tmp_path_factory.mktemp("progress") / "digits"
    shutil.copytree(example, project, symlinks=True)
    run = project / "runs" / RUN
    run.mkdir(parents=True)
    with reading(project) as db:
        write_manifest(db, run)
    data = ("--manifest", run / "manifest.csv")
    trained = barlowmatch("train-classifier", *data, "--run-dir", run, *QUICK)
    assert trained.returncode == 0, trained.stderr
    embeddings = project / "runs" / "embed-20260101T000100Z-0b0b0b" / "embeddings"
    embeddings.parent.mkdir()
    embedded = barlowmatch("embed", *data, "--checkpoint-path", run / "best.pt", "--out-path", embeddings)
    assert embedded.returncode == 0, embedded.stderr
    assert main(["import", "--project", str(project), "--embeddings", str(embeddings)]) == 0
    with serving(project) as bench:
        yield bench


@pytest.fixture
def page(page: Page, bench: Bench) -> Page:
    page.goto(f"{bench.url}/progress")
    page.wait_for_selector(".pg-card:visible, .pg-missing")
    return page


def test_the_figures_are_those_of_the_run_and_cells_open_their_pictures(page: Page, bench: Bench) -> None:
    val: dict[str, Any] = json.loads((bench.project / "runs" / RUN / "result.json").read_text())["val"]
    expect(page.locator(".pg-figure strong")).to_have_text(f"{100 * val['accuracy']:.1f}\u00a0%")
    expect(page.locator(".pg-headline")).to_contain_text("Classifier trained on 60 labels")
    expect(page.locator(".pg-ahead")).to_contain_text("from the second round on")
    columns = page.locator(".pg-matrix thead th").all_inner_texts()
    shown = {
        (line.locator("th").inner_text(), columns[place]): int(cell.inner_text())
        for line in page.locator(".pg-matrix tbody tr").all()
        for place, cell in enumerate(line.locator("td").all())
        if cell.locator("a").count()
    }
    names = list(val["recalls"])
    judged = {(names[label], names[predicted]): number for label, predicted, number in val["confusion"]}
    assert shown == judged, "the run's own matrix is what its embedded predictions say"
    cell = page.locator(".pg-matrix a").first
    number = int(cell.inner_text())
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".wb-tile")).to_have_count(number)
    expect(page.locator("[name=split]")).to_have_value("val")


def test_images_on_which_people_differ_are_one_press_away(browser: Browser, page: Page, bench: Bench) -> None:
    (image,) = bench.rows("SELECT id FROM image WHERE split = 'unlabeled' ORDER BY id LIMIT 1")[0]
    wish = {"uuid": str(uuid.uuid4()), "random": 3, "overlap": 2}
    assert page.request.post(f"{bench.url}/api/requests", data=wish).ok
    for place, name in enumerate(("Cy", "Di")):
        person = browser.new_context().request
        assert person.post(f"{bench.url}/api/people/me", data={"name": name}).ok
        cls = person.get(f"{bench.url}/api/classes").json()["classes"][place]["id"]
        said = {"uuid": str(uuid.uuid4()), "kind": "label", "image": image, "class": cls, "source": "browse"}
        assert person.post(f"{bench.url}/api/labels", data={"client": name, "events": [said]}).ok
        if place == 0:
            page.reload()
            words = "two people yet; 6 answers to images that several people are asked about are still to come."
            expect(page.locator(".pg-page")).to_contain_text(words)
    page.goto(f"{bench.url}/project")
    expect(page.locator(".pj-next")).to_contain_text("People disagree on 1 picture: Browse has it under State")
    settle = page.get_by_role("link", name="Settle what people disagree on")
    expect(settle).to_have_attribute("href", f"{bench.url}/browse?state=disputed")
    page.goto(f"{bench.url}/progress")
    expect(page.locator(".pg-page")).to_contain_text("they agree on 0 %")
    page.get_by_role("link", name="Images to settle").click()
    expect(page.locator(".wb-tile")).to_have_count(1)
    expect(page.locator("[name=state]")).to_have_value("disputed")


def test_a_forecast_stands_beside_what_the_round_brought(page: Page, bench: Bench) -> None:
    write_run(bench.project, "fixmatch-2", labels=160, event=10**6, right=80, count=100, stage="fixmatch")
    page.reload()
    expect(page.locator(".pg-ahead")).to_contain_text("is likely to bring")
    write_run(bench.project, "classifier-3", labels=360, event=2 * 10**6, right=86, count=100)
    write_run(bench.project, "fixmatch-3", labels=360, event=2 * 10**6, right=88, count=100, stage="fixmatch")
    page.reload()
    last = page.locator("tbody tr", has_text="360").first.locator("td").last
    expect(last).to_contain_text(" to ")
    expect(last).not_to_contain_text("*")
    beside = page.locator("tr", has_text="360").first.locator("xpath=following-sibling::tr[1]")
    expect(beside).to_contain_text("Classifier86.0")
    plot = page.locator(".plot-area")
    plot.focus()
    page.keyboard.press("Home")
    expect(page.locator(".plot-reading")).to_contain_text("60 labels to learn from")
    page.locator(".plot summary").click()
    expect(page.locator(".plot-table tbody tr").nth(1)).to_contain_text("80")
    page.get_by_role("button", name="Shares").click()
    expect(page.locator(".pg-matrix a").first).to_contain_text("%")
    check_looks(page)


def test_the_name_of_an_axis_stands_beside_its_marks(page: Page, bench: Bench) -> None:
    page.goto(bench.url + "/progress")
    page.locator(".pg-headline > *").first.wait_for()
    page.evaluate(
        """async () => {
          const { drawPlot } = await import(new URL("workbench/plot.js", location.origin));
          const points = [{ x: 1, y: 0.0009 }, { x: 2, y: 0.00391 }];
          const place = document.querySelector(".pg-headline");
          drawPlot(place, { series: [{ name: "rate", points }], x: { label: "step" }, y: { label: "learning rate" } });
        }"""
    )
    texts = page.locator(".pg-headline .plot svg text")
    expect(texts.last).to_have_text("learning rate")
    marks = page.locator(".pg-headline .plot svg text[text-anchor=end]")
    left = marks.evaluate_all("all => Math.min(...all.map(one => one.getBoundingClientRect().x))")

    assert left > texts.last.evaluate("one => one.getBoundingClientRect().right")


def test_plots_side_by_side_stand_at_one_height_and_name_what_is_drawn(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.url}/progress")
    page.wait_for_selector(".pg-page")
    page.evaluate(
        """async () => {
          const { h } = await import(new URL("workbench/dom.js", location.origin));
          const { drawPlot } = await import(new URL("workbench/plot.js", location.origin));
          const areas = [h("div"), h("div")];
          const sections = areas.map((area) => h("section", {}, h("h3", {}, "Loss"), area));
          document.querySelector(".pg-headline").before(h("div", { class: "tr-plots" }, sections)); // not drawn anew
          const points = [{ x: 0, y: 1 }, { x: 1, y: 2 }];
          const spec = { x: { label: "step" }, y: { label: "loss" } };
          const compared = [{ name: "without a curve", points: [] }, { name: "with one", points }];
          drawPlot(areas[0], { ...spec, series: compared });
          drawPlot(areas[1], { ...spec, series: [{ name: "alone", points }] });
        }"""
    )
    expect(page.locator(".tr-plots .plot-series .plot-line[d^=M]")).to_have_count(2)
    expect(page.locator(".tr-plots .plot-legend").first).to_have_text("with one")
    boxes = [area.bounding_box() for area in page.locator(".tr-plots .plot-area").all()]
    left, right = (box for box in boxes if box)
    assert left["x"] < right["x"]
    assert left["y"] == right["y"]
