"""Running the round: one process that runs the stages of a plan as child processes and passes on how far they are.

It may be stopped at any moment: the stage at work writes a checkpoint, the steps that are done stand in `round.json`,
and the same round goes on from there when it is resumed.
"""

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Progress, Said, duration
from barlowmatch.files import write_json
from barlowmatch.runs.names import EVENTS, RESULT
from barlowmatch.stopping import Interrupted, StopRequest, stop_signals
from barlowmatch.words import count
from labeling.configs import ChooseConfig
from labeling.embeddings.importing import import_embeddings
from labeling.embeddings.newest import newest_embeddings
from labeling.project import ProjectFolder, reading
from labeling.requests.choosing import choose
from labeling.requests.tables import import_request
from labeling.rounds.asking import count_askable
from labeling.rounds.planning import (
    PlannedStep,
    RoundWish,
    Situation,
    asking,
    divide_time,
    keep_steps,
    kept_steps,
    plan_round,
    round_command,
    round_wish,
)
from labeling.rounds.pretraining import look_for_pretraining
from labeling.runs import launching
from labeling.runs.stages import STAGES, find_stage
from labeling.runs.state import Run
from labeling.runs.supervising import ROUND, Runs
from labeling.runs.wishes import Asked, make_wish, plan_run, sources
from labeling.telling import telling
from storage.clock import now
from storage.errors import StorageError
from storage.splits import split_counts

LOOK_SECONDS = 0.3
_TERMINATED = 128 + signal.SIGTERM
MAY_FAIL = ("train-classifier", "fixmatch")
"""Stages without which a round still ends in a request: by what the stage before them knows."""


class Stopped(Interrupted):
    """The round was asked to stop, or one of its runs was."""

    way_on = "it goes on from here when it is resumed"


