"""How long a run will take: by the rate of a former run of the same kind on this machine, else by steps timed now."""

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from barlowmatch.data.shares import share_of
from barlowmatch.runs.names import CONFIG, EVENTS
from labeling.processes import read_json
from labeling.project import ProjectFolder
from labeling.runs import launching
from labeling.runs.launching import LAUNCH
from labeling.runs.stages import command_words
from labeling.runs.state import Run, last_word, timestamp
from labeling.runs.stories import Story
from labeling.runs.supervising import Runs
from labeling.runs.wishes import RunPlan, checkpoint_of
from storage.clock import now

TIMING_MINUTES = 0.5
"""Time that timing steps may take, the start of the process included."""
_SPEED = (
    "backbone", "image_size", "max_image_size", "batch_size", "mu", "projector_width", "classifier_width", "precision",
    "device", "threads", "fine_tune", "optimizer",
)  # fmt: skip
"""Parameters that a step's time depends on."""
_TIMING = "A few steps are being timed; this takes half a minute."


@dataclass(frozen=True)
class Estimate:
    """How long a run will take.

    Attributes:
        state: `known`; `timing` while steps are timed, ask again then; `unknown` where it cannot be said.
        seconds: from its start to its end, None unless known.
        steps: steps (of `embed`: images) in all.
        by: what the estimate rests on: name of a former run, or None for steps timed now.
        message: the same in a sentence.
    """

    state: Literal["known", "timing", "unknown"]
    seconds: float | None
    steps: int
    by: str | None
    message: str


class Estimates:
    """Estimates for the runs of a project.

    Args:
        paths: where the project is.
        runs: its runs, by whose rates new ones are judged.
    """

    def __init__(self, paths: ProjectFolder, runs: Runs) -> None:
        self._paths = paths
        self._runs = runs

    def ask(self, plan: RunPlan) -> Estimate:
        """Return how long a plan would take; where nobody knows, a few steps of it are timed in a process."""
        steps = steps_of(plan)
        for run in self._runs.newest():
            if run.stage == plan.stage.name and self._is_alike(run, plan):
                measured = _measured(self._runs.story(run.name), run.stage, run.seconds)
                if measured is not None:
                    return _known(*measured, steps, run.name)
        return self._timed(plan, steps)

    def stop(self) -> None:
        """End whatever is being timed: the machine is wanted."""
        for folder in self._paths.runs.glob(".timing-*"):
            pid = launching.living_process(folder)
            if pid is not None:
                launching.note(folder, {"cancelled": now()})
                launching.ask_to_stop(pid)

    def _is_alike(self, run: Run, plan: RunPlan) -> bool:
        if plan.stage.name == "embed":
            return run.about.get("starts_from") == (plan.source.name if plan.source else None)
        config = read_json(self._runs.folder(run.name) / CONFIG).get("config", {})
        wanted = vars(plan.config)
        if not config or any(config.get(name) != wanted.get(name) for name in _SPEED):
            return False
        return _batch_size(plan, run.labels.get("train", 0)) == _batch_size(plan, plan.counts.labeled)

    def _timed(self, plan: RunPlan, steps: int) -> Estimate:
        if not plan.stage.timed:
            return Estimate("unknown", None, steps, None, "It says how long as soon as it has begun.")
        folder = self._paths.runs / f".timing-{_key(plan)}"
        facts = read_json(folder / LAUNCH)
        if facts and launching.living_process(folder) is not None:
            return Estimate("timing", None, steps, None, _TIMING)
        if facts:
            _forget_weights(folder)
            story = Story(folder / EVENTS).catch_up()
            measured = _measured(story, plan.stage.name, (story.heard or 0.0) - timestamp(facts["launched"]))
            if measured is not None:
                return _known(*measured, steps, None)
        if facts and not facts.get("cancelled"):
            said = last_word(folder, facts) or "it was ended from outside"
            return Estimate("unknown", None, steps, None, f"Steps could not be timed: {said}")
        other = self._runs.running()
        if other is not None:
            text = f"{other.name} is running; steps timed beside it would mislead."
            return Estimate("unknown", None, steps, None, text)
        self._start(folder, plan)
        return Estimate("timing", None, steps, None, _TIMING)

    def _start(self, folder: Path, plan: RunPlan) -> None:
        config = replace(plan.config, minutes=TIMING_MINUTES)
        checkpoint = None if plan.source is None else checkpoint_of(self._runs, plan.source)
        words = command_words(plan.stage, plan.preset, config, folder, checkpoint)
        facts = {
            "stage": plan.stage.name, "created": now(), "launched": now(), "about": {},
            "command": [*launching.python_words(plan.launcher), "-m", *words],
        }  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)  # of a timing that gave way to a run
        launching.launch(folder, facts, launching.starter(self._paths.folder, folder), own_group=True)


def _forget_weights(folder: Path) -> None:
    """Remove the weights that a timing saved: nobody goes on from them, and they may take gigabytes."""
    for path in folder.glob("*.pt"):
        path.unlink(missing_ok=True)


def steps_of(plan: RunPlan) -> int:
    """Return the steps a plan takes in all, as the stage itself will count them; of `embed` the images."""
    counts, config = plan.counts, plan.config
    if plan.stage.name == "embed":
        return counts.learnable + counts.kept
    batch = config.batch_size or config.usual_batch
    share = 0 if counts.kept else share_of(config.val_share, counts.labeled, counts.classes)
    labeled = round(counts.labeled * (1 - share))
    rows = labeled if plan.stage.name == "train-classifier" else counts.learnable
    if plan.stage.name == "fixmatch":
        an_epoch = config.num_steps or max(1, round(rows / (config.mu * batch)))
    else:
        an_epoch = steps_of_pass(rows, batch)
    return int(config.passes(an_epoch) * an_epoch)


def steps_of_pass(rows: int, batch: int) -> int:
    """Return the steps that show every image once."""
    return max(1, round(rows / min(batch, max(rows, 1))))


def _batch_size(plan: RunPlan, labeled: int) -> int:
    """Return the images in a batch; a classifier's usual batch is no larger than the labels there are."""
    usual: int = plan.config.usual_batch
    return plan.config.batch_size or (min(usual, labeled) if plan.stage.name == "train-classifier" else usual)


def _measured(story: Story, stage: str, seconds: float) -> tuple[float, float] | None:
    """Return seconds beside the steps (start, evaluations) and seconds a step, None where nothing was timed."""
    progress = story.progress
    if progress is None or progress.work != stage or not progress.rate or progress.done < 3:
        return None
    a_step = 1 / progress.rate
    return max(0.0, seconds - progress.done * a_step), a_step


def _known(before: float, a_step: float, steps: int, by: str | None) -> Estimate:
    source = f"the rate of {by}" if by else "steps timed just now on this machine"
    return Estimate("known", before + a_step * steps, steps, by, f"Judged by {source}.")


def _key(plan: RunPlan) -> str:
    """Return what names a kind of run: the same for all that take the same time a step."""
    speed: dict[str, Any] = {name: getattr(plan.config, name, None) for name in _SPEED}
    speed["batch_size"] = _batch_size(plan, plan.counts.labeled)
    facts = [plan.stage.name, plan.launcher, speed, plan.source.name if plan.source else None]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]
