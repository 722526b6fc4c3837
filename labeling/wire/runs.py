"""Runs, forms and estimates on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field

from labeling.forms import Kind, Value
from labeling.runs.state import State
from labeling.wire import OnceIn, Wire

Minutes = Annotated[float, Field(gt=0, le=1e6)]
Stage = Annotated[str, Field(max_length=40)]
RunName = Annotated[str, Field(max_length=200)]
Values = Annotated[dict[str, Value], Field(max_length=100)]


class FieldOut(Wire):
    """A field of a form."""

    name: str
    flag: str
    label: str
    kind: Kind
    choices: list[str | int]
    optional: bool
    default: Value
    help: str
    low: float | None
    high: float | None
    open_low: bool
    unit: str
    advanced: bool


class PresetOut(Wire):
    """A recipe: what it is good for, and the values of the form's fields with it."""

    name: str
    about: str
    values: dict[str, Value]


class SourceOut(Wire):
    """A run whose checkpoint a stage can start from, with the network that it trained where that is known."""

    name: str
    stage: str
    created: str
    backbone: str | None


class FormOut(Wire):
    """The form of a stage, as it fits this project and this machine.

    `start` is what its button says, `lacks` what the stage needs that is not there yet, `timed` whether minutes can be
    given.
    """

    stage: str
    title: str
    start: str
    about: str
    timed: bool
    lacks: str | None
    preset: str
    presets: list[PresetOut]
    fields: list[FieldOut]
    sources: list[SourceOut]
    source: str | None


class RunAsked(Wire):
    """A run as somebody asks for it; what is left out is chosen for them."""

    stage: Stage
    preset: Annotated[str, Field(max_length=40)] | None = None
    config: Values = Field(default_factory=dict)
    minutes: Minutes | None = None
    starts_from: RunName | None = None


class RunIn(OnceIn, RunAsked):
    """A run to start, once."""


class AskableOut(Wire):
    """What a round can ask for: images that wait for an answer already, which count, and others without a label."""

    asked: int
    free: int


class RoundIn(OnceIn):
    """A round to run, once; a budget that is named must be one that can be asked for."""

    minutes: Minutes = 10.0
    strategy: Annotated[str, Field(max_length=40)] = "auto"
    budget: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    overlap: Annotated[int, Field(ge=1, le=20)] = 1


class WorkOut(Wire):
    """How far the work at hand is; `remaining` in seconds."""

    work: str
    done: int
    total: int
    unit: str
    rate: float
    samples_rate: float
    remaining: float


class RunOut(Wire):
    """A run and how far it is."""

    name: str
    stage: str
    state: State
    created: str
    about: dict[str, Any]
    within: str | None
    event: int | None
    labels: dict[str, int]
    progress: WorkOut | None
    seconds: float
    message: str | None
    figures: dict[str, float]


class RunsOut(Wire):
    """Runs, newest first."""

    runs: list[RunOut]


class SaidOut(Wire):
    """A sentence for the user, and when it was said (seconds since the epoch)."""

    time: float
    level: str
    message: str


class StepOut(Wire):
    """A step of a round: what for, the run that does it, and what became of it."""

    key: str
    title: str
    why: str
    run: str | None
    state: Literal["waiting", "running", "done", "skipped", "failed"]
    minutes: float | None


class RunDetail(RunOut):
    """All about one run: curves as [step, value] points, no more than 501 each; the log's last lines."""

    command: str
    curves: dict[str, list[tuple[int, float]]]
    evaluations: dict[str, list[tuple[int, float]]]
    checkpoint: int | None
    said: list[SaidOut]
    log: list[str]
    steps: list[StepOut]


class EstimateOut(Wire):
    """How long a run will take; while the state is `timing`, ask again."""

    state: Literal["known", "timing", "unknown"]
    seconds: float | None
    steps: int
    by: str | None
    message: str


class LauncherOut(Wire):
    """The words that start Python for a run, "" for the server's own; `settable`: whether they may be set over HTTP."""

    launcher: str
    settable: bool


class LauncherIn(OnceIn):
    """The words to set."""

    launcher: Annotated[str, Field(max_length=500)]
