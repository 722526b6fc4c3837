"""What the functions of this package return: frozen records of plain values."""

from dataclasses import dataclass, field
from typing import Literal

State = Literal["none", "labeled", "rejected", "disputed"]
Split = Literal["train", "val", "test", "unlabeled"]
Purpose = Literal["train", "control", "repeat"]
Kind = Literal["label", "reject", "skip", "flag", "unflag", "confirm", "send-back", "undo", "redo"]
Source = Literal["single", "grid", "browse", "import", "prelabel", "review"]
Status = Literal["acknowledged", "late", "conflict", "refused"]

UNASKED: tuple[Source, ...] = ("browse", "import", "prelabel", "review")
"""Sources that speak about an image without having been asked: they need no lease, and an undo by them gets none."""


@dataclass(frozen=True)
class Label:
    """The present label of an image.

    Attributes:
        state: what the votes add up to.
        class_id: the class where all agree on one, merged classes as what they were merged into.
        event: the newest event that made it so; None where nobody has answered.
    """

    state: State = "none"
    class_id: int | None = None
    event: int | None = None


@dataclass(frozen=True)
class ImageClass:
    """A class; `merged_into` is None unless its labels count for another one. `count`: images labeled with it."""

    id: int
    name: str
    key: str | None
    color: str
    position: int
    merged_into: int | None
    count: int = 0

    @property
    def root(self) -> int:
        """The class that its labels count for; an id may be 0."""
        return self.id if self.merged_into is None else self.merged_into


@dataclass(frozen=True)
class Person:
    """Somebody who labels; `answers` counts their answers that were ever given."""

    id: int
    name: str
    answers: int = 0


@dataclass(frozen=True)
class NewImage:
    """An image to be added; `path` is relative to the dataset root, `bytes` and `mtime_ns` are None where unknown."""

    path: bytes
    name: str
    sha256: str
    split: Split = "unlabeled"
    group: str | None = None
    bytes: int | None = None
    mtime_ns: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Image:
    """An image as it is known; `present` is False where its file is gone or has other content now."""

    id: int
    path: bytes
    name: str
    sha256: str
    bytes: int | None
    mtime_ns: int | None
    width: int | None
    height: int | None
    split: Split
    group: str | None
    present: bool
    label: Label
    flagged: bool
    skips: int


@dataclass(frozen=True)
class Guess:
    """What the model thinks, with what probability (0 to 1)."""

    class_id: int
    probability: float


@dataclass(frozen=True)
class Neighbour:
    """A labeled image that lies near; `similarity` is the cosine of the two embeddings."""

    image: int
    sha256: str
    class_id: int | None
    similarity: float


@dataclass(frozen=True)
class Why:
    """Why an image was asked for."""

    request: int
    purpose: Purpose
    blind: bool
    open: bool
    rank: int
    strategy: str | None
    score: float | None
    reason: str | None
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Lease:
    """An image in somebody's hands until `expires` (seconds on the clock of this boot); `token` fences."""

    token: int
    image: int
    request: int | None
    expires: float


@dataclass(frozen=True)
class Request:
    """A request for labels: `items` images, each to be answered by `overlap` people, `left` answers missing."""

    id: int
    purpose: Purpose
    strategy: str | None
    overlap: int
    blind: bool
    created: str
    items: int
    left: int


@dataclass(frozen=True)
class NewItem:
    """An image to ask for, and why."""

    image: int
    strategy: str | None = None
    score: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Sent:
    """An event as somebody sent it; `body` is a hash of all that was sent.

    `replaces` is the event, by number or UUID, that has to be what makes the label; 0: there must be no label yet.
    `decides` says whether the person may overrule what others said.
    """

    uuid: str
    body: bytes
    kind: Kind
    person: int
    client: str = ""
    image: int | None = None
    class_id: int | None = None
    lease: int | None = None
    undoes: str | None = None
    replaces: int | str | None = None
    batch: str | None = None
    source: Source = "single"
    looked_ms: int | None = None
    decides: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of an event.

    Attributes:
        uuid: of the event.
        status: stored (`acknowledged`, `late`) or not (`conflict`, `refused`).
        event: its number where it is stored.
        image: which image it was about; of an undo, the first.
        message: why it is not simply acknowledged.
        again: images that an undo brings back, each with the lease it could be given.
        forbidden: whether it was refused because of who said it.
    """

    uuid: str
    status: Status
    event: int | None = None
    image: int | None = None
    message: str | None = None
    again: tuple[tuple[int, int | None], ...] = field(default=())
    forbidden: bool = False


@dataclass(frozen=True)
class Past:
    """An event in the history of an image; `stands` is False for what was undone, replaced or overruled."""

    event: int
    uuid: str
    kind: Kind
    class_id: int | None
    person: str
    source: Source
    time: str
    late: bool
    message: str | None
    stands: bool
