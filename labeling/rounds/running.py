"""Running the round: one process that runs the stages of a plan as child processes and passes on how far they are.

It may be stopped at any moment: the stage at work writes a checkpoint, the steps that are done stand in `round.json`,
and the same round goes on from there when it is resumed.
"""

import os
import time
from dataclasses import replace
from typing import Any

from barlowmatch.errors import InputError
from barlowmatch.events import (
    Console,
    Emit,
    JsonLines,
    Progress,
    RunFailed,
    RunFinished,
    RunStarted,
    Said,
    duration,
    fan_out,
)
from barlowmatch.files import write_json
from barlowmatch.run_files import EVENTS, RESULT
from barlowmatch.stopping import StopRequest, stop_signals
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
from storage.clock import now
from storage.errors import StorageError
from storage.splits import split_counts

STOPPED = 143
LOOK_SECONDS = 0.3
MAY_FAIL = ("train-classifier", "fixmatch")
"""Stages without which a round still ends in a request: by what the stage before them knows."""


class Stopped(Exception):  # noqa: N818 - not a fault
    """The round was asked to stop."""


class RoundRunner:
    """A round at work.

    Args:
        paths: where the project is.
        name: of its run folder.
        wish: what it was asked for.
        emit: hears how far it is.
    """

    def __init__(self, paths: ProjectFolder, name: str, wish: RoundWish, emit: Emit) -> None:
        self._paths = paths
        self._name = name
        self._wish = wish
        self._emit = emit
        self._runs = Runs(paths)
        self._folder = self._runs.folder(name)
        self._results: dict[str, Any] = {}
        self._until = time.monotonic() + 60 * wish.minutes
        self.stop = StopRequest()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self.stop.status is not None

    def run(self) -> dict[str, Any]:
        """Do the steps that are not done yet, and return what came of them.

        Raises:
            InputError: a step failed without which there can be no request.
            Stopped: it was asked to stop.
        """
        steps = kept_steps(self._folder) or plan_round(self._situation(), self._wish)
        for place in range(len(steps)):
            step = self._as_it_stands(steps, place)
            if step.state in ("done", "skipped", "failed"):
                self._emit(Said(message=f"{step.title}: {step.why}"))
                continue
            steps[place] = self._timed(steps)[place]
            steps[place] = self._do(steps, place)
            keep_steps(self._folder, steps)
        return self._results

    def _as_it_stands(self, steps: list[PlannedStep], place: int) -> PlannedStep:
        """Return a step as it is to be done now: people label while it trains, and may have answered all."""
        if steps[place].key == "ask" and steps[place].state != "done":
            steps[place] = asking(self._situation(), self._wish)
            keep_steps(self._folder, steps)
        return steps[place]

    def _timed(self, steps: list[PlannedStep]) -> list[PlannedStep]:
        """Divide the time that is left anew: a stage may have needed less than its share."""
        waiting = [replace(step, state="waiting") if step.state == "running" else step for step in steps]
        left = max(0.5, (self._until - time.monotonic()) / 60)
        with reading(self._paths.folder) as db:
            return divide_time(waiting, left, split_counts(db).labeled)

    def _do(self, steps: list[PlannedStep], place: int) -> PlannedStep:
        step = steps[place] = replace(steps[place], state="running")
        keep_steps(self._folder, steps)
        self._need_time()
        how_long = "" if step.minutes is None else f" About {duration(60 * step.minutes)}."
        self._emit(Said(message=f"{step.title}: {step.why}{how_long}"))
        if step.key not in STAGES:
            why = {"ask": self._ask, "take-up": self._take_up}[step.key]()
            return replace(step, state="done", why=why)
        name = step.run or launching.new_name(step.key)
        steps[place] = step = replace(step, run=name)
        keep_steps(self._folder, steps)
        try:
            self._run_stage(step, name)
        except (InputError, StorageError) as error:
            if step.key not in MAY_FAIL and not self._is_pretrained(step):
                raise
            self._emit(Said(message=f"{step.title} failed, the round goes on without it: {error}", level="warning"))
            return replace(step, state="failed", why=str(error))
        return replace(step, state="done")

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
        if self.stopping or run.state == "stopped":
            raise Stopped
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
            if self.stopping and not asked_to_stop:
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
        if self.stopping:
            raise Stopped

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
    """Run a round in its run folder, and return the exit status: 0, or 143 when it was asked to stop.

    Raises:
        InputError: a step failed without which there can be no request.
    """
    folder = paths.runs / name
    os.nice(launching.NICENESS)
    lines, console = JsonLines(folder / EVENTS), Console()
    emit = fan_out(lines, console)
    work = RoundRunner(paths, name, wish, emit)
    started = time.monotonic()
    try:
        emit(RunStarted(stage=ROUND, folder=str(folder)))
        with stop_signals() as work.stop:
            results = work.run()
        results |= {"seconds": round(time.monotonic() - started, 1)}
        write_json(folder / RESULT, results)
        emit(RunFinished(step=0, results=results))
    except Exception as error:
        if work.stopping or isinstance(error, Stopped):
            emit(RunFailed(reason="stopped as asked; it goes on from here when it is resumed", status=STOPPED))
            return STOPPED
        emit(RunFailed(reason=str(error).split("\n")[0] or type(error).__name__, status=2))
        raise
    finally:
        console.close()
        lines.close()
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
