"""Runs: forms, estimates, start, watch, stop, go on. What takes long is a process of its own."""

import dataclasses
import shlex
from typing import Any

from fastapi import APIRouter, Query, Request

from barlowmatch.data.tables import shown
from labeling.api.access import Context, Here, Who, done_once, how_people_come_in, was_done
from labeling.forms import form_fields
from labeling.rounds.asking import count_askable
from labeling.rounds.planning import RoundWish, kept_steps, round_wish
from labeling.runs.launching import new_name, python_words
from labeling.runs.stages import ABOUT_PRESETS, HIDDEN, Stage, base_config, find_stage
from labeling.runs.state import Run
from labeling.runs.stories import Curve
from labeling.runs.supervising import ROUND, Wish
from labeling.runs.views import answers_of, view_flags
from labeling.runs.wishes import (
    LAUNCHER,
    Asked,
    backbone_of,
    default_preset,
    make_wish,
    plan_run,
    sources,
    what_lacks,
)
from labeling.wire import OnceIn
from labeling.wire import runs as wire
from storage.database import Database
from storage.errors import Refused
from storage.settings import get_setting, put_setting
from storage.splits import split_counts

routes = APIRouter(tags=["runs"])


@routes.get("/api/runs")
def list_runs(here: Here, limit: int = Query(100, ge=1, le=1000)) -> wire.RunsOut:
    """List the runs, newest first."""
    return wire.RunsOut(runs=[_out(run) for run in here.runs.newest(limit)])


@routes.post("/api/runs", status_code=202)
def start_run(new: wire.RunIn, here: Here, who: Who) -> wire.RunOut:
    """Start a stage as a process of its own; refused while another run is at work."""
    asked = _asked(new)
    name = new_name(new.stage)

    def wish(db: Database, name: str) -> Wish:
        return make_wish(here.runs, name, asked, plan_run(db, here.runs, asked))

    return _start(here, new, who, name, wish)


@routes.get("/api/rounds")
def show_round(here: Here) -> wire.AskableOut:
    """Say how many images a round can ask for."""
    with here.project.reading() as db:
        return wire.AskableOut(**dataclasses.asdict(count_askable(db)))


@routes.post("/api/rounds", status_code=202)
def start_round(new: wire.RoundIn, here: Here, who: Who) -> wire.RunOut:
    """Run the round: whatever is missing between what is there and the next request for labels."""
    asked = RoundWish(new.minutes, new.strategy, new.budget, new.overlap)

    def wish(db: Database, name: str) -> Wish:
        if "budget" in new.model_fields_set and new.budget > (most := count_askable(db).most):
            raise Refused(f"there are only {most:,} to ask for", "budget", None, "invalid")
        return round_wish(here.project.paths, name, asked)

    return _start(here, new, who, new_name(ROUND), wish)


@routes.get("/api/runs/{name}")
def show_run(name: str, here: Here) -> wire.RunDetail:
    """Return all about one run."""
    run = here.runs.need(name)
    story = here.runs.story(name)
    return wire.RunDetail(
        **_out(run).model_dump(), command=shown(shlex.join(run.command)), curves=_curves(story.curves),
        evaluations=_curves(story.evaluations), checkpoint=story.checkpoint,
        said=[wire.SaidOut(time=said.time, level=said.level, message=said.message) for said in story.sentences],
        log=here.runs.log(name),
        steps=[wire.StepOut(**dataclasses.asdict(step)) for step in kept_steps(here.runs.folder(name))],
    )  # fmt: skip


@routes.post("/api/runs/{name}/cancel")
def cancel_run(name: str, _: OnceIn, here: Here) -> wire.RunOut:
    """Ask a run to stop; a training stage writes a checkpoint first. Asking again changes nothing."""
    here.runs.cancel(name)
    return _out(here.runs.need(name))


@routes.post("/api/runs/{name}/resume")
def resume_run(name: str, _: OnceIn, here: Here) -> wire.RunOut:
    """Let a run go on from its checkpoint. One that runs already is left alone."""
    here.estimates.stop()
    here.runs.resume(name)
    return _out(here.runs.need(name))


