"""The one next thing to do in a project, and what a control sample of some size can tell."""

from dataclasses import dataclass, replace
from typing import Literal

from barlowmatch.intervals import wilson_interval
from barlowmatch.words import count
from labeling.configs import InitConfig
from storage.control import Control, Counts

Act = Literal["read", "control", "label", "round", "export"]
TOO_FEW = 50
"""Fewer labels than that are too few to judge a model by: their accuracy is known to no better than 13 points."""


@dataclass(frozen=True)
class NextStep:
    """The next thing to do: what it is, in words, and why."""

    act: Act
    words: str
    why: str


def next_step(state: Counts, control: Control | None, largest: int) -> NextStep:
    """Return the one next thing to do; it waits for no answer that nobody will give, and says so.

    Args:
        state: counts of the project.
        control: its control sample; None where it has none.
        largest: how many images a control sample may have that nobody has answered in.
    """
    step = _step(state, control, largest)
    beside = (*_undecided(state.undecided), *_disputed(state.disputed), *_suspect(state.suspects))
    return replace(step, why=" ".join([step.why, *beside]))


def _undecided(number: int) -> list[str]:
    if number == 0:
        return []
    stay, them = ("stays", "it") if number == 1 else ("stay", "them")
    return [
        f"{count(number, 'picture')} {stay} undecided: everybody who labels skipped {them} twice. "
        f"Browse has {them} under Skipped."
    ]


def _disputed(number: int) -> list[str]:
    if number == 0:
        return []
    them = "it" if number == 1 else "them"
    return [f"People disagree on {count(number, 'picture')}: Browse has {them} under State, Disputed."]


def _suspect(number: int) -> list[str]:
    if number == 0:
        return []
    look, them = ("looks", "it") if number == 1 else ("look", "them")
    return [f"{count(number, 'label')} {look} wrong beside the others: Browse has {them} under Suspect."]


def _step(state: Counts, control: Control | None, largest: int) -> NextStep:
    if state.images == 0:
        return NextStep("read", "Read the folder", "No image of it is known yet.")
    if not state.learns:
        return _nothing_to_learn_from(control, largest)
    if control is not None and control.left > 0:
        left = control.left
        return NextStep(
            "label", f"Label the control sample: {count(left, 'random picture')} to go",
            "It measures every model of this project, and is never trained on.",
        )  # fmt: skip
    if control is None and state.validation < min(TOO_FEW, largest):
        number = min(InitConfig.control, largest)
        return NextStep(
            "control", f"Label {count(number, 'random picture')}", "Without them nobody can say how good a model is.",
        )  # fmt: skip
    return _in_a_round(state)


def _nothing_to_learn_from(control: Control | None, largest: int) -> NextStep:
    if control is not None and not control.begun and largest > 0:
        return NextStep(
            "control", "Choose fewer random pictures",
            f"{control.items:,} measure the models, which never learn from them. Leave some to learn from.",
        )  # fmt: skip
    return NextStep(
        "read", "Add pictures to the folder",
        "Models never learn from the pictures that measure them, and there are hardly any others. Put more into the "
        "folder, then read it again below. The labels you gave are kept, and can be exported.",
    )  # fmt: skip


def _in_a_round(state: Counts) -> NextStep:
    if state.left > 0:
        return NextStep(
            "label", f"Label what was asked for: {count(state.left, 'picture')} to go",
            "They were chosen because the model learns most from them.",
        )  # fmt: skip
    if not state.predicted:
        return NextStep("round", "Run the round", "It learns from all pictures, and asks about those that help most.")
    if state.new_labels > 0:
        new = f"{count(state.new_labels, 'label')} {'is' if state.new_labels == 1 else 'are'}"
        return NextStep("round", "Run the round again", f"{new} new since the model learned.")
    return NextStep("export", "Export, or ask for more", "All that was asked for is answered, and the model knows it.")


def half_width(count: int) -> float:
    """Return the half width of the 95 % interval (Wilson 1927) of a share measured on `count` images, at its widest.

    Args:
        count: images, at least 1.

    Returns:
        A share between 0 and 1: the accuracy is known to plus or minus this, and better where it is far from 1/2.
    """
    low, high = wilson_interval(count / 2, count)
    return (high - low) / 2
