"""Round by round: what the project's trained networks got right on the control sample, and what was forecast.

A round is what one run of `python -m labeling round` trained, though people label meanwhile, and otherwise all runs
whose manifest was written at one label event; the network that was trained last speaks for it. Its figures stand in the
run's `result.json`, the labels it learned from in the `manifest.json` beside it.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from barlowmatch.runs.names import CONFIG
from labeling.processes import read_json
from labeling.project import ProjectFolder
from labeling.rounds.forecasting import Forecast, Measured, between, forecast
from labeling.runs.launching import LAUNCH
from labeling.runs.manifests import read_facts
from storage.database import Database
from storage.settings import get_setting, put_setting

CLASSIFIER_STAGES = ("train-classifier", "fixmatch")
KEPT = "forecasts"
_REACH = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Multiples of the present labels at which a forecast is kept; between them it is read off."""


@dataclass(frozen=True)
class Judged:
    """A trained network and what it got right.

    Attributes:
        run: name of the run folder.
        stage: the command that trained it.
        within: the round that ran it, None where it was started by itself.
        event: label event of its manifest.
        labels: images it learned from.
        count: control images it was judged by.
        right: those it got right.
        interval: 95 % interval of the accuracy, as the stage wrote it.
        balanced_accuracy: mean recall over the classes.
        finished: nanoseconds since the epoch.
    """

    run: str
    stage: str
    within: str | None
    event: int
    labels: int
    count: int
    right: int
    interval: tuple[float, float]
    balanced_accuracy: float
    finished: int

    @property
    def accuracy(self) -> float:
        """Share of control images it got right."""
        return self.right / self.count


def judged_runs(paths: ProjectFolder) -> list[Judged]:
    """Return the project's networks that were judged, by label event, then by when they were finished."""
    found = []
    for path in paths.runs.glob("*/result.json"):
        try:
            judged = _read(path, path.stat().st_mtime_ns)
        except OSError:
            continue  # removed just now
        if judged is not None:
            found.append(judged)
    return sorted(found, key=lambda run: (run.event, run.finished))


@lru_cache(maxsize=4096)
def _read(path: Path, stamp: int) -> Judged | None:
    """Return the figures of a run, None where it has none; `stamp`, the file's time, makes a new one be read anew."""
    stage = read_json(path.with_name(CONFIG)).get("stage")
    val: dict[str, Any] = read_json(path).get("val") or {}
    manifest, within = read_facts(path.parent), read_json(path.with_name(LAUNCH)).get("within")
    if stage not in CLASSIFIER_STAGES or manifest is None or not val.get("count") or not manifest.labels.get("train"):
        return None
    return Judged(
        run=path.parent.name, stage=stage, within=within, event=manifest.event,
        labels=manifest.labels["train"], count=val["count"],
        right=round(val["accuracy"] * val["count"]), interval=(val["accuracy_low"], val["accuracy_high"]),
        balanced_accuracy=val["balanced_accuracy"], finished=stamp,
    )  # fmt: skip


@dataclass(frozen=True)
class RoundResult:
    """A round: the network that speaks for it, and what had been forecast for its number of labels.

    Attributes:
        judged: its network.
        forecast: what the rounds before said, None for the first two.
        kept: whether that was written down before the round came; else it was worked out afterwards from those rounds.
    """

    judged: Judged
    forecast: Forecast | None
    kept: bool


def rounds_of(runs: list[Judged]) -> list[Judged]:
    """Return the network that speaks for each round, by label event: the one that was trained last."""
    begun: dict[str | None, int] = {}
    for run in runs:
        begun.setdefault(run.within, run.event)
    return list({run.event if run.within is None else begun[run.within]: run for run in runs}.values())


def history(rounds: list[Judged], kept: dict[str, Any]) -> list[RoundResult]:
    """Return the rounds, each beside what had been forecast for it.

    Args:
        rounds: the network that speaks for each.
        kept: forecasts that were written down, by label event.
    """
    return [_beside(rounds[:place], judged, kept) for place, judged in enumerate(rounds)]


def _beside(before: list[Judged], judged: Judged, kept: dict[str, Any]) -> RoundResult:
    if not can_forecast(before):
        return RoundResult(judged, None, kept=False)
    written = kept.get(str(before[-1].event))
    if written is not None:
        found = between([Forecast(**point) for point in written["points"]], judged.labels)
        if found is not None:
            return RoundResult(judged, found, kept=True)
    return RoundResult(judged, forecast(_measured(before), [judged.labels])[0], kept=False)


def can_forecast(rounds: list[Judged]) -> bool:
    """Say whether there are rounds of two different numbers of labels."""
    return len({judged.labels for judged in rounds}) >= 2


def forecast_next(rounds: list[Judged], step: int) -> tuple[Forecast, ...]:
    """Return the forecast from the present labels up to four times as many; one of its points is `step` labels on.

    Args:
        rounds: at least two of different numbers of labels.
        step: labels that the next round adds, at least 1.
    """
    present = rounds[-1].labels
    reach = {present, present + step, *(round(present * times) for times in _REACH)}
    return forecast(_measured(rounds), sorted(reach))


def labels_to_come(rounds: list[Judged], ahead: int) -> int:
    """Return how many labels the next round adds: those given and asked for since, else as many as the last one did.

    Args:
        rounds: so far.
        ahead: labels to learn from once all that is asked for is answered.
    """
    present = rounds[-1].labels if rounds else 0
    if ahead > present or len(rounds) < 2:
        return max(1, ahead - present)
    return max(1, present - rounds[-2].labels)


def kept_forecasts(db: Database) -> dict[str, Any]:
    """Return the forecasts that were written down, by the label event of the round they were made after."""
    kept: dict[str, Any] = get_setting(db, KEPT, {})
    return kept


def keep_forecast(db: Database, event: int, points: tuple[Forecast, ...], created: str) -> None:
    """Write a forecast down, once: later ones after the same round change nothing."""
    kept = kept_forecasts(db)
    if str(event) not in kept:
        put_setting(db, KEPT, kept | {str(event): {"created": created, "points": [asdict(item) for item in points]}})


def _measured(rounds: list[Judged]) -> list[Measured]:
    return [Measured(judged.labels, judged.right, judged.count) for judged in rounds]
