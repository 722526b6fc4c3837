"""What the Progress page says is what runs, predictions and answers say, and a forecast holds what it promises."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from labeling.project import Project, ProjectFolder, reading, writing
from labeling.rounds.evaluating import judged_runs, keep_forecast, kept_forecasts, rounds_of
from labeling.rounds.forecasting import Measured, between, forecast
from storage.database import transaction
from storage.images import all_images, mark_gone
from storage.pace import BREAK_SECONDS, agreements, paces
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess
from storage.settings import get_setting
from tests.labeling.conftest import Tab

CURVES = [
    (2.0, 0.5, (50, 100, 200, 400), 200, 800),
    pytest.param(1.0, 0.3, (100, 200), 200, 300, marks=pytest.mark.slow),
    pytest.param(3.0, 0.6, (100, 200, 300, 400, 500), 1000, 600, marks=pytest.mark.slow),
]


def error_after(labels: int, a: float, b: float) -> float:
    return min(1.0, a / math.pow(labels, b))


def write_run(
    project: Path, name: str, *, labels: int, event: int, right: int, count: int = 200, stage: str = "train-classifier",
    within: str | None = None,
) -> None:  # fmt: skip
    """Write what a finished run leaves, as far as its figures go."""
    folder = project / "runs" / name
    folder.mkdir(parents=True)
    interval = binomtest(right, count).proportion_ci(method="wilson")
    val = {
        "count": count, "accuracy": right / count, "accuracy_low": interval.low, "accuracy_high": interval.high,
        "balanced_accuracy": right / count,
    }  # fmt: skip
    manifest = {
        "schema": 1, "event": event, "created": "2026-01-01T00:00:00Z", "images": 1000,
        "labels": {"train": labels, "val": count},
    }  # fmt: skip
    for file, content in (
        ("config.json", {"stage": stage}), ("manifest.json", manifest), ("result.json", {"val": val}),
        ("launch.json", {"within": within}),
    ):  # fmt: skip
        (folder / file).write_text(json.dumps(content))


@pytest.mark.parametrize(("a", "b", "labels", "count", "ahead"), CURVES)
def test_the_interval_holds_what_is_measured_as_often_as_it_says(
    a: float, b: float, labels: Sequence[int], count: int, ahead: int
) -> None:
    draw = np.random.default_rng(11)
    tries, held = 500, 0
    for seed in range(tries):
        rounds = [Measured(n, count - int(draw.binomial(count, error_after(n, a, b))), count) for n in labels]
        (said,) = forecast(rounds, [ahead], seed)
        measured = 1 - draw.binomial(count, error_after(ahead, a, b)) / count
        held += said.low <= measured <= said.high
    assert 0.92 < held / tries < 0.98, "95 %, give or take three standard errors of this test"


def test_without_noise_the_curve_itself_is_forecast() -> None:
    count = 10_000_000
    rounds = [Measured(n, round(count * (1 - error_after(n, 2.0, 0.5))), count) for n in (50, 100, 200)]
    for said in forecast(rounds, [400, 1600]):
        expected = 1 - error_after(said.labels, 2.0, 0.5)
        assert said.accuracy == pytest.approx(expected, abs=2e-4)
        assert said.low < expected < said.high
        assert said.high - said.low < 0.002


@pytest.mark.parametrize(
    "rounds",
    [
        [Measured(50, 10, 40), Measured(100, 300, 400), Measured(400, 90, 100)],
        [Measured(100, 50, 100), Measured(200, 100, 100)],  # no error left: steeper than any curve
        [Measured(100, 80, 100), Measured(200, 70, 100)],
        [Measured(10, 0, 20), Measured(20, 1, 20)],
    ],
)
def test_what_is_likely_is_the_bounded_least_squares_of_logarithms(rounds: list[Measured]) -> None:
    """Scipy's, each round weighted by one over the variance of its log error, half an error and half a hit added."""
    n, right, count = np.array([(item.labels, item.right, item.count) for item in rounds], np.float64).T
    error = (count - right + 0.5) / (count + 1)
    root = np.sqrt(count * error / (1 - error))
    design = np.stack([np.ones_like(n), -np.log(n)], 1)
    log_a, b = lsq_linear(root[:, None] * design, root * np.log(error), ([-np.inf, 0], [np.inf, 1]), tol=1e-14).x
    for said in forecast(rounds, [2, 500, 3000]):
        assert said.accuracy == pytest.approx(1 - min(1, math.exp(log_a) / said.labels**b), abs=1e-6)


