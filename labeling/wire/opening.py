"""The JSON of the page that makes or opens a project."""

from typing import Literal

from pydantic import Field

from labeling.wire import OnceIn, Wire
from labeling.wire.dataset import ChoreOut, PathText


class RecentOut(Wire):
    """A project that was opened lately."""

    name: str
    folder: str


class OpeningOut(Wire):
    """What there is to open, and how far a project is that is being made."""

    recent: list[RecentOut]
    home: str
    wanted: str | None
    making: ChoreOut
    folder: str | None


class PlaceOut(Wire):
    """A folder that was looked at: whether it will do, in words, and whether there is a project already."""

    ok: bool
    words: str
    state: Literal["new", "open", "no"]


class CheckIn(Wire):
    """Folders to look at; "" where none is chosen yet."""

    images: str = Field(default="", max_length=4096)
    project: str = Field(default="", max_length=4096)


class CheckOut(Wire):
    """What was found.

    Attributes:
        suggested: where a project of these images might lie.
        classes: which of the images' folders would or could become classes, in words; None where there are none.
        taken: whether they would, unless somebody says otherwise.
    """

    images: PlaceOut | None
    project: PlaceOut | None
    suggested: str | None
    classes: str | None
    taken: bool


class FoldersOut(Wire):
    """A folder, the one around it, and those inside it by name."""

    folder: str
    around: str | None
    folders: list[str]


class MakeIn(OnceIn):
    """A project to make of a folder of images; whether its folders are classes, null where nobody said."""

    images: PathText
    project: PathText
    class_folders: bool | None = None


class OpenIn(Wire):
    """A project to open."""

    folder: PathText


class OpenedOut(Wire):
    """The project that is served from now on."""

    name: str
