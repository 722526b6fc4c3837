"""What leaves a picture's class alone, asked about the user's own pictures: answers become the views of training."""

from dataclasses import dataclass
from typing import Any, Literal

from storage.database import Database
from storage.settings import get_setting, put_setting

Answer = Literal["same", "other"]
Change = Literal["mirror", "upside-down", "quarter", "grey", "hue"]
_KEY = "views"


@dataclass(frozen=True)
class Question:
    """A question about a change of a picture.

    Attributes:
        change: how the picture is changed.
        words: the question.
        field: of the training configs (`barlowmatch.configs.shared.RunOptions`) that answers decide.
        meaning: what training does where the answer is "same".
    """

    change: Change
    words: str
    field: str
    meaning: str


QUESTIONS = (
    Question("mirror", "Is it still the same class, mirrored?", "flip_x", "pictures are mirrored in training"),
    Question("upside-down", "Is it still the same class, upside down?", "half_turns", "pictures are turned by 180°"),
    Question("quarter", "Is it still the same class, turned on its side?", "quarter_turns", "turned by 90° too"),
    Question("grey", "Is it still the same class without its colors?", "recolor", "colors are changed in training"),
    Question("hue", "Is it still the same class in other colors?", "recolor", "colors are changed in training"),
)
"""Colors are asked about twice: they are changed only where neither change made it another class."""


def answers_of(db: Database) -> dict[str, Answer]:
    """Return what was answered, by change; questions that nobody answered are not in it."""
    answers: dict[str, Answer] = get_setting(db, _KEY, {})
    return answers


def put_answer(db: Database, change: Change, answer: Answer | None) -> None:
    """Store an answer, or with None forget it."""
    answers = answers_of(db)
    answers.pop(change, None)
    put_setting(db, _KEY, answers if answer is None else {**answers, change: answer})


def view_flags(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the answers set in the configs of the stages that train: pretrain, train-classifier, fixmatch.

    Whoever starts a stage for a project passes these on, as fields (`PretrainConfig(**view_flags(answers))`) or as
    command-line flags (`--flip-x 0`); what the user says of a run overrules them.

    Args:
        settings: the answers by change, as `answers_of` returns them.

    Returns:
        `flip_x`, `half_turns`, `quarter_turns` and `recolor`, each 0 or 1, of the questions that were answered;
        {} where none was, and the stages then do what their `views` says.
    """
    flags: dict[str, Any] = {}
    for question in QUESTIONS:
        answer = settings.get(question.change)
        if answer is not None:
            flags[question.field] = min(flags.get(question.field, 1), int(answer == "same"))
    if flags.get("half_turns") == 0 and flags.get("quarter_turns") == 1:
        flags["quarter_turns"] = 0  # two quarters make a half, which is said to be another class
    return flags
