"""Labels from elsewhere: upload a table, look at what it would store, store it, take it back."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from labeling.api.access import Context, Here, Who
from labeling.api.items import chore_out, urls
from labeling.chores import Told
from labeling.dataset.importing import register
from labeling.dataset.uploads import Uploads
from labeling.names import typed_path
from labeling.wire import StopIn, Uuid
from labeling.wire import dataset as wire
from storage.classes import list_classes
from storage.database import Database
from storage.errors import Refused
from storage.images import get_image
from storage.people import get_person

LARGEST_UPLOAD = 200_000_000
"""Bytes; a table of a million rows has a quarter of it."""

routes = APIRouter(tags=["imports"])


@routes.put("/api/uploads/{uuid}")
async def upload(
    uuid: Uuid,
    name: Annotated[str, Query(max_length=255)],
    request: Request,
    here: Here,
    at: Annotated[int, Query(ge=0, lt=LARGEST_UPLOAD)] = 0,
) -> wire.UploadOut:
    """Take a part of a table, at its place in bytes; a part sent again changes nothing."""
    part = await request.body()
    uploads = _uploads(here)
    size = await run_in_threadpool(uploads.put, uploads.place(uuid, name), at, part)
    return wire.UploadOut(uuid=uuid, bytes=size)


@routes.post("/api/imports/preview", status_code=202)
def preview(wish: wire.PreviewIn, here: Here) -> wire.ImportsOut:
    """Look at what an import would store, as a process; nothing is stored."""
    source = _source(here, wish)
    words = ["preview-labels", "--project", _folder(here), "--source", str(source)]
    _start(here, words, {"act": "preview", "uuid": wish.uuid, "source": str(source)})
    return list_imports(here)


@routes.post("/api/imports", status_code=202)
def store(wish: wire.ImportIn, here: Here, who: Who) -> wire.ImportsOut:
    """Store what was looked at, as a process, in the name of the dataset."""
    about = here.chores.labels.tell().about
    if about.get("uuid") == wish.uuid:
        return list_imports(here)
    if about.get("act") != "preview" or about.get("uuid") != wish.preview:
        raise Refused("this is not what was looked at last", "preview", "look at the labels again, then store them")
    with here.project.reading() as db:
        person = get_person(db, who)
    words = [
        "store-labels", "--project", _folder(here), "--source", about["source"], "--uuid", wish.uuid,
        "--by", person.name if person else "",
        "--add-classes" if wish.add_classes else "--no-add-classes",
        "--also-labeled" if wish.also_labeled else "--no-also-labeled",
    ]  # fmt: skip
    _start(here, words, {"act": "store", "uuid": wish.uuid, "source": about["source"]})
    return list_imports(here)


@routes.post("/api/imports/undo", status_code=202)
def undo(wish: wire.UndoImportIn, here: Here) -> wire.ImportsOut:
    """Take an import back, as a process; answers that people gave since stay."""
    with here.project.reading() as db:
        if all(entry["uuid"] != wish.id for entry in register(db)):
            raise Refused("there is no such import", "id", "GET /api/imports lists them", "missing")
    words = ["undo-labels", "--project", _folder(here), "--uuid", wish.id, "--undo", wish.uuid]
    _start(here, words, {"act": "undo", "uuid": wish.uuid})
    return list_imports(here)


@routes.post("/api/imports/stop")
def stop(wish: StopIn, here: Here) -> wire.ImportsOut:
    """End looking at labels; what stores them, or takes them back, goes on."""
    if here.chores.labels.tell().about.get("act") == "preview":
        here.chores.labels.stop(wish.uuid)
    return list_imports(here)


@routes.get("/api/imports")
def list_imports(here: Here) -> wire.ImportsOut:
    """Say what is under way, what the last preview found, and which imports were made."""
    told = here.chores.labels.tell()
    with here.project.reading() as db:
        imports = [
            wire.ImportOut(
                uuid=entry["uuid"], source=entry["source"], by=entry["by"], time=entry["time"],
                stored=entry.get("stored"), undone=entry.get("undone"),
            )
            for entry in register(db)
        ]  # fmt: skip
        found = _preview(db, told, here) if told.state == "done" and told.about.get("act") == "preview" else None
    told = dataclasses.replace(told, message=_message(told, here))
    return wire.ImportsOut(act=told.about.get("act"), chore=chore_out(told), preview=found, imports=imports)


def _message(told: Told, here: Context) -> str | None:
    source = told.about.get("source")
    return _uploads(here).as_called(told.message, Path(source)) if told.message and source else told.message


def _preview(db: Database, told: Told, here: Context) -> wire.PreviewOut:
    found = dict(told.results)
    names = {item.id: item.name for item in list_classes(db, merged=True)}
    for part in ("samples", "differing"):
        found[part] = [_sample(db, item, names, here) for item in found[part]]
    source = Path(found.pop("source")).name
    return wire.PreviewOut(uuid=told.about["uuid"], source=source, **found)


def _sample(db: Database, item: dict[str, Any], names: dict[int, str], here: Context) -> wire.SampleOut:
    image = get_image(db, item["image"])
    assert image is not None, "images are never deleted"
    state, class_id = image.label.state, image.label.class_id
    present = names[class_id] if class_id is not None else None if state == "none" else state
    return wire.SampleOut(
        image=image.id, file=image.name, label=item["label"], present=present, **urls(image, here.pictures)
    )


def _start(here: Context, words: list[str], about: dict[str, Any]) -> None:
    """Start the chore; what was uploaded for the one before goes where this one is about something else.

    Raises:
        Refused: it does something else just now.
    """
    chore = here.chores.labels
    before = chore.tell().about
    if chore.start(words, about):
        if before.get("source") not in (None, about.get("source")):
            _uploads(here).drop(Path(before["source"]))
    elif chore.tell().about.get("uuid") != about["uuid"]:
        raise Refused("labels are being looked at or stored just now", "uuid", "wait until that is done")


def _source(here: Context, wish: wire.PreviewIn) -> Path:
    if (wish.upload is None) == (wish.path is None):
        raise Refused("give either an upload or a path", "path", None, "invalid")
    if wish.upload is not None:
        return _uploads(here).place(wish.upload, wish.name or "labels.csv")
    source = typed_path(wish.path or "")
    if not source.is_absolute():
        raise Refused(f"{source} does not begin with a slash", "path", "type the whole path", "invalid")
    if not source.exists():
        raise Refused(f"{source}: there is no such file or folder", "path", "correct the path", "missing")
    return source


def _uploads(here: Context) -> Uploads:
    return Uploads(here.project.paths)


def _folder(here: Context) -> str:
    return str(here.project.paths.folder)
