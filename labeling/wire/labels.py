"""Labeling on the wire: images handed out, what people say of them, what becomes of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from labeling.wire import ClassId, ClassIdOrNone, Error, Id, Uuid, Wire
from storage.records import Kind, Purpose, State, Status

Client = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class LabelState(Wire):
    """The present label of an image."""

    state: State
    class_id: ClassIdOrNone
    event: int | None


class GuessOut(Wire):
    """What the model thinks."""

    class_id: ClassId
    probability: float


class NeighbourOut(Wire):
    """A labeled image that lies near."""

    image: int
    thumb: str
    class_id: ClassIdOrNone
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


class Wish(Wire):
    """How many images to take, and the leases on hand, which are renewed."""

    count: int = Field(ge=0, le=200)
    holding: list[Id] = Field(default=[], max_length=500)


class LeaseIn(Wish):
    """A wish for images to label."""

    client: Client


class LeaseOut(Wire):
    """Images to label; `asked` says whether any image of the project was ever asked for.

    `other_tabs` says, where there are none, how many this person holds in other tabs; `full` whether they hold as many
    as one person may.
    """

    items: list[LeaseItem]
    lost: list[int]
    left: int
    other_tabs: int = 0
    full: bool = False
    asked: bool
    term_s: float


class GridIn(Wire):
    """A wish for a page of images predicted to be of one class."""

    client: Client
    class_id: ClassId
    count: int = Field(default=48, ge=1, le=200)


class GridClass(Wire):
    """A predicted class with unlabeled images, and the model's mean confidence in it."""

    class_id: ClassId
    unlabeled: int
    confidence: float


class GridClasses(Wire):
    """What the grid can show."""

    classes: list[GridClass]


class EventIn(Wire):
    """One thing said about an image.

    `replaces` says of what label one knew: its event, by number or UUID, or 0 for none; it has to be the latest.
    """

    uuid: Uuid
    kind: Kind
    image: Id | None = None
    class_id: ClassIdOrNone = None
    lease: Id | None = None
    undoes: Uuid | None = None
    replaces: Id | Uuid | None = None
    batch: Uuid | None = None
    source: Literal["single", "grid", "browse", "review"] = "single"
    looked_ms: int | None = Field(default=None, ge=0, lt=2**31)


class LabelsIn(Wire):
    """Things said, in order, and what to take next."""

    client: Client
    events: list[EventIn] = Field(min_length=1, max_length=500)
    lease: Wish | None = None


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
    """What became of all events of a call.

    `fitted` is the label event up to which the guesses know the labels: when it grows, they have changed. `leased` are
    the images taken next, where the call asked for some.
    """

    results: list[ResultOut]
    leased: LeaseOut | None = None
    fitted: int | None = None


class LabelsRefused(LabelsOut, Error):  # noqa: N818 - goes over the wire, is never raised
    """The same where none of them is stored, all for one reason: that is the error."""


class GuessesOf(Wire):
    """What the model thinks of an image now."""

    image: int
    guesses: list[GuessOut]


class GuessesOut(Wire):
    """The newest guesses of images on hand, and up to which label event they know the labels."""

    fitted: int | None
    images: list[GuessesOf]


class LastOut(Wire):
    """What an undo or redo would be about, to be named in the wish for it; None where there is nothing."""

    undoes: Uuid | None


class ActIn(Wire):
    """A wish to undo or redo the last act; one that names it in `undoes` is refused where another is the last now."""

    uuid: Uuid
    client: Client
    undoes: Uuid | None = None


class ActOut(ResultOut):
    """What became of it: `act` is the UUID of what was undone or redone, `kind` what that had said, of which images.

    `flagged` says whether the first of them has a flag now.
    """

    act: str
    kind: Kind | None
    images: list[int]
    flagged: bool | None


class ReleaseIn(Wire):
    """Images to give back; without `leases` all of the client, with `others` those of this person's other clients.

    `project` says of which project, as `X-Project` does: what a page that closes sends carries no header.
    """

    client: Client
    project: str | None = None
    leases: list[Id] | None = Field(default=None, max_length=500)
    others: bool = False


class ReleaseOut(Wire):
    """How many were given back."""

    released: int
