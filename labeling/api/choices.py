"""Choosing what to ask for: the strategies, a choice to look at, and the request made of it."""

import time
from typing import Any

from fastapi import APIRouter, Query

from barlowmatch.configs.fields import parameters
from barlowmatch.selection.catalog import CATALOG, Entry
from labeling.api.access import Context, Here, Who, done_once, was_done
from labeling.api.items import chore_out, urls
from labeling.chores import Told
from labeling.embeddings.newest import Embedded, newest_embeddings
from labeling.forms import form_fields, read_form
from labeling.requests.choosing import read_choice
from labeling.requests.simulations import newest_simulation
from labeling.wire import StopIn, Uuid
from labeling.wire import choices as wire
from labeling.wire.requests import RequestAdded
from storage.classes import list_classes
from storage.database import Database
from storage.errors import Refused
from storage.images import get_image
from storage.records import NewItem
from storage.requests import add_request, why_not
from storage.splits import count_drawable
from storage.stats import progress

routes = APIRouter(tags=["choices"])


@routes.get("/api/strategies")
def list_strategies(here: Here) -> wire.StrategiesOut:
    """List the strategies, those that serve most people first, with what each still lacks in this project."""
    with here.project.reading() as db:
        embedded = newest_embeddings(here.project.paths, db)
        counts = [item.count for item in list_classes(db) if item.count]
        whole, free = progress(db), count_drawable(db)
    return wire.StrategiesOut(
        images=whole.images, free=free, labeled=whole.labeled,
        embeddings=None if embedded is None else wire.EmbeddedOut(
            name=embedded.name, stage=embedded.stage, rows=embedded.rows, classifies=embedded.classifies,
            created=embedded.created,
        ),
        strategies=[
            wire.StrategyOut(
                name=entry.name, summary=entry.summary, needs=list(entry.needs),
                parameters=list(form_fields(entry.config)), lacks=_lacks(entry, embedded, len(counts)),
            )
            for entry in CATALOG.values()
        ],
    )  # fmt: skip


def _lacks(entry: Entry, embedded: Embedded | None, classes: int) -> str | None:
    """Say what keeps a strategy from running, None where nothing does."""
    if entry.needs and embedded is None:
        return "Needs embeddings, and there are none yet."
    if "labels" in entry.needs and classes == 0:
        return "Needs at least one labeled image."
    classifier = embedded is not None and embedded.classifies
    if {"probabilities", "head"} & set(entry.needs) and classes < 2 and not classifier:
        return "Needs labeled images of two classes."
    return None


@routes.post("/api/choice", status_code=202)
def start_choice(wish: wire.ChoiceIn, here: Here) -> wire.ChoiceOut:
    """Let a strategy choose, as a process; the choice before it is forgotten."""
    entry = CATALOG.get(wish.strategy)
    if entry is None:
        raise Refused(f"no strategy {wish.strategy!r}", "strategy", f"there are {', '.join(CATALOG)}", "missing")
    settings = read_form(entry.config(), wish.parameters)
    values = {item.name: item.default for item in parameters(settings)}
    usual = {item.name: item.default for item in parameters(entry.config)}
    changed = {name: value for name, value in values.items() if value != usual[name]}
    words = [
        "choose", "--project", str(here.project.paths.folder), "--strategy", entry.name, "--budget", str(wish.budget),
        "--to", str(here.chores.choosing.events.with_name("request.csv")),
        *(["--parameters", *(f"{name}={value}" for name, value in changed.items())] if changed else []),
    ]  # fmt: skip
    about = {"uuid": wish.uuid, "strategy": entry.name, "budget": wish.budget, "parameters": changed, "at": time.time()}
    before = here.chores.choosing.tell()
    if before.about.get("uuid") != wish.uuid and not here.chores.choosing.start(words, about):
        raise Refused("a strategy is choosing just now", "uuid", "wait for it, or stop it")
    return show_choice(here)


@routes.post("/api/choice/stop")
def stop_choice(wish: StopIn, here: Here) -> wire.ChoiceOut:
    """End the choosing; what it would have chosen is lost."""
    here.chores.choosing.stop(wish.uuid)
    return show_choice(here)


