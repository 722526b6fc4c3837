"""The JSON of the Project page: the dataset report, classes with what was merged into them, imports of labels."""

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from labeling.wire import OnceIn, Uuid, Wire
from labeling.wire.classes import ClassOut

PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]


class ChoreOut(Wire):
    """Work that runs as a process of its own, by the UUID it was started with, and how far it is."""

    uuid: str | None
    state: Literal["never", "running", "done", "failed", "stopped"]
    work: str
    done: int
    total: int
    remaining_s: float | None
    message: str | None


class ThumbOut(Wire):
    """A picture to show, small, in a report."""

    image: int
    file: str
    thumb: str
    url: str


class BrokenOut(Wire):
    """A file that cannot be read, and why."""

    file: str
    split: str
    reason: str


class CopiesOut(Wire):
    """Files of equal content; `thumb` shows one of them, None where none is an image of the project."""

    files: list[str]
    splits: list[str]
    labels: list[str | None]
    thumb: str | None


class ReportOut(Wire):
    """What the images were found to be when they were last read."""

    time: str
    layout: str
    images: int
    bytes: int
    splits: dict[str, dict[str, int]]
    formats: dict[str, int]
    modes: dict[str, int]
    sizes: dict[str, Any] | None
    groups: dict[str, int] | None
    problems: list[str]
    warnings: list[str]
    unreadable: list[BrokenOut]
    unreadable_count: int
    copies: list[CopiesOut]
    copies_count: int


class DatasetOut(Wire):
    """The images of the project; `report` is None where they were never read by a version that keeps reports."""

    root: str
    there: bool
    images: int
    missing: int
    report: ReportOut | None
    reading: ChoreOut
    changed: dict[str, int]
    samples: list[ThumbOut]


class ReadIn(OnceIn):
    """A wish to read the images anew, where `folder` says they lie now if they were moved."""

    folder: PathText | None = None


class MergedOut(Wire):
    """A class that counts as another one; `answers` were given with its own name."""

    id: int
    name: str
    answers: int


class WholeClassOut(ClassOut):
    """A class with all that is known about it."""

    merged: list[MergedOut]


class WholeClassesOut(Wire):
    """The classes in their order."""

    classes: list[WholeClassOut]


class UploadOut(Wire):
    """How many bytes of an upload are there."""

    uuid: str
    bytes: int


class PreviewIn(OnceIn):
    """Labels to look at: an upload by its UUID, or a CSV or folder on this machine by its path; one of the two."""

    upload: Uuid | None = None
    name: Annotated[str, StringConstraints(max_length=255)] | None = None
    path: PathText | None = None


class ImportIn(OnceIn):
    """A preview to store, by its UUID, and what was decided about it."""

    preview: Uuid
    add_classes: bool = False
    also_labeled: bool = False


class UndoImportIn(OnceIn):
    """An import to take back."""

    id: Uuid


class NamedRows(Wire):
    """A class by name, and how many rows name it."""

    name: str
    rows: int


class SampleOut(ThumbOut):
    """A picture, the label it would get, and the one it has."""

    label: str
    present: str | None


class PreviewOut(Wire):
    """What an import would store."""

    uuid: str
    source: str
    rows: int
    fresh: int
    same: int
    differ: int
    empty: int
    measured: int
    unknown_files: int
    first_unknown_files: list[str]
    twice: int
    first_twice: list[str]
    unknown_classes: list[NamedRows]
    by_class: list[NamedRows]
    samples: list[SampleOut]
    differing: list[SampleOut]


class ImportOut(Wire):
    """An import that was made."""

    uuid: str
    source: str
    by: str
    time: str
    stored: int | None
    undone: str | None


class ImportsOut(Wire):
    """What is under way (`act` says what), what a finished preview found, and the imports made, newest first."""

    act: Literal["preview", "store", "undo"] | None
    chore: ChoreOut
    preview: PreviewOut | None
    imports: list[ImportOut]
