"""What a simulation found: a row a strategy, and the files that show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Doubles
from barlowmatch.data.tables import write_table
from barlowmatch.files import whole_file, write_json
from barlowmatch.simulation.protocol import Trial
from barlowmatch.simulation.statistics import (
    Interval,
    area,
    bca,
    holm,
    labels_at_random,
    paired_p,
)

BASELINE = "random"
PICKS, CURVES = "picks.csv", "curves.csv"
TABLES = {
    PICKS: ("strategy", "repeat", "budget", "rank", "file", "chosen_by"),
    CURVES: (
        "strategy", "budget", "accuracy", "accuracy_low", "accuracy_high", "difference", "difference_low",
        "difference_high", "balanced_accuracy", "classes_seen", "labels_saved",
    ),
}  # fmt: skip
"""The tables that a report writes, with their columns."""
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Lines of one colour differ by these; with more than 48 strategies they begin anew."""


@dataclass(frozen=True)
class Row:
    """One strategy against asking at random.

    Attributes:
        strategy: its name.
        repeats: repetitions, over which all means and intervals are.
        accuracy: mean accuracy at each budget, with intervals.
        balanced_accuracy: mean balanced accuracy at each budget.
        classes_seen: mean number of classes with a label at each budget.
        difference: of accuracy to random at each budget, paired by repetition, with intervals.
        area: mean accuracy over the budgets.
        area_difference: of it to random.
        p: of the area's difference, corrected for the number of strategies (Holm).
        saved: labels saved against random at each budget; None where random never got there or always was.
        seconds: mean time of choosing, all budgets together.
    """

    strategy: str
    repeats: int
    accuracy: tuple[Interval, ...]
    balanced_accuracy: tuple[float, ...]
    classes_seen: tuple[float, ...]
    difference: tuple[Interval, ...]
    area: float
    area_difference: Interval
    p: float
    saved: tuple[float | None, ...]
    seconds: float


def summarise(trials: Sequence[Trial]) -> list[Row]:
    """Return a row a strategy, the best area first; every strategy has the same repetitions."""
    names = list(dict.fromkeys(trial.strategy for trial in trials))
    budgets = [step.budget for step in trials[0].steps]
    accuracies = {name: _values(trials, name, "accuracy") for name in names}
    areas = {name: np.array([area(budgets, row) for row in accuracies[name]]) for name in names}
    others = [name for name in names if name != BASELINE]
    p_values = dict(zip(others, holm([paired_p(areas[name] - areas[BASELINE]) for name in others]), strict=True))
    rows = []
    for name in names:
        means = accuracies[name].mean(0)
        saved = [labels_at_random(budgets, accuracies[BASELINE].mean(0), float(mean)) for mean in means]
        rows.append(
            Row(
                name,
                len(areas[name]),
                tuple(bca(column) for column in accuracies[name].T),
                tuple(_values(trials, name, "balanced_accuracy").mean(0).tolist()),
                tuple(_values(trials, name, "classes_seen").mean(0).tolist()),
                tuple(bca(column) for column in (accuracies[name] - accuracies[BASELINE]).T),
                float(areas[name].mean()),
                bca(areas[name] - areas[BASELINE]),
                p_values.get(name, 1.0),
                tuple(None if need is None else need - budget for need, budget in zip(saved, budgets, strict=True)),
                float(_values(trials, name, "seconds").sum(1).mean()),
            )
        )
    return sorted(rows, key=lambda row: -row.area)


def _values(trials: Sequence[Trial], name: str, what: str) -> Doubles:
    """Return a figure (repetitions, budgets) of one strategy."""
    chosen = sorted((trial for trial in trials if trial.strategy == name), key=lambda trial: trial.repeat)
    return np.array([[getattr(step, what) for step in trial.steps] for trial in chosen], np.float64)


