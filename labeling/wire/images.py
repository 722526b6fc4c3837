"""Images of a project and what was said about each, on the wire."""

from labeling.wire import ClassIdOrNone, Wire
from labeling.wire.labels import GuessOut, LabelState, WhyOut
from storage.records import Kind, Split


class ImageOut(Wire):
    """An image of a page; `answered_by` is the person on whose answer alone its label rests.

    `suspect` is what the other labels speak for, where they speak against the label.
    """

    image: int
    file: str
    url: str
    thumb: str
    width: int | None
    height: int | None
    split: Split
    label: LabelState
    answered_by: int | None
    flagged: bool
    missing: bool
    guess: GuessOut | None
    suspect: GuessOut | None


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
    class_id: ClassIdOrNone
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