def test_the_interval_is_as_wide_as_few_errors_make_it() -> None:
    """By propagation of errors, where there are many images but for the last round's, by which is measured."""
    n, count = np.array([50.0, 100, 200]), np.array([10**6, 10**6, 2 * 10**4])
    error = 2 / np.sqrt(n)
    rounds = [Measured(int(a), round(c * (1 - e)), int(c)) for a, c, e in zip(n, count, error, strict=True)]
    variance = (1 - error) / (error * count)  # of log error
    x, ahead = np.log(n), 1600
    design = np.stack([np.ones(3), x], 1)
    spread = np.linalg.inv(design.T @ (design / variance[:, None]))
    place, there = np.array([1, math.log(ahead)]), 2 / math.sqrt(ahead)
    expected = there**2 * (place @ spread @ place) + there * (1 - there) / count[-1]
    (said,) = forecast(rounds, [ahead])
    assert said.high - said.low == pytest.approx(2 * 1.96 * math.sqrt(expected), rel=0.08)


def test_a_round_stays_one_though_people_label_while_it_trains(folder: Path) -> None:
    write_run(folder, "train-classifier-1", labels=100, event=10, right=140, within="round-1")
    write_run(folder, "fixmatch-1", labels=110, event=20, right=150, stage="fixmatch", within="round-1")
    write_run(folder, "train-classifier-2", labels=300, event=40, right=160, within="round-2")
    write_run(folder, "train-classifier-3", labels=110, event=20, right=130)
    found = rounds_of(judged_runs(ProjectFolder(folder)))
    assert [run.run for run in found] == ["fixmatch-1", "train-classifier-3", "train-classifier-2"]


def test_more_labels_are_never_forecast_to_harm_and_fewer_images_to_judge_by_are_less_sure() -> None:
    falling = forecast([Measured(100, 180, 200), Measured(200, 170, 200)], [400])[0]
    assert falling.accuracy == pytest.approx(0.875, abs=0.01), "the mean of the rounds, no decline"
    few = forecast([Measured(100, 35, 50), Measured(200, 40, 50)], [400])[0]
    many = forecast([Measured(100, 1400, 2000), Measured(200, 1600, 2000)], [400])[0]
    assert few.high - few.low > 3 * (many.high - many.low)
    assert forecast([Measured(100, 1400, 2000), Measured(200, 1600, 2000)], [400])[0] == many
    assert forecast([Measured(100, 1400, 2000), Measured(200, 1600, 2000)], [400], seed=1)[0] != many
    with pytest.raises(ValueError, match="two different numbers"):
        forecast([Measured(100, 1, 2), Measured(100, 2, 2)], [200])


def test_a_kept_forecast_is_read_off_between_its_points() -> None:
    points = forecast([Measured(100, 140, 200), Measured(200, 160, 200)], [200, 400, 800])
    assert [between(points, labels) for labels in (200, 400, 800)] == list(points)
    middle = between(points, round(400 * 2**0.5))
    assert middle is not None
    assert middle.accuracy == pytest.approx((points[1].accuracy + points[2].accuracy) / 2, abs=1e-3)
    assert between(points, 900) is None


def test_what_was_said_is_never_rewritten(folder: Path) -> None:
    first = forecast([Measured(100, 140, 200), Measured(200, 160, 200)], [200, 400])
    second = forecast([Measured(100, 100, 200), Measured(200, 120, 200)], [200, 400])
    with writing(folder) as db, transaction(db):
        keep_forecast(db, 20, first, "2026-01-01T00:00:00Z")
        keep_forecast(db, 20, second, "2026-01-02T00:00:00Z")
        keep_forecast(db, 30, second, "2026-01-02T00:00:00Z")
        kept = kept_forecasts(db)
    assert kept.keys() == {"20", "30"}
    assert [point["accuracy"] for point in kept["20"]["points"]] == [point.accuracy for point in first]


def test_rounds_are_the_runs_figures_beside_what_was_forecast_before(folder: Path, ann: Tab) -> None:
    empty = ann.get("/api/evaluation")
    assert (empty["rounds"], empty["ahead"], empty["newest"]) == ([], [], None)
    write_run(folder, "train-classifier-1", labels=100, event=10, right=140)
    write_run(folder, "pretrain-1", labels=100, event=10, right=1, stage="pretrain")
    assert ann.get("/api/evaluation")["ahead"] == [], "one round is no curve"
    write_run(folder, "train-classifier-2", labels=200, event=20, right=150)
    write_run(folder, "fixmatch-2", labels=200, event=20, right=160, stage="fixmatch")
    second = ann.get("/api/evaluation")
    assert [(r["run"], r["labels"], r["accuracy"]["right"]) for r in second["rounds"]] == [
        ("train-classifier-1", 100, 140), ("fixmatch-2", 200, 160),
    ]  # fmt: skip
    assert [run["run"] for run in second["runs"]] == ["train-classifier-2"]
    assert [round_["forecast"] for round_ in second["rounds"]] == [None, None]
    assert second["step"] == 100, "as many as the last round added"
    assert [point["labels"] for point in second["ahead"]] == [200, 250, 300, 400, 600, 800]
    with reading(folder) as db:
        kept = get_setting(db, "forecasts")
    assert kept["20"]["points"] == second["ahead"]
    write_run(folder, "fixmatch-3", labels=300, event=30, right=170, stage="fixmatch")
    third = ann.get("/api/evaluation")["rounds"][2]
    assert third["kept"]
    assert third["forecast"] == second["ahead"][2]
    with reading(folder) as db:
        assert get_setting(db, "forecasts")["20"] == kept["20"], "what was said is never rewritten"


