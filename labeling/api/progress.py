"""How far the project has come."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter

from labeling.api.access import Asker, Here, Who
from labeling.api.queue import fitted_event
from labeling.api.requests import request_out
from labeling.wire import progress as wire
from storage.classes import classes_version
from storage.clock import as_stored
from storage.requests import list_requests
from storage.stats import my_work, progress

RATE_MINUTES = 10

routes = APIRouter(tags=["people"])


@routes.get("/api/progress")
def get_progress(here: Here, who: Who, asker: Asker) -> wire.ProgressOut:
    """Say how far the project has come, and I."""
    with here.project.reading() as db:
        since = as_stored(datetime.now(UTC) - timedelta(minutes=RATE_MINUTES))
        whole, mine = progress(db, asker), my_work(db, who, since)
        fitted, version = fitted_event(db), classes_version(db)
        done = sum(request_out(item).done for item in list_requests(db, finished=True))
    requests = [request_out(item) for item in whole.requests]
    return wire.ProgressOut(
        project=here.project.name, project_id=here.project.id, event=whole.event, images=whole.images,
        labeled=whole.labeled, rejected=whole.rejected, disputed=whole.disputed, flagged=whole.flagged,
        skipped=whole.skipped, missing=whole.missing, suspects=whole.suspects, requests=requests,
        done=done,
        left=sum(item.left for item in requests),
        mine=wire.MineOut(
            answers=mine.answers, per_hour=None if mine.per_hour is None else round(mine.per_hour, 1),
            undoable=mine.undoable, redoable=mine.redoable,
        ),
        classes=[wire.ClassCount(class_id=number, count=count) for number, count in whole.classes],
        classes_version=version, fitted=fitted,
    )  # fmt: skip
