"""The JSON of the HTTP API, as docs/api.md describes it: one model for each object that goes over the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from storage.people import Role
from storage.records import Kind, Purpose, Split, State, Status

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Client = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Id = Annotated[int, Field(ge=0, lt=2**53)]
Name = Annotated[str, StringConstraints(max_length=1000)]


class Wire(BaseModel):
    """An object on the wire; unknown fields are refused, so that a typo is not silently ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, protected_namespaces=())


class Error(Wire):
    """What went wrong: a sentence, the field that is to blame, and the way out."""

    error: str
    field: str | None = None
    hint: str | None = None


class LabelState(Wire):
    """The present label of an image."""

    state: State
    class_id: int | None = Field(validation_alias="class", serialization_alias="class")
    event: int | None


class GuessOut(Wire):
    """What the model thinks."""

    class_id: int = Field(validation_alias="class", serialization_alias="class")
    probability: float


class NeighbourOut(Wire):
    """A labeled image that lies near."""

    image: int
    thumb: str
    class_id: int | None = Field(validation_alias="class", serialization_alias="class")
    similarity: float


class WhyOut(Wire):
    """Why an image was asked for."""

    strategy: str | None
    rank: int | None
    score: float | None
    reason: str | None
    neighbours: list[NeighbourOut]


class LeaseItem(Wire):
    """An image to label."""

    image: int
    file: str
    url: str
    thumb: str
    sha256: str
    width: int | None
    height: int | None
    lease: int | None
    expires_in_s: float | None
    request: int | None
    purpose: Purpose | None
    blind: bool
    why: WhyOut | None
    guesses: list[GuessOut]
    label: LabelState
    flagged: bool


class LeaseIn(Wire):
    """A wish for images to label."""

    client: Client
    count: int = Field(ge=0, le=200)
    holding: list[Id] = Field(default=[], max_length=500)


class LeaseOut(Wire):
    """Images to label."""

    items: list[LeaseItem]
    lost: list[int]
    left: int
    term_s: float


class GridIn(Wire):
    """A wish for a page of images predicted to be of one class."""

    client: Client
    class_id: Id = Field(validation_alias="class", serialization_alias="class")
    count: int = Field(default=48, ge=1, le=200)


class GridClass(Wire):
    """A predicted class with unlabeled images, and the model's mean confidence in it."""

    class_id: int = Field(validation_alias="class", serialization_alias="class")
    unlabeled: int
    confidence: float


class GridClasses(Wire):
    """What the grid can show."""

    classes: list[GridClass]


class EventIn(Wire):
    """One thing said about an image."""

    uuid: Uuid
    kind: Kind
    image: Id | None = None
    class_id: Id | None = Field(default=None, validation_alias="class", serialization_alias="class")
    lease: Id | None = None
    undoes: Uuid | None = None
    replaces: Id | None = None
    batch: Uuid | None = None
    source: Literal["single", "grid", "browse", "review"] = "single"
    looked_ms: int | None = Field(default=None, ge=0, lt=2**31)


class LabelsIn(Wire):
    """Things said, in order."""

    client: Client
    events: list[EventIn] = Field(min_length=1, max_length=500)


class ResultOut(Wire):
    """What became of an event."""

    uuid: str
    status: Status
    event: int | None
    image: int | None
    message: str | None
    label: LabelState | None
    items: list[LeaseItem]


class LabelsOut(Wire):
    """What became of all events of a call; the error fields are set where all are in conflict.

    `fitted` is the label event up to which the guesses know the labels: when it grows, they have changed.
    """

    results: list[ResultOut]
    fitted: int | None = None
    error: str | None = None
    field: str | None = None
    hint: str | None = None


class GuessesOf(Wire):
    """What the model thinks of an image now."""

    image: int
    guesses: list[GuessOut]


class GuessesOut(Wire):
    """The newest guesses of images on hand, and up to which label event they know the labels."""

    fitted: int | None
    images: list[GuessesOf]


class ActIn(Wire):
    """A wish to undo or redo the last act."""

    uuid: Uuid
    client: Client


class ActOut(ResultOut):
    """What became of it; `act` is the UUID of what was undone or redone."""

    act: str


class ReleaseIn(Wire):
    """Images to give back; without `leases` all of the client."""

    client: Client
    leases: list[Id] | None = Field(default=None, max_length=500)


class ReleaseOut(Wire):
    """How many were given back."""

    released: int


class RequestOut(Wire):
    """A request and how far it is answered."""

    id: int
    purpose: Purpose
    strategy: str | None
    overlap: int
    blind: bool
    items: int
    wanted: int
    done: int
    left: int
    created: str
    open: bool