def test_the_confusion_is_that_of_the_predictions_and_its_cells_open_in_browse(
    folder: Path, project: Project, ann: Tab
) -> None:
    draw = np.random.default_rng(2)
    ids = list(ann.classes.values())
    with writing(folder) as db, transaction(db):
        run = add_run(db, b"/runs/embed-1/embeddings", "fixmatch")
        images = [image for image in all_images(db) if image.label.class_id is not None]
        db.executemany("UPDATE image SET split = 'val' WHERE id = ?", [(image.id,) for image in images])
        guessed = {image.id: int(draw.choice(ids)) for image in images}
        put_predictions(db, run, [NewPrediction(i, (Guess(c, 0.9),), i) for i, c in guessed.items()])
        mark_gone(db, [images.pop().id])
        del guessed[max(guessed)]
    truth = [image.label.class_id for image in images]
    newest = ann.get("/api/evaluation")["newest"]
    cells = {(cell["label"], cell["predicted"]): cell["count"] for cell in newest["cells"]}
    expected = confusion_matrix(truth, list(guessed.values()), labels=ids)
    assert {
        (a, b): n for a, row in zip(ids, expected, strict=True) for b, n in zip(ids, row, strict=True) if n
    } == cells
    assert newest["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, list(guessed.values())))
    interval = binomtest(newest["accuracy"]["right"], 9).proportion_ci(method="wilson")
    assert (newest["accuracy"]["low"], newest["accuracy"]["high"]) == pytest.approx(
        (interval.low, interval.high), abs=1e-5
    )
    assert all(item["found"] is None for item in newest["classes"]), "five labels are too few to tell"
    for (label, predicted), number in cells.items():
        shown = ann.get("/api/images", label=label, predicted=predicted, split="val", missing=False)
        assert shown["total"] == number


def test_pace_leaves_breaks_out_and_agreement_is_counted_pair_by_pair(
    folder: Path, project: Project, open_tab: Callable[[str], Tab]
) -> None:
    ann, bob = open_tab("Ann"), open_tab("Bob")
    with writing(folder) as db, transaction(db):
        images = [
            row["id"] for row in db.execute("SELECT id FROM image WHERE split = 'unlabeled' ORDER BY id LIMIT 12")
        ]
        (imported,) = db.execute("SELECT id FROM image WHERE split = 'train' AND class IS NOT NULL LIMIT 1").fetchone()
    open_tab("Cy").say({"kind": "label", "image": imported, "class": ann.classes["dog"], "source": "browse"})
    for tab, names in ((ann, ["cat"] * 12), (bob, ["cat"] * 9 + ["dog"] * 3)):
        for image, name in zip(images, names, strict=True):
            tab.say({"kind": "label", "image": image, "class": tab.classes[name], "source": "browse"})
    team = ann.get("/api/pace")
    assert (team["agreement"]["right"], team["agreement"]["count"]) == (9, 12)
    assert [(pair["person"], pair["other"]) for pair in team["pairs"]] == [("Ann", "Bob")]
    cid = open_tab("Cid")
    for image in images:
        cid.say({"kind": "label", "image": image, "class": cid.classes["cat"], "source": "browse"})
    agreed = ann.get("/api/pace")["agreement"]
    assert (agreed["right"], agreed["count"], agreed["images"]) == (9 + 12 + 9, 36, 12)
    interval = binomtest(10, 12).proportion_ci(method="wilson")
    assert (agreed["low"], agreed["high"]) == pytest.approx((interval.low, interval.high), abs=1e-5), "30 of 36 pairs"
    with writing(folder) as db:
        db.execute("DROP TRIGGER label_event_is_never_changed")
        moments = [f"2026-01-01T10:{minute:02d}:{second:02d}.000Z" for minute in (0, 10) for second in range(0, 60, 10)]
        rows = db.execute(
            "SELECT label_event.id FROM label_event WHERE person = ? ORDER BY id", (ann.me["id"],)
        ).fetchall()
        db.executemany(
            "UPDATE label_event SET created = ? WHERE id = ?",
            [(moment, row["id"]) for moment, row in zip(moments, rows, strict=True)],
        )
        found = {pace.name: pace for pace in paces(db)}["Ann"]
        assert BREAK_SECONDS < 550, "between the two minutes there is a break"
        assert (found.answers, found.paced) == (12, 10)
        assert found.seconds == pytest.approx(100, abs=0.1)
        assert found.per_hour == pytest.approx(360, rel=1e-3)
        assert [pair.images for pair in agreements(db)[0]] == [12, 12, 12]
