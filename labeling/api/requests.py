"""Requests for labels: list and make."""

from typing import Any

from fastapi import APIRouter

from labeling.api.access import Here, Who, done_once
from labeling.wire import requests as wire
from storage import requests as store
from storage.database import Database
from storage.errors import Refused
from storage.images import find_images
from storage.records import NewItem, Purpose, Request

routes = APIRouter(tags=["requests"])


@routes.get("/api/requests")
def list_requests(here: Here) -> wire.RequestsOut:
    """List all requests, the first asked first."""
    with here.project.reading() as db:
        found = store.list_requests(db, finished=True)
    return wire.RequestsOut(requests=[request_out(item) for item in found])


@routes.post("/api/requests")
def add_request(new: wire.RequestIn, here: Here, who: Who) -> wire.RequestAdded:
    """Ask for labels of random images, again of some that are answered already, or of the named ones in their order."""
    if [new.random, new.again, new.items].count(None) != 2:
        raise Refused("give one of random, again and items", "items", None, "invalid")
    with here.project.reading() as db:  # not inside the write, for which everybody's labels wait
        items, unknown = _wanted(db, new)

    def work(db: Database) -> Any:
        if new.again is not None and not items:  # here, as a request that is sent again is answered as before
            raise Refused("there is no picture to ask about again", "again", "answer some first, outside of validation")
        strategy = "random" if new.random is not None else new.strategy
        purpose: Purpose = "train" if new.again is None else "repeat"
        added = store.add_request(db, items, purpose=purpose, strategy=strategy, overlap=new.overlap)
        left_out = dict(added.left_out) | ({"unknown file": unknown} if unknown else {})
        return {"id": added.id, "items": added.items, "left_out": left_out}

    return wire.RequestAdded(**here.project.write(done_once(new, who, work)))


def _wanted(db: Database, new: wire.RequestIn) -> tuple[list[NewItem], int]:
    """Return the images to ask about, and how many names are of no image."""
    if new.again is not None:
        drawn = store.draw_answered(db, new.again)
        return [NewItem(image, None, None, "answered before, asked again") for image in drawn], 0
    if new.items is None:
        drawn = store.draw_unlabeled(db, new.random or 0)
        return [NewItem(image, "random", None, "drawn at random") for image in drawn], 0
    found = find_images(db, (item.file for item in new.items))
    items = [
        NewItem(image, new.strategy, item.score, item.reason)
        for image, item in zip(found, new.items, strict=True)
        if image is not None
    ]
    return items, len(found) - len(items)


def request_out(item: Request) -> wire.RequestOut:
    """Return a request as it goes over the wire."""
    wanted = item.items * item.overlap
    return wire.RequestOut(
        id=item.id, purpose=item.purpose, strategy=item.strategy, overlap=item.overlap, blind=item.blind,
        items=item.items, wanted=wanted, done=wanted - item.left, left=item.left, created=item.created,
        open=item.left > 0,
    )  # fmt: skip