class RequestsOut(Wire):
    """All requests."""

    requests: list[RequestOut]


class RequestItemIn(Wire):
    """An image to ask about."""

    file: Annotated[str, StringConstraints(max_length=4096)]
    score: float | None = Field(default=None, allow_inf_nan=False)
    reason: Name | None = None


class RequestIn(Wire):
    """A new request: so many random images, or the named ones."""

    uuid: Uuid
    random: int | None = Field(default=None, ge=1, le=100_000)
    items: list[RequestItemIn] | None = Field(default=None, min_length=1, max_length=10_000)
    strategy: Name | None = None
    overlap: int = Field(default=1, ge=1, le=20)


class RequestAdded(Wire):
    """A request that was made."""

    id: int
    items: int
    left_out: dict[str, int]


class MineOut(Wire):
    """My own work."""

    answers: int
    per_hour: float | None
    undoable: bool
    redoable: bool


class ClassCount(Wire):
    """How many images have a class."""

    class_id: int = Field(validation_alias="class", serialization_alias="class")
    count: int


class ProgressOut(Wire):
    """How far the project has come."""

    project: str
    project_id: str
    event: int
    images: int
    labeled: int
    rejected: int
    disputed: int
    flagged: int
    skipped: int
    missing: int
    requests: list[RequestOut]
    done: int
    left: int
    mine: MineOut
    classes: list[ClassCount]
    fitted: int | None


class ClassOut(Wire):
    """A class."""

    id: int
    name: str
    key: str | None
    color: str
    count: int
    position: int


class ClassesOut(Wire):
    """All classes, in their order."""

    classes: list[ClassOut]


Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]


class ClassIn(Wire):
    """A new class."""

    uuid: Uuid
    name: Name
    key: Name | None = None
    color: Color | None = None


class ClassChange(Wire):
    """What changes of a class; fields that are not sent stay as they are."""

    uuid: Uuid
    name: Name | None = None
    key: Name | None = None
    color: Color | None = None
    position: int | None = Field(default=None, ge=0, lt=100_000)


class MergeIn(Wire):
    """Which class the labels shall count for."""

    uuid: Uuid
    into: Id


class SplitIn(Wire):
    """A merge to take back."""

    uuid: Uuid


class PersonOut(Wire):
    """Somebody who labels."""

    id: int
    name: str
    answers: int = 0


class Me(Wire):
    """Who I am, and what I may do."""

    id: int
    name: str
    role: Role


class PeopleOut(Wire):
    """Everybody, who I am, and how people come in: `none` where only this machine is reached."""

    people: list[PersonOut]
    me: Me | None
    login: Literal["none", "password", "proxy"]


class NameIn(Wire):
    """My name."""

    name: Name


class SettingsOut(Wire):
    """Keys of all actions, and how pages look to me."""

    keys: dict[str, str]
    display: dict[str, Any]


class SettingsIn(Wire):
    """Keys that differ from the defaults, and how pages shall look to me."""

    keys: dict[str, str] = Field(default={}, max_length=100)
    display: dict[str, Any] = {}


class ImageOut(Wire):
    """An image of a page."""

    image: int
    file: str
    url: str
    thumb: str
    width: int | None
    height: int | None
    split: Split
    label: LabelState
    flagged: bool
    missing: bool
    guess: GuessOut | None


class ImagesOut(Wire):
    """A page of images."""

    images: list[ImageOut]
    next: str | None
    total: int | None


class PastOut(Wire):
    """An event in the history of an image."""

    event: int
    uuid: str
    kind: Kind
    class_id: int | None = Field(validation_alias="class", serialization_alias="class")
    person: str
    source: str
    time: str
    late: bool
    message: str | None
    stands: bool


class ImageDetail(ImageOut):
    """All that is known about one image."""

    sha256: str
    group: str | None
    blind: bool
    why: WhyOut | None
    guesses: list[GuessOut]
    history: list[PastOut]


class ExportIn(Wire):
    """A wish to export."""

    uuid: Uuid
    format: Literal["folders", "seed", "csv"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")] | None = None


class ExportOut(Wire):
    """An export and how far it is."""

    name: str
    format: str
    state: Literal["running", "done", "failed"]
    done: int
    total: int
    event: int | None
    message: str | None
    path: str
    created: str
    labeled: int | None
    left_out: dict[str, int]


class ExportsOut(Wire):
    """All exports, newest first."""

    exports: list[ExportOut]
