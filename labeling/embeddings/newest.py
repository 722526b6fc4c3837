"""Which embeddings of a project's images there are: those of its runs, and those taken up from elsewhere."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from barlowmatch.embeddings.folder import META
from labeling.processes import read_json
from labeling.project import ProjectFolder
from storage.database import Database
from storage.predictions import list_runs


@dataclass(frozen=True)
class Embedded:
    """A folder of embeddings, known by its `meta.json` alone.

    Attributes:
        name: of the run it belongs to, for people.
        folder: where it lies.
        stage: the command whose checkpoint made it.
        rows: images in it.
        classifies: whether it holds class probabilities.
        created: when it was finished, ISO 8601 in UTC.
    """

    name: str
    folder: Path
    stage: str
    rows: int
    classifies: bool
    created: str


def newest_embeddings(paths: ProjectFolder, db: Database) -> Embedded | None:
    """Return the embeddings that were finished last, None where there are none.

    Args:
        paths: where the project is; its runs keep theirs in the run folder or one below.
        db: knows which were taken up from elsewhere.
    """
    metas = {*paths.runs.glob(f"*/{META}"), *paths.runs.glob(f"*/*/{META}")}
    metas |= {Path(os.fsdecode(run.folder)) / META for run in list_runs(db)}
    finished = sorted(((time, path) for path in metas if (time := _time(path)) is not None), reverse=True)
    for time, path in finished:
        meta = read_json(path)
        if {"dimension", "rows", "probabilities"} <= meta.keys():
            created = datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            stage = str(meta.get("stage", "embed"))
            inside = path.is_relative_to(paths.runs)
            name = path.relative_to(paths.runs).parts[0] if inside else path.parent.name
            return Embedded(name, path.parent, stage, int(meta["rows"]), bool(meta["probabilities"]), created)
    return None


def _time(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
