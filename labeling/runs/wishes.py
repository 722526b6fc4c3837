"""From what somebody asks for to what is run: the stage's config as it fits the project, and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barlowmatch.runs.names import BEST, CONFIG, LAST
from labeling.processes import read_json
from labeling.runs.stages import (
    Stage,
    base_config,
    command_words,
    entered_config,
    find_stage,
    fitting_preset,
    images_to_learn_from,
)
from labeling.runs.state import Run
from labeling.runs.supervising import Runs, Wish
from labeling.runs.views import answers_of, view_flags
from storage.database import Database
from storage.errors import Refused
from storage.settings import get_setting
from storage.splits import SplitCounts, split_counts

LAUNCHER = "launcher"
"""Setting of the project: the words that start Python for a run, such as `torchrun --nproc-per-node 8`."""
NOTHING = ""
"""Start from no checkpoint."""


@dataclass(frozen=True)
class Asked:
    """What somebody asks for.

    Attributes:
        stage: name of the stage.
        preset: recipe to start from, None for the one that suits this machine.
        config: values that differ from the recipe, by field.
        minutes: time for all of it, None for as long as its epochs take.
        starts_from: run whose checkpoint it starts from, None for the one that suits, "" for none.
    """

    stage: str
    preset: str | None = None
    config: Mapping[str, Any] | None = None
    minutes: float | None = None
    starts_from: str | None = None


@dataclass(frozen=True)
class RunPlan:
    """What will be run: a checked config, and the run whose checkpoint it starts from, if any."""

    stage: Stage
    preset: str
    config: Any
    source: Run | None
    counts: SplitCounts
    launcher: str


def plan_run(db: Database, runs: Runs, asked: Asked) -> RunPlan:
    """Check what was asked for against the project.

    Raises:
        Refused: a field does not fit, or something is lacking that the stage needs; it says what.
    """
    stage = find_stage(asked.stage)
    counts = split_counts(db)
    preset = asked.preset or default_preset(stage)
    base = base_config(stage, preset, counts, view_flags(answers_of(db)))
    config = entered_config(base, asked.config or {}, asked.minutes)
    source = _source(runs, stage, config, asked.starts_from)
    lack = what_lacks(stage, counts, has_source=source is not None)
    if lack is not None:
        raise Refused(lack, "stage", None, "invalid")
    available = images_to_learn_from(stage, counts)
    if stage.timed and config.batch_size is not None and config.batch_size > available:
        raise Refused(
            f"batch size {config.batch_size} is more than the {available} images there are to learn from", "batch_size",
            f"give {available} or less", "invalid",
        )  # fmt: skip
    return RunPlan(stage, preset, config, source, counts, get_setting(db, LAUNCHER, ""))


def make_wish(runs: Runs, name: str, asked: Asked, plan: RunPlan, within: str | None = None) -> Wish:
    """Return a plan as what `Runs.start` takes, for a run of this name."""
    checkpoint = None if plan.source is None else checkpoint_of(runs, plan.source)
    words = command_words(plan.stage, plan.preset, plan.config, runs.folder(name), checkpoint)
    about = {
        "preset": plan.preset, "config": dict(asked.config or {}), "minutes": asked.minutes,
        "starts_from": plan.source.name if plan.source else None,
    }  # fmt: skip
    return Wish(plan.stage.name, tuple(words), about, within, plan.launcher)


def default_preset(stage: Stage) -> str:
    """Return the preset that suits this machine, or the only one."""
    fitting = fitting_preset()
    return fitting if fitting in stage.presets else next(iter(stage.presets))


def sources(runs: Runs, stage: Stage) -> list[Run]:
    """Return the runs that a stage may start from, the one that suits best first.

    The newest counts; of a stage that goes on from another, the later stage before the newer run.
    """
    rank = {name: place if stage.timed else 0 for place, name in enumerate(stage.starts_from)}
    found = [run for run in runs.newest() if run.stage in rank and checkpoint_of(runs, run) is not None]
    return sorted(found, key=lambda run: (run.state != "done", rank[run.stage]))


def checkpoint_of(runs: Runs, run: Run) -> Path | None:
    """Return the best model of a run, else its latest checkpoint, None where it has neither."""
    folder = runs.folder(run.name)
    return next((path for name in (BEST, LAST) if (path := folder / name).is_file()), None)


def backbone_of(runs: Runs, run: Run) -> str | None:
    """Return the network that a run was told to train, None where it took that of a checkpoint."""
    name: str | None = read_json(runs.folder(run.name) / CONFIG).get("config", {}).get("backbone")
    return name


def what_lacks(stage: Stage, counts: SplitCounts, *, has_source: bool) -> str | None:
    """Say what a stage needs that is not there yet, None where all is there."""
    if counts.learnable < 2:
        return "there are fewer than two images to learn from"
    if stage.name in ("train-classifier", "fixmatch") and counts.classes < 2:
        beside = " outside the control sample, which nothing is trained on" if counts.judged else ""
        return f"it needs labels of at least two classes{beside}; label some images first"
    if stage.name == "embed" and not has_source:
        return "it needs a trained model; pretrain one first"
    return None


def _source(runs: Runs, stage: Stage, config: Any, wanted: str | None) -> Run | None:
    if wanted == NOTHING:
        return None
    known = sources(runs, stage)
    if wanted is None:
        return next((run for run in known if _clash(runs, run, config) is None), None)
    found = next((run for run in known if run.name == wanted), None)
    if found is None:
        raise Refused(f"{wanted} has no checkpoint to start from", "starts_from", "choose another run", "invalid")
    clash = _clash(runs, found, config)
    if clash is not None:
        raise Refused(clash, "starts_from", "choose another run to start from, or none", "invalid")
    return found


def _clash(runs: Runs, source: Run, config: Any) -> str | None:
    """Say why a config cannot start from a run, None where it can."""
    if getattr(config, "weights", None) is not None:
        return f"there are weights to start from besides {source.name}"
    old = backbone_of(runs, source)
    new = getattr(config, "backbone", None)
    if None not in (old, new) and old != new:
        return f"{source.name} trained the network {old}, this recipe takes {new}"
    return None
