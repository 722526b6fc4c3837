"""The plan of a round: what is missing between what is there and the next request for labels, and the time for each.

Without labels of two classes: pretrain (or use what was pretrained before), embed, ask for typical images. With them:
a classifier and FixMatch come before embedding, and their guesses are taken up. What is there already is not done
again, but pretraining goes on in round after round until it has shown the images as often as its recipe asks for: in
the minutes of one round a large folder is hardly seen once. Nothing is asked of the user. The validation split, the
control sample among it, is in every manifest as what is judged by, and so never trained on.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from barlowmatch.files import write_json
from barlowmatch.selection.catalog import find_strategy
from barlowmatch.words import count
from labeling.processes import read_json
from labeling.project import ProjectFolder
from labeling.runs.supervising import ROUND, Wish
from storage.splits import SplitCounts

SCHEMA = 1
PLAN = "round.json"
"""In the run folder of a round: its steps and what became of them."""
SHARES = {"pretrain": 5.0, "train-classifier": 2.0, "fixmatch": 3.0}
"""How the time for training is divided among the stages that are run."""
RESERVE = 0.15
"""Share of the time that is kept for embedding and choosing."""
ENOUGH = 0.8
"""Share of the recipe's passes from which on pretraining is not gone on with."""
LABELS_A_MINUTE = 100
"""A classifier on few labels needs few minutes: one for so many labels, and at least one."""

StepState = Literal["waiting", "running", "done", "skipped", "failed"]


@dataclass(frozen=True)
class RoundWish:
    """What a round is asked for: time for all of it, and what kind of request it ends with.

    Raises:
        InputError: no such strategy; said here, not when the training is over.
    """

    minutes: float
    strategy: str = "auto"
    budget: int = 100
    overlap: int = 1

    def __post_init__(self) -> None:
        """Refuse a strategy that there is not."""
        find_strategy(self.strategy)


@dataclass(frozen=True)
class PlannedStep:
    """A step of a round.

    Attributes:
        key: a stage's name, or `ask` or `take-up`.
        title: for people.
        why: what it is for, or why it is left out.
        state: what became of it.
        run: the run that does it, None before that or where it is no stage.
        minutes: its time, None where it takes as long as it takes.
    """

    key: str
    title: str
    why: str
    state: StepState = "waiting"
    run: str | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Pretrained:
    """A finished run of pretraining.

    Attributes:
        name: of the run.
        passes: how often it, and the runs that it went on from, showed each image.
        wanted: how often its recipe shows each; 0 where it was started by hand: it is used as it is.
    """

    name: str
    passes: float
    wanted: int

    @property
    def is_enough(self) -> bool:
        """Whether the images were shown about as often as the recipe asks for."""
        return self.passes >= ENOUGH * self.wanted


@dataclass(frozen=True)
class Situation:
    """What is there before a round.

    Attributes:
        counts: images and labels.
        pretrained: the newest finished run of pretraining, None where there is none.
        unfinished: a run of pretraining that can go on, None where there is none.
        embedded: images in the newest embeddings, 0 where there are none.
        images: images that embeddings should hold.
        askable: whether any image is left to ask for.
        asked: images that are asked for already and not yet answered, the control sample not counted.
    """

    counts: SplitCounts
    pretrained: Pretrained | None
    unfinished: str | None
    embedded: int
    images: int
    askable: bool
    asked: int


def plan_round(now: Situation, wish: RoundWish) -> list[PlannedStep]:
    """Return the steps of a round, those that are left out among them with the reason."""
    steps = [_pretraining(now)]
    learns = now.counts.classes >= 2
    if learns:
        labels = f"{count(now.counts.labeled, 'label')} of {count(now.counts.classes, 'class', 'classes')}"
        steps += [
            PlannedStep("train-classifier", "Train the classifier", f"It learns the classes from {labels}."),
            PlannedStep(
                "fixmatch", "Learn from unlabeled images", "What the model is sure of teaches it the rest (FixMatch)."
            ),
        ]
    steps.append(_embedding(now, changes=learns or steps[0].state != "skipped"))
    steps.append(asking(now, wish))
    taken = PlannedStep(
        "take-up", "Take up what the model thinks", "Guesses and similar images stand beside each question."
    )
    return divide_time([*steps, taken], wish.minutes, now.counts.labeled)