def write_report(folder: Path, trials: Sequence[Trial], settings: dict[str, Any]) -> list[Row]:
    """Write picks, curves, summary and plot into `folder`, and return the rows."""
    rows = summarise(trials)
    budgets = [step.budget for step in trials[0].steps]
    _write_picks(folder / PICKS, trials)
    write_table(folder / CURVES, TABLES[CURVES], [line for row in rows for line in _curve(row, budgets)])
    write_json(
        folder / "summary.json", {"settings": settings, "budgets": budgets, "rows": [_plain(row) for row in rows]}
    )
    plot(folder / "curves.png", rows, budgets, settings)
    return rows


def _write_picks(path: Path, trials: Sequence[Trial]) -> None:
    lines = (
        (trial.strategy, trial.repeat, step.budget, rank, file, step.chosen_by)
        for trial in trials
        for step in trial.steps
        for rank, file in enumerate(step.files, 1)
    )
    write_table(path, TABLES[PICKS], lines)


def _curve(row: Row, budgets: Sequence[int]) -> list[tuple[object, ...]]:
    return [
        (
            row.strategy, budget, *("" if value is None else f"{value:.5f}" for value in (
                row.accuracy[place].mean, row.accuracy[place].low, row.accuracy[place].high,
                row.difference[place].mean, row.difference[place].low, row.difference[place].high,
                row.balanced_accuracy[place],
            )), f"{row.classes_seen[place]:.2f}", "" if row.saved[place] is None else f"{row.saved[place]:.1f}",
        )
        for place, budget in enumerate(budgets)
    ]  # fmt: skip


def _plain(row: Row) -> dict[str, Any]:
    return {
        "strategy": row.strategy, "repeats": row.repeats, "area": row.area, "p_holm": row.p, "seconds": row.seconds,
        "area_difference": vars(row.area_difference), "accuracy": [vars(item) for item in row.accuracy],
        "difference": [vars(item) for item in row.difference], "balanced_accuracy": row.balanced_accuracy,
        "classes_seen": row.classes_seen, "labels_saved": row.saved,
    }  # fmt: skip


def plot(path: Path, rows: Sequence[Row], budgets: Sequence[int], settings: dict[str, Any]) -> None:
    """Draw accuracy over labels with 95 % bands; the random draw is the dashed line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    looks = cycle(product(MARKERS, COLORS))
    for row in rows:
        marker, color = (".", "black") if row.strategy == BASELINE else next(looks)
        axes.plot(
            budgets, [100 * item.mean for item in row.accuracy], label=row.strategy, color=color, marker=marker,
            markersize=4, linestyle="--" if row.strategy == BASELINE else "-",
        )  # fmt: skip
        lows, highs = zip(*((item.low, item.high) for item in row.accuracy), strict=True)
        if None not in lows:
            axes.fill_between(
                budgets, 100 * np.array(lows), 100 * np.array(highs), color=color, alpha=0.12, linewidth=0
            )
    axes.set_xscale("log")
    axes.set_xticks(budgets, [str(budget) for budget in budgets], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("labels")
    axes.set_ylabel("accuracy on test images, %")
    axes.set_title(f"{settings['images']} images, {settings['learner']}, {settings['repeats']} repetitions")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=130)


def table_lines(rows: Sequence[Row], budgets: Sequence[int]) -> list[str]:
    """Return the summary as aligned text."""
    header = [
        "strategy",
        "n",
        *(f"@{budget}" for budget in budgets),
        "area",
        "against random",
        "p (Holm)",
        "saved",
        "seconds",
    ]
    lines = [header]
    for row in rows:
        difference, saved = row.area_difference, row.saved[-1]
        against, p = f"{100 * difference.mean:+.1f}", ""
        if difference.low is not None and difference.high is not None:
            against, p = f"{against} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]", f"{row.p:.3f}"
        lines.append([
            row.strategy, str(row.repeats), *(f"{100 * item.mean:.1f}" for item in row.accuracy),
            f"{100 * row.area:.1f}",
            "" if row.strategy == BASELINE else against, "" if row.strategy == BASELINE else p,
            "" if saved is None else f"{saved:.0f}", f"{row.seconds:.1f}",
        ])  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
