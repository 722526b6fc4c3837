"""How far a project has come, on the wire."""

from labeling.wire import ClassId, Wire
from labeling.wire.requests import RequestOut


class MineOut(Wire):
    """My own work."""

    answers: int
    per_hour: float | None
    undoable: bool
    redoable: bool


class ClassCount(Wire):
    """How many images have a class."""

    class_id: ClassId
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
    suspects: int
    requests: list[RequestOut]
    done: int
    left: int
    mine: MineOut
    classes: list[ClassCount]
    classes_version: str
    fitted: int | None