def divide_time(steps: Sequence[PlannedStep], minutes: float, labels: int) -> list[PlannedStep]:
    """Return the steps with the minutes divided among the stages that train and still wait."""
    training = [step.key for step in steps if step.key in SHARES and step.state == "waiting"]
    left = minutes * (1 - RESERVE)
    given = {}
    if "train-classifier" in training and len(training) > 1:
        fair = left * SHARES["train-classifier"] / sum(SHARES[key] for key in training)
        given["train-classifier"] = min(fair, max(1.0, labels / LABELS_A_MINUTE))
        left -= given["train-classifier"]
    others = [key for key in training if key not in given]
    whole = sum(SHARES[key] for key in others)
    given |= {key: left * SHARES[key] / whole for key in others}
    return [
        PlannedStep(**{**asdict(step), "minutes": round(given[step.key], 3)}) if step.key in given else step
        for step in steps
    ]


def round_wish(paths: ProjectFolder, name: str, wish: RoundWish) -> Wish:
    """Return a round as what `Runs.start` takes."""
    words = (
        "labeling", "round", "--project", str(paths.folder), "--run", name, "--minutes", f"{wish.minutes:g}",
        "--strategy", wish.strategy, "--budget", str(wish.budget), "--overlap", str(wish.overlap),
    )  # fmt: skip
    return Wish(ROUND, words, asdict(wish))


def round_command(wish: Wish) -> list[str]:
    """Return the whole command line of a round."""
    return [sys.executable, "-m", *wish.command]


def keep_steps(folder: Path, steps: Sequence[PlannedStep]) -> None:
    """Write the steps of a round into its run folder."""
    write_json(folder / PLAN, {"schema": SCHEMA, "steps": [asdict(step) for step in steps]})


def kept_steps(folder: Path) -> list[PlannedStep]:
    """Return the steps of a round, [] before it has planned or where the run is none."""
    kept: list[dict[str, Any]] = read_json(folder / PLAN).get("steps", [])
    return [PlannedStep(**step) for step in kept]


def _pretraining(now: Situation) -> PlannedStep:
    title = "Pretrain"
    before = now.pretrained
    if before is not None and before.is_enough:
        return PlannedStep("pretrain", title, f"{before.name} is used again.", "skipped", before.name)
    if now.unfinished is not None:
        return PlannedStep("pretrain", title, f"{now.unfinished} goes on from its checkpoint.", run=now.unfinished)
    if before is not None:
        shown = f"showed each image {before.passes:.2g} times, of {before.wanted} that its recipe asks for"
        return PlannedStep("pretrain", title, f"{before.name}, which {shown}, goes on.")
    return PlannedStep(
        "pretrain", title, f"It learns what {count(now.counts.learnable, 'image')} have in common, without labels."
    )


def _embedding(now: Situation, *, changes: bool) -> PlannedStep:
    title = "Describe every image"
    if not changes and now.embedded >= now.images > 0:
        return PlannedStep("embed", title, "The images are embedded already.", "skipped")
    return PlannedStep("embed", title, "So that images can be compared and chosen.")


def asking(now: Situation, wish: RoundWish) -> PlannedStep:
    """Return the step that asks for labels, or that says why nothing is to be asked."""
    title = "Choose images and ask for labels"
    if not now.askable:
        return PlannedStep("ask", title, "Every image has its answer or is asked for already.", "skipped")
    if now.asked >= wish.budget:
        return PlannedStep(
            "ask", title, f"Asked for already: {count(now.asked, 'image')}. Answer these first.", "skipped"
        )
    return PlannedStep(
        "ask", title, f"{count(wish.budget - now.asked, 'image')} whose labels help most ({wish.strategy})."
    )
