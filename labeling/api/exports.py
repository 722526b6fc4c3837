"""Exports: start, watch, stop, fetch their tables, remove."""

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

from labeling.api.access import Context, Here, Who, done_once
from labeling.exports.jobs import Job, default_name, taken
from labeling.wire import StopIn
from labeling.wire import exports as wire
from storage.clock import now
from storage.database import Database
from storage.errors import Refused
from storage.written import body_hash, once

routes = APIRouter(tags=["exports"])


@routes.post("/api/exports", status_code=202)
def start_export(wish: wire.ExportIn, here: Here, who: Who) -> wire.ExportOut:
    """Start an export as a process of its own."""

    def work(_: Database) -> Any:
        name = wish.name or default_name(wish.format)
        job = here.exports.find(name)
        if job is not None and job.holds_name:
            raise taken(name)
        return {"name": name, "created": now()}

    chosen = here.project.write(done_once(wish, who, work))
    here.exports.start(chosen["name"], wish.format, wish.uuid, chosen["created"])
    return _find(here, chosen["name"])


@routes.get("/api/exports")
def list_exports(here: Here) -> wire.ExportsOut:
    """List all exports, newest first."""
    return wire.ExportsOut(exports=[_out(job) for job in here.exports.list()])


@routes.get("/api/exports/{name}")
def show_export(name: str, here: Here) -> wire.ExportOut:
    """Say how far an export is."""
    return _find(here, name)


@routes.post("/api/exports/{name}/stop")
def stop_export(name: str, wish: StopIn, here: Here) -> wire.ExportOut:
    """End an export; nothing of it is left. One that has ended stays as it is."""
    _find(here, name)
    here.exports.stop(name, wish.uuid)
    return _find(here, name)


@routes.post("/api/exports/{name}/remove")
def remove_export(name: str, wish: wire.RemovalIn, here: Here, who: Who) -> wire.ExportsOut:
    """Remove the files of a finished export; return those that are left."""

    def work(_: Database) -> Any:
        if not _is_plain(name):
            raise _missing(name)
        here.exports.check_removable(name, wish.created)
        return {"removed": name, "created": wish.created}

    digest = body_hash(wish.model_dump(mode="json") | {"remove": name}, who)
    wished = here.project.write(lambda db: once(db, wish.uuid, digest, who, work))
    here.exports.remove(wished["removed"], wished["created"])
    return list_exports(here)


@routes.get("/api/exports/{name}/{table}.csv")
def fetch_table(name: str, table: Literal["labels", "manifest"], here: Here) -> FileResponse:
    """Download a table of a finished export."""
    if _find(here, name).state != "done":
        raise Refused(f"the export {name} is not finished", "name")
    path = here.project.paths.exports / name / f"{table}.csv"
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename=f"{name}-{table}.csv")


def _find(here: Context, name: str) -> wire.ExportOut:
    job = here.exports.find(name) if _is_plain(name) else None
    if job is None:
        raise _missing(name)
    return _out(job)


def _missing(name: str) -> Refused:
    return Refused(f"no export {name!r}", "name", "GET /api/exports lists them", "missing")


def _is_plain(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not set(name) & set("/\\\0")


def _out(job: Job) -> wire.ExportOut:
    return wire.ExportOut(
        name=job.name, uuid=job.uuid, format=job.format, state=job.state, done=job.done, total=job.total,
        event=job.summary.get("event"), message=job.message, path=f"exports/{job.name}", created=job.created,
        labeled=job.summary.get("labeled"), left_out=job.summary.get("left_out", {}),
    )  # fmt: skip