class _Steps:
    """The steps of a round, kept in its run folder.

    Args:
        folder: of the round.
        steps: as they stand there, or as they are planned.
    """

    def __init__(self, folder: Path, steps: Sequence[PlannedStep]) -> None:
        self._folder = folder
        self._steps = list(steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[PlannedStep]:
        return iter(self._steps)

    def __getitem__(self, place: int) -> PlannedStep:
        return self._steps[place]

    def replace(self, place: int, step: PlannedStep) -> PlannedStep:
        """Put a step in the place of another, and return it once it is kept."""
        self._steps[place] = step
        keep_steps(self._folder, self._steps)
        return step


class RoundRunner:
    """A round at work.

    Args:
        paths: where the project is.
        name: of its run folder.
        wish: what it was asked for.
        emit: hears how far it is.
        stop: says whether it is asked to stop.
    """

    def __init__(self, paths: ProjectFolder, name: str, wish: RoundWish, emit: Emit, stop: StopRequest) -> None:
        self._paths = paths
        self._name = name
        self._wish = wish
        self._emit = emit
        self._runs = Runs(paths)
        self._folder = self._runs.folder(name)
        self._results: dict[str, Any] = {}
        self._until = time.monotonic() + 60 * wish.minutes
        self._stop = stop

    def run(self) -> dict[str, Any]:
        """Do the steps that are not done yet, and return what came of them.

        Raises:
            InputError: a step failed without which there can be no request.
            Stopped: it was asked to stop.
        """
        steps = _Steps(self._folder, kept_steps(self._folder) or plan_round(self._situation(), self._wish))
        for place in range(len(steps)):
            step = steps[place]
            if step.key == "ask" and step.state != "done":  # people label while it trains, and may have answered all
                step = steps.replace(place, asking(self._situation(), self._wish))
            if step.state in ("done", "skipped", "failed"):
                self._emit(Said(message=f"{step.title}: {step.why}"))
            else:
                self._do(steps, place)
        return self._results

    def _timed(self, steps: Iterable[PlannedStep]) -> list[PlannedStep]:
        """Divide the time that is left anew: a stage may have needed less than its share."""
        waiting = [replace(step, state="waiting") if step.state == "running" else step for step in steps]
        left = max(0.5, (self._until - time.monotonic()) / 60)
        with reading(self._paths.folder) as db:
            return divide_time(waiting, left, split_counts(db).labeled)

    def _do(self, steps: _Steps, place: int) -> None:
        """Do a step; what became of it is kept."""
        step = steps.replace(place, replace(self._timed(steps)[place], state="running"))
        self._need_time()
        how_long = "" if step.minutes is None else f" About {duration(60 * step.minutes)}."
        self._emit(Said(message=f"{step.title}: {step.why}{how_long}"))
        if step.key not in STAGES:
            why = {"ask": self._ask, "take-up": self._take_up}[step.key]()
            steps.replace(place, replace(step, state="done", why=why))
            return
        name = step.run or launching.new_name(step.key)
        step = steps.replace(place, replace(step, run=name))
        try:
            self._run_stage(step, name)
        except (InputError, StorageError) as error:
            if step.key not in MAY_FAIL and not self._is_pretrained(step):
                raise
            self._emit(Said(message=f"{step.title} failed, the round goes on without it: {error}", level="warning"))
            steps.replace(place, replace(step, state="failed", why=str(error)))
        else:
            steps.replace(place, replace(step, state="done"))

    def _run_stage(self, step: PlannedStep, name: str) -> None:
        """Start the run of a step, or go on with it, and follow it to its end."""
        known = self._runs.find(name)
        if known is None:
            asked = self._asked(step)
            with reading(self._paths.folder) as db:
                plan = plan_run(db, self._runs, asked)
            self._runs.start(name, make_wish(self._runs, name, asked, plan, within=self._name))
        elif known.state not in ("running", "done"):
            self._runs.resume(name, within=self._name, minutes=step.minutes)
        run = self._follow(step, name)
        self._need_time()
        if run.state == "stopped":
            raise Stopped(_TERMINATED)
        if run.state != "done":
            raise InputError(f"{name}: {run.message or 'it ended early'}")

    def _asked(self, step: PlannedStep) -> Asked:
        """Return what is asked of a stage: of pretraining that goes on, what was asked of it before."""
        before = next(iter(sources(self._runs, find_stage(step.key))), None)
        if step.key != "pretrain" or before is None or not before.command:
            return Asked(step.key, minutes=step.minutes)
        about = before.about
        config = {name: value for name, value in (about.get("config") or {}).items() if name != "weights"}
        return Asked(step.key, about.get("preset"), config, step.minutes, before.name)

    def _is_pretrained(self, step: PlannedStep) -> bool:
        """Say whether a step is to go on with pretraining that is finished: without it there is what was learned."""
        return step.key == "pretrain" and any(run.state == "done" for run in sources(self._runs, find_stage(step.key)))

    def _follow(self, step: PlannedStep, name: str) -> Run:
        """Pass on how far a run is until its process has ended."""
        told: Progress | None = None
        asked_to_stop = False
        while True:
            pid = launching.living_process(self._runs.folder(name))
            if self._stop.status is not None and not asked_to_stop:
                launching.note(self._runs.folder(name), {"cancelled": now()})  # it may end before it can say a word
                asked_to_stop = True
                if pid is not None:
                    launching.ask_to_stop(pid)
            progress = self._runs.story(name).progress
            if progress is not None and progress != told:
                told = progress
                work = f"{progress.unit}s" if progress.work == step.key else progress.work
                self._emit(replace(progress, work=f"{step.title}: {work}", metrics={}))
            if pid is None:
                return self._runs.need(name)
            time.sleep(LOOK_SECONDS)

    def _ask(self) -> str:
        """Choose images, and ask for their labels."""
        budget = self._wish.budget - self._situation().asked
        to = self._folder / "request.csv"
        config = ChooseConfig(project=self._paths.folder, strategy=self._wish.strategy, budget=max(1, budget), to=to)
        choose(config, self._emit)
        self._need_time()
        added = import_request(self._paths.folder, to, self._wish.overlap)
        self._results |= {"request": added.id, "items": added.items}
        return f"Request {added.id} asks about {count(added.items, 'image')}."

    def _take_up(self) -> str:
        """Take up guesses and neighbours from the newest embeddings."""
        with reading(self._paths.folder) as db:
            embedded = newest_embeddings(self._paths, db)
        if embedded is None:
            return "There was nothing to take up."
        taken = import_embeddings(self._paths.folder, embedded.folder, launching.learned_at(embedded.folder))
        self._results |= {"predictions": taken.predictions, "neighbours": taken.neighbours, "suspects": taken.suspects}
        guesses, asked = count(taken.predictions, "guess", "guesses"), count(taken.neighbours, "asked one")
        told = f"{guesses}, and the nearest labeled images of {asked}."
        if taken.suspects:
            told += f" {count(taken.suspects, 'suspect label')}: see Browse, under Suspect."
        return told

    def _need_time(self) -> None:
        """Go on only where nobody asked to stop.

        Raises:
            Stopped: somebody did.
        """
        if self._stop.status is not None:
            raise Stopped(self._stop.status)

    def _situation(self) -> Situation:
        with reading(self._paths.folder) as db:
            counts = split_counts(db)
            embedded = newest_embeddings(self._paths, db)
            askable = count_askable(db)
        images = counts.learnable + counts.kept
        rows = 0 if embedded is None else embedded.rows
        pretrained, unfinished = look_for_pretraining(self._runs, counts.learnable)
        return Situation(counts, pretrained, unfinished, rows, images, askable.free > 0, askable.asked)


def run_round(paths: ProjectFolder, name: str, wish: RoundWish) -> int:
    """Run a round in its run folder, and return the exit status: 0, or 143 or 130 when it was asked to stop.

    Raises:
        InputError: a step failed without which there can be no request.
    """
    folder = paths.runs / name
    os.nice(launching.NICENESS)
    started = time.monotonic()
    try:
        with telling(ROUND, folder / EVENTS, str(folder)) as account, stop_signals() as stop:
            try:
                results = RoundRunner(paths, name, wish, account.emit, stop).run()
            except Exception as error:
                if stop.status is None:
                    raise
                raise Stopped(stop.status) from error  # what was asked to stop with it says all sorts of things
            account.results = results | {"seconds": round(time.monotonic() - started, 1)}
            write_json(folder / RESULT, account.results)
    except Stopped as stopped:
        return stopped.status
    return 0


def begin_by_hand(paths: ProjectFolder, wish: RoundWish) -> str:
    """Make the run folder of a round that somebody starts on the command line, and return its name.

    Raises:
        Refused: a run is at work.
    """
    Runs(paths).need_free()
    name = launching.new_name(ROUND)
    described = round_wish(paths, name, wish)
    folder = paths.runs / name
    folder.mkdir(parents=True)
    facts = {
        "stage": ROUND, "command": round_command(described), "created": now(), "launched": now(),
        "about": described.about, "within": None, "used_minutes": 0.0,
    }  # fmt: skip
    launching.note_own_process(folder, facts)
    return name
