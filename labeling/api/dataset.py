"""The images of the project: what they are, and reading them anew; the classes with what was merged into them."""

from typing import Any

from fastapi import APIRouter

from barlowmatch.data.tables import shown
from labeling.api.access import Asker, Here
from labeling.api.classes import class_out
from labeling.api.items import Pictures, chore_out, thumb_out
from labeling.dataset.reports import Report, kept_report
from labeling.wire import StopIn
from labeling.wire import dataset as wire
from storage.classes import list_classes, list_merged
from storage.database import Database
from storage.images import draw_images, find_images, get_image
from storage.stats import progress

SAMPLES = 24
SHOWN_COPIES = 24
SHOWN_BROKEN = 100

routes = APIRouter(tags=["dataset"])


@routes.get("/api/dataset")
def show_dataset(here: Here) -> wire.DatasetOut:
    """Say what the images of the project are, with some pictures."""
    report = kept_report(here.project.paths)
    told = here.chores.reading.tell()
    root = here.project.find_root()
    with here.project.reading() as db:
        whole = progress(db)
        return wire.DatasetOut(
            root=shown(str(root)), there=root.is_dir(), images=whole.images, missing=whole.missing,
            report=None if report is None else _report(db, report, here.pictures), reading=chore_out(told),
            changed=told.results if told.state == "done" else {},
            samples=[thumb_out(image, here.pictures) for image in draw_images(db, SAMPLES, seed=0)],
        )  # fmt: skip


@routes.post("/api/dataset/read", status_code=202)
def read_dataset(wish: wire.ReadIn, here: Here) -> wire.ChoreOut:
    """Read the images anew, as a process: take up new ones, link moved ones, note what is gone."""
    words = ["import", "--project", str(here.project.paths.folder), "--rescan"]
    if wish.folder is not None:
        words += ["--dataset-folder", wish.folder]
    here.chores.reading.start(words, {"uuid": wish.uuid})
    return chore_out(here.chores.reading.tell())


@routes.post("/api/dataset/stop")
def stop_reading(wish: StopIn, here: Here) -> wire.ChoreOut:
    """End the reading: new images that are in by then stay, the next reading takes up the rest."""
    here.chores.reading.stop(wish.uuid)
    return chore_out(here.chores.reading.tell())


@routes.get("/api/dataset/classes")
def whole_classes(here: Here, asker: Asker) -> wire.WholeClassesOut:
    """List the classes with what was merged into each."""
    with here.project.reading() as db:
        merged = list_merged(db, asker)
        classes = list_classes(db, asker=asker)
    return wire.WholeClassesOut(
        classes=[
            wire.WholeClassOut(
                **class_out(item).model_dump(),
                merged=[
                    wire.MergedOut(id=part.id, name=part.name, answers=part.answers)
                    for part in merged
                    if part.into == item.id
                ],
            )
            for item in classes
        ]
    )


def _report(db: Database, report: Report, pictures: Pictures) -> wire.ReportOut:
    found = shown(report.found)
    return wire.ReportOut(
        time=report.time, layout=found["layout"], images=found["images"], bytes=found["bytes"],
        splits=found["splits"], formats=found["formats"], modes=found["modes"], sizes=found["sizes"],
        groups=found["groups"], problems=found["problems"], warnings=found["warnings"],
        unreadable=[
            wire.BrokenOut(file=item["file"], split=item["split"], reason=item["reason"])
            for item in found["unreadable"][:SHOWN_BROKEN]
        ],
        unreadable_count=found["unreadable_count"],
        copies=[_copies(db, item, pictures) for item in report.found["duplicates"][:SHOWN_COPIES]],
        copies_count=found["duplicates_count"],
    )  # fmt: skip


def _copies(db: Database, item: dict[str, Any], pictures: Pictures) -> wire.CopiesOut:
    known = next((image for image in find_images(db, item["files"]) if image is not None), None)
    image = None if known is None else get_image(db, known)
    return wire.CopiesOut(
        files=shown(item["files"]), splits=item["splits"], labels=item["labels"],
        thumb=None if image is None else pictures.thumb(image.id, image.sha256),
    )  # fmt: skip