@routes.get("/api/forms/{stage}")
def show_form(stage: str, here: Here) -> wire.FormOut:
    """Return the form of a stage, with defaults for this project and this machine."""
    found = find_stage(stage)
    with here.project.reading() as db:
        counts, views = split_counts(db), view_flags(answers_of(db))
    known = sources(here.runs, found)
    preset = default_preset(found)
    fields = form_fields(base_config(found, preset, counts, views), hidden=HIDDEN, basic=found.basic)
    presets = [
        wire.PresetOut(
            name=name, about=ABOUT_PRESETS[name], values=_values(found, base_config(found, name, counts, views))
        )
        for name in found.presets
    ]
    return wire.FormOut(
        stage=found.name, title=found.title, start=found.start, about=found.about, timed=found.timed,
        lacks=what_lacks(found, counts, has_source=bool(known)), preset=preset, presets=presets,
        fields=[wire.FieldOut(**dataclasses.asdict(field)) for field in fields],
        sources=[
            wire.SourceOut(
                name=run.name, stage=run.stage, created=run.created, backbone=backbone_of(here.runs, run)
            )
            for run in known
        ],
        source=known[0].name if known else None,
    )  # fmt: skip


@routes.post("/api/estimate")
def estimate(wanted: wire.RunAsked, here: Here) -> wire.EstimateOut:
    """Say how long a run would take, by former runs or by steps timed in a process."""
    with here.project.reading() as db:
        plan = plan_run(db, here.runs, _asked(wanted))
    return wire.EstimateOut(**dataclasses.asdict(here.estimates.ask(plan)))


@routes.get("/api/launcher")
def show_launcher(request: Request, here: Here) -> wire.LauncherOut:
    """Return the words that start Python for a run, and whether they may be set here."""
    with here.project.reading() as db:
        return wire.LauncherOut(launcher=get_setting(db, LAUNCHER, ""), settable=_sets_launcher(request))


@routes.put("/api/launcher")
async def set_launcher(new: wire.LauncherIn, request: Request, here: Here, who: Who) -> wire.LauncherOut:
    """Set them, such as `torchrun --nproc-per-node 8`: only where nobody logs in, for they may be any program."""
    if not _sets_launcher(request):
        way = "python -m labeling launcher --project P --words WORDS"
        raise Refused("what runs are started with is set on the server alone", "launcher", f"run {way}", "forbidden")
    python_words(new.launcher)

    def work(db: Database) -> Any:
        put_setting(db, LAUNCHER, new.launcher.strip())
        return {"launcher": new.launcher.strip(), "settable": True}

    return wire.LauncherOut(**await here.write(done_once(new, who, work)))


def _sets_launcher(request: Request) -> bool:
    return how_people_come_in(request) == "none"


def _start(here: Context, new: wire.RunIn | wire.RoundIn, who: int, name: str, wish: Any) -> wire.RunOut:
    """Start a run once per UUID: what would refuse it is looked for before its name is written down.

    Not inside the write, for which everybody's labels wait: after a start of the server it reads what all runs told.
    Whether another run is at work by then, `Runs.start` asks again, one at a time.
    """
    with here.starting:
        with here.project.reading() as db:
            done = was_done(db, new, who)
        if not done:
            here.runs.need_free()
            with here.project.reading() as db:
                wish(db, name)
        chosen = here.project.write(done_once(new, who, lambda _: {"name": name}))["name"]
        with here.project.reading() as db:
            wanted = None if here.runs.find(chosen) else wish(db, chosen)
        if wanted is not None:
            here.estimates.stop()
            here.runs.start(chosen, wanted)
        return _out(here.runs.need(chosen))


def _asked(new: wire.RunAsked) -> Asked:
    return Asked(new.stage, new.preset, new.config, new.minutes, new.starts_from)


def _values(stage: Stage, config: Any) -> dict[str, Any]:
    return {field.name: field.default for field in form_fields(config, hidden=HIDDEN, basic=stage.basic)}


def _curves(curves: dict[str, Curve]) -> dict[str, list[tuple[int, float]]]:
    return {name: curve.points for name, curve in list(curves.items())}


def _out(run: Run) -> wire.RunOut:
    progress = None
    if run.progress is not None:
        told = run.progress
        progress = wire.WorkOut(
            work=told.work, done=told.done, total=told.total, unit=told.unit, rate=told.rate or 0.0,
            samples_rate=told.samples_rate or 0.0, remaining=told.remaining or 0.0,
        )  # fmt: skip
    return wire.RunOut(
        name=run.name, stage=run.stage, state=run.state, created=run.created, about=run.about, within=run.within,
        event=run.event, labels=run.labels, progress=progress, seconds=run.seconds, message=run.message,
        figures=run.figures,
    )  # fmt: skip
