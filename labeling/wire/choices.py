"""The JSON of the Request page: strategies, what they chose, and the request made of it."""

from typing import Any, Literal

from pydantic import Field

from labeling.forms import Field as FormField
from labeling.wire import Id, Name, OnceIn, Uuid, Wire
from labeling.wire.dataset import ChoreOut


class StrategyOut(Wire):
    """A strategy: what it is good for, its parameters, and what is missing before it can run (null: nothing)."""

    name: str
    summary: str
    needs: list[Literal["embeddings", "labels", "probabilities", "head"]]
    parameters: list[FormField]
    lacks: str | None


class EmbeddedOut(Wire):
    """The newest embeddings; `rows` images are in them, `created` is when they were finished."""

    name: str
    stage: str
    rows: int
    classifies: bool
    created: str


class StrategiesOut(Wire):
    """What may be asked for, and how it can be chosen."""

    images: int
    free: int
    labeled: int
    embeddings: EmbeddedOut | None
    strategies: list[StrategyOut]


class ChoiceIn(OnceIn):
    """A wish to see what a strategy chooses."""

    strategy: Name
    parameters: dict[str, Any] = Field(default_factory=dict)
    budget: int = Field(ge=1, le=1_000_000)


class ChoiceOut(Wire):
    """What a strategy is choosing or has chosen; `said` is what it tells about it, `running_s` for how long it runs."""

    uuid: str | None
    strategy: str | None
    budget: int | None
    chore: ChoreOut
    said: list[str]
    running_s: float | None
    count: int
    free: int
    seconds: float | None
    parameters: dict[str, Any]


class ChosenOut(Wire):
    """An image that was chosen, with its rank from 1; `settled` says why it needs no answer by now (null: it does)."""

    rank: int
    image: int
    file: str
    thumb: str
    url: str
    score: float | None
    reason: str | None
    settled: str | None


class ChosenPage(Wire):
    """A page of what was chosen, the most wanted first."""

    images: list[ChosenOut]
    total: int


class RequestChoiceIn(OnceIn):
    """A request of what was chosen, without the dropped images."""

    choice: Uuid
    drop: list[Id] = Field(default=[], max_length=50_000)
    overlap: int = Field(default=1, ge=1, le=20)


class CurvePoint(Wire):
    """Accuracy after so many labels, with its interval, null where there was one repetition; shares."""

    labels: int
    accuracy: float
    low: float | None
    high: float | None


class SimulationOut(Wire):
    """What strategies brought in a simulation on images whose labels were known; null where none was run."""

    name: str | None
    curves: dict[str, list[CurvePoint]]
