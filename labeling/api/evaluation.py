"""How good the networks are on the control sample, round by round, and how people work."""

import os
from pathlib import Path

from fastapi import APIRouter

from barlowmatch.intervals import TOO_FEW, wilson_interval
from labeling.api.access import Asker, Context, Here
from labeling.rounds.evaluating import (
    Judged,
    RoundResult,
    can_forecast,
    forecast_next,
    history,
    judged_runs,
    keep_forecast,
    kept_forecasts,
    labels_to_come,
    rounds_of,
)  # fmt: skip
from labeling.rounds.forecasting import Forecast
from labeling.wire import evaluation as wire
from storage.clock import now
from storage.database import Database
from storage.judging import confusion, control_labels, count_control, labels_ahead, origins
from storage.pace import BREAK_SECONDS, RECENT, Agreement, agreements, paces, second_answers_missing
from storage.people import list_people

routes = APIRouter(tags=["evaluation"])


@routes.get("/api/evaluation")
def show_evaluation(here: Here, asker: Asker) -> wire.EvaluationOut:
    """Say how good the networks are, and what one more round is likely to bring; that is written down once a round."""
    runs = judged_runs(here.project.paths)
    rounds = rounds_of(runs)
    with here.project.reading() as db:
        control = count_control(db, asker)
        newest = _newest(db, asker)
        kept = kept_forecasts(db)
        step = labels_to_come(rounds, labels_ahead(db))
    ahead = forecast_next(rounds, step) if can_forecast(rounds) else ()
    if ahead and str(rounds[-1].event) not in kept:
        _keep(here, rounds[-1].event, ahead)
    speaking = {judged.run for judged in rounds}
    return wire.EvaluationOut(
        too_few=TOO_FEW,
        control=wire.ControlCountsOut(images=control.images, labeled=control.labeled, asked=control.asked),
        newest=newest, rounds=[_round(item) for item in history(rounds, kept)],
        runs=[_figure(run) for run in runs if run.run not in speaking], step=step,
        ahead=[_forecast(point) for point in ahead],
    )  # fmt: skip


@routes.get("/api/pace")
def show_pace(here: Here, asker: Asker) -> wire.PacesOut:
    """Say how fast people label and how far they agree."""
    with here.project.reading() as db:
        everybody = paces(db)
        pairs, images = agreements(db, asker)
        missing = second_answers_missing(db)
        known = {person.id: person for person in list_people(db)}
    paced, seconds = sum(item.paced for item in everybody), sum(item.seconds for item in everybody)
    return wire.PacesOut(
        newest=RECENT, break_s=BREAK_SECONDS,
        people=[
            wire.PaceOut(
                person=item.person, name=item.name, answers=known[item.person].answers, hours=item.seconds / 3600,
                per_hour=item.per_hour,
            )
            for item in everybody
        ],
        per_hour=3600 * paced / seconds if paced >= TOO_FEW and seconds > 0 else None,
        agreement=_agreed(pairs, images) if images else None, second_answers=missing,
        pairs=[
            wire.AgreementOut(
                person=known[pair.person].name, other=known[pair.other].name, same=_share(pair.same, pair.images)
            )
            for pair in pairs
        ],
    )  # fmt: skip


def _newest(db: Database, asker: int | None) -> wire.NewestOut | None:
    """Return what the newest predictions say, None where no labeled control image has one."""
    cells = confusion(db, asker)
    made_by = origins(db)
    if not cells or not made_by:
        return None
    labels = control_labels(db, asker)
    right, seen = dict.fromkeys(labels, 0), dict.fromkeys(labels, 0)
    for cell in cells:
        seen[cell.label] += cell.count
        right[cell.label] += cell.count * (cell.label == cell.predicted)
    found = {number: right[number] / count for number, count in seen.items() if count}
    origin = made_by[0]
    return wire.NewestOut(
        run=Path(os.fsdecode(origin.folder)).name, stage=origin.stage, created=origin.created,
        accuracy=_share(sum(right.values()), sum(seen.values())),
        balanced_accuracy=sum(found.values()) / len(found),
        classes=[
            wire.ClassShareOut(
                class_id=number, labels=count, found=_share(right[number], count) if count >= TOO_FEW else None
            )
            for number, count in seen.items()
        ],
        cells=[wire.CellOut(label=cell.label, predicted=cell.predicted, count=cell.count) for cell in cells],
    )  # fmt: skip


def _keep(here: Context, event: int, points: tuple[Forecast, ...]) -> None:
    here.project.write(lambda db: keep_forecast(db, event, points, now()))


def _round(item: RoundResult) -> wire.RoundOut:
    judged = item.judged
    return wire.RoundOut(
        run=judged.run, stage=judged.stage, labels=judged.labels, accuracy=_accuracy(judged),
        balanced_accuracy=judged.balanced_accuracy,
        forecast=None if item.forecast is None else _forecast(item.forecast), kept=item.kept,
    )  # fmt: skip


def _figure(judged: Judged) -> wire.RunFigureOut:
    return wire.RunFigureOut(
        run=judged.run, stage=judged.stage, labels=judged.labels, accuracy=_accuracy(judged),
    )  # fmt: skip


def _accuracy(judged: Judged) -> wire.ShareOut:
    low, high = judged.interval
    return wire.ShareOut(right=judged.right, count=judged.count, share=judged.accuracy, low=low, high=high)


def _share(right: int, count: int) -> wire.ShareOut:
    low, high = wilson_interval(right, count)
    return wire.ShareOut(right=right, count=count, share=right / count, low=low, high=high)


def _agreed(pairs: list[Agreement], images: int) -> wire.AgreedOut:
    """Return how far all pairs agree, as sure as so many images make it: pairs of one image speak of the same thing."""
    right, count = sum(pair.same for pair in pairs), sum(pair.images for pair in pairs)
    low, high = wilson_interval(right / count * images, images)
    return wire.AgreedOut(right=right, count=count, images=images, share=right / count, low=low, high=high)


def _forecast(point: Forecast) -> wire.ForecastOut:
    return wire.ForecastOut(labels=point.labels, accuracy=point.accuracy, low=point.low, high=point.high)
