"""The JSON of the Progress page: how good the networks are, round by round, and how people work. Shares are of 1."""

from labeling.wire import Wire


class ControlCountsOut(Wire):
    """The control sample: all its images, the labeled ones, and those that are asked about."""

    images: int
    labeled: int
    asked: int


class ShareOut(Wire):
    """A share of `right` among `count` with its 95 % interval (Wilson)."""

    right: int
    count: int
    share: float
    low: float
    high: float


class ClassShareOut(Wire):
    """How often the newest predictions find a class; `found` is null where too few labels tell."""

    class_id: int
    labels: int
    found: ShareOut | None


class CellOut(Wire):
    """So many control images labeled `label` are predicted to be `predicted`."""

    label: int
    predicted: int
    count: int


class NewestOut(Wire):
    """What the newest predictions say about the control sample; `run` made most of them."""

    run: str
    stage: str
    created: str
    accuracy: ShareOut
    balanced_accuracy: float
    classes: list[ClassShareOut]
    cells: list[CellOut]


class ForecastOut(Wire):
    """The accuracy that so many labels are likely to bring, and the 95 % interval of what will be measured."""

    labels: int
    accuracy: float
    low: float
    high: float


class RunFigureOut(Wire):
    """A network, and what it got right on the control sample."""

    run: str
    stage: str
    labels: int
    accuracy: ShareOut


class RoundOut(RunFigureOut):
    """A round, by the network that speaks for it, and what had been forecast for it.

    `kept` is true where the forecast was written down before the round came; else it was worked out afterwards.
    """

    balanced_accuracy: float
    forecast: ForecastOut | None
    kept: bool


class EvaluationOut(Wire):
    """How good the networks are.

    `ahead` are points of the forecast, the present labels first; `step` is how many labels the next round adds. It is
    empty before there are two rounds.
    """

    too_few: int
    control: ControlCountsOut
    newest: NewestOut | None
    rounds: list[RoundOut]
    runs: list[RunFigureOut]
    step: int
    ahead: list[ForecastOut]


class PaceOut(Wire):
    """One person's work: all `answers` of theirs that stand, as on People, and of the newest the time they took.

    `per_hour` is null where too few tell.
    """

    person: int
    name: str
    answers: int
    hours: float
    per_hour: float | None


class AgreementOut(Wire):
    """Two people, and on how many of the images both answered they say the same."""

    person: str
    other: str
    same: ShareOut


class AgreedOut(ShareOut):
    """On what share of `count` pairs of answers two people say the same; the interval is that of so many `images`."""

    images: int


class PacesOut(Wire):
    """How people work, by the `newest` answers; `agreement` is over all pairs, null where no image has two answers.

    `second_answers` are still missing: of requests that want several, and of pictures that are asked again.
    """

    newest: int
    break_s: int
    people: list[PaceOut]
    per_hour: float | None
    agreement: AgreedOut | None
    second_answers: int
    pairs: list[AgreementOut]