@routes.get("/api/choice")
def show_choice(here: Here) -> wire.ChoiceOut:
    """Say how far the choice is."""
    told = here.chores.choosing.tell()
    about, results = told.about, told.results
    return wire.ChoiceOut(
        uuid=about.get("uuid"), strategy=about.get("strategy"), budget=about.get("budget"), chore=chore_out(told),
        said=list(told.said), running_s=time.time() - about["at"] if told.state == "running" else None,
        count=results.get("count", 0), free=results.get("free", 0), seconds=results.get("seconds"),
        parameters=about.get("parameters", {}),
    )  # fmt: skip


@routes.get("/api/choice/{uuid}/images")
def list_chosen(
    uuid: Uuid, here: Here, after: int = Query(default=0, ge=0), limit: int = Query(default=200, ge=1, le=1000)
) -> wire.ChosenPage:
    """Return a page of what was chosen, from the image after the rank `after`."""
    _finished(here, uuid)
    with here.project.reading() as db:
        chosen = read_choice(db, here.chores.choosing)
        page = chosen[after : after + limit]
        images = [_chosen_out(db, rank, item, here) for rank, item in enumerate(page, after + 1)]
    return wire.ChosenPage(images=images, total=len(chosen))


@routes.post("/api/choice/request", status_code=201)
def request_choice(wish: wire.RequestChoiceIn, here: Here, who: Who) -> RequestAdded:
    """Ask for labels of what was chosen."""
    items: list[NewItem] = []
    strategy = None
    with here.project.reading() as db:  # not inside the write, for which everybody's labels wait
        if not was_done(db, wish, who):  # one that is sent again is answered without its choice
            strategy, items = _kept_of(db, here, wish)

    def work(db: Database) -> Any:
        added = add_request(db, items, purpose="train", strategy=strategy, overlap=wish.overlap)
        return {"id": added.id, "items": added.items, "left_out": dict(added.left_out)}

    return RequestAdded(**here.project.write(done_once(wish, who, work)))


@routes.get("/api/simulation")
def show_simulation(here: Here) -> wire.SimulationOut:
    """Return what the newest simulation of the project found."""
    found = newest_simulation(here.project.paths)
    if found is None:
        return wire.SimulationOut(name=None, curves={})
    curves = {
        strategy: [wire.CurvePoint(labels=p.labels, accuracy=p.accuracy, low=p.low, high=p.high) for p in points]
        for strategy, points in found.curves.items()
    }
    return wire.SimulationOut(name=found.name, curves=curves)


def _kept_of(db: Database, here: Context, wish: wire.RequestChoiceIn) -> tuple[str, list[NewItem]]:
    """Return the strategy of a choice and what it holds without what was dropped.

    Raises:
        Refused: it is not finished, another one took its place, or nothing is left of it.
    """
    _finished(here, wish.choice)
    dropped = set(wish.drop)
    items = [item for item in read_choice(db, here.chores.choosing) if item.image not in dropped]
    told = _finished(here, wish.choice)  # another choice may have taken its place while it was read
    if not items:
        raise Refused("no image is left of the choice", "drop", "keep at least one", "invalid")
    return told.about["strategy"], items


def _finished(here: Context, uuid: str) -> Told:
    """Return what the choice with this UUID told.

    Raises:
        Refused: it is not finished, or another one took its place.
    """
    told = here.chores.choosing.tell()
    if told.about.get("uuid") != uuid:
        raise Refused("another choice was made meanwhile", "choice", "look at it, or choose again")
    if told.state != "done":
        raise Refused("the choice is not finished", "choice", "wait for it, or choose again")
    return told


def _chosen_out(db: Database, rank: int, item: NewItem, here: Context) -> wire.ChosenOut:
    image = get_image(db, item.image)
    assert image is not None, "images are never deleted"
    return wire.ChosenOut(
        rank=rank, image=image.id, file=image.name, score=item.score, reason=item.reason,
        settled=why_not(db, image.id, "train"), **urls(image, here.pictures),
    )  # fmt: skip
