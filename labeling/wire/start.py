"""The JSON of the first hour: the next step, the control sample, and questions about the user's own pictures."""

from typing import Literal

from pydantic import Field

from labeling.runs.views import Answer, Change
from labeling.wire import OnceIn, Wire
from labeling.wire.dataset import ThumbOut


class NextOut(Wire):
    """The one next thing to do, and why."""

    act: Literal["read", "control", "label", "round", "export"]
    words: str
    why: str


class SizeOut(Wire):
    """A size of the control sample, and half the width of the 95 % interval of what it measures, at its widest."""

    count: int
    half_width: float


class ControlOut(Wire):
    """The control sample: its images, answers missing, whether its size may still change, and what sizes cost."""

    items: int
    left: int
    may_change: bool
    largest: int
    half_width: float | None
    sizes: list[SizeOut]


class QuestionOut(Wire):
    """A question about a change of a picture, what training does where it stays the same class, and the answer."""

    change: Change
    words: str
    meaning: str
    answer: Answer | None


class StartOut(Wire):
    """What a project needs next; `flags` are fields of the training configs that the answers set.

    `undecided` are the images without a label that everybody who labels skipped for good; `disputed` those on which
    people disagree; `suspects` are the labels that the other labels speak against; `predicted` says whether a model was
    trained that says of images what they are.
    """

    next: NextOut
    undecided: int
    disputed: int
    suspects: int
    predicted: bool
    control: ControlOut
    questions: list[QuestionOut]
    flags: dict[str, int]
    pictures: list[ThumbOut]


class ControlIn(OnceIn):
    """A wish for a control sample of so many images."""

    count: int = Field(ge=1, le=10_000)  # a few tenths of a second, for which everybody's labels wait


class AnswerIn(Wire):
    """An answer to a question; null forgets it."""

    answer: Answer | None
