"""Leasing images and saying what they are."""

from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from labeling.api import queue
from labeling.api.access import Asker, Context, Here, Who
from labeling.api.errors import refusal
from labeling.api.queue import Desk
from labeling.security.guard import OTHER_PROJECT
from labeling.wire import labels as wire
from storage.errors import Refused
from storage.grid import count_predicted, unlabeled_predicted

routes = APIRouter(tags=["labeling"])


@routes.post("/api/lease")
async def lease(wish: wire.LeaseIn, here: Here, who: Who, asker: Asker) -> wire.LeaseOut:
    """Take images to label, and renew those on hand."""
    desk = Desk(who, wish.client, here.pictures, asker)
    return await here.write(lambda db: queue.take(db, desk, wish))


@routes.post(
    "/api/labels", response_model=wire.LabelsOut,
    responses={status: {"model": wire.LabelsRefused} for status in (403, 409)},
)  # fmt: skip
async def labels(
    said: wire.LabelsIn, here: Here, who: Who, asker: Asker, tasks: BackgroundTasks
) -> wire.LabelsOut | JSONResponse:
    """Say what images are, and take the next; each event is stored once, however often it is sent."""
    desk = Desk(who, said.client, here.pictures, asker)
    answer, refused = await here.write(lambda db: queue.store_events(db, desk, said))
    if refused is not None:
        return refusal(refused, **answer.model_dump(mode="json", by_alias=True))
    if here.probing.due:
        tasks.add_task(here.probing.start)  # after the answer: a label never waits for it
    return answer


@routes.get("/api/undo")
def last_act(here: Here, who: Who) -> wire.LastOut:
    """Say which act of mine an undo would take back."""
    with here.project.reading() as db:
        return wire.LastOut(undoes=queue.last(db, who, "undo"))


@routes.get("/api/redo")
def last_undo(here: Here, who: Who) -> wire.LastOut:
    """Say which undo of mine a redo would bring back."""
    with here.project.reading() as db:
        return wire.LastOut(undoes=queue.last(db, who, "redo"))


@routes.post("/api/undo")
async def undo(wish: wire.ActIn, here: Here, who: Who, asker: Asker) -> wire.ActOut:
    """Take back my last act that stands."""
    return await _step(wish, here, who, asker, "undo")


@routes.post("/api/redo")
async def redo(wish: wire.ActIn, here: Here, who: Who, asker: Asker) -> wire.ActOut:
    """Bring back what my last undo took."""
    return await _step(wish, here, who, asker, "redo")


async def _step(
    wish: wire.ActIn, here: Context, who: int, asker: int | None, kind: Literal["undo", "redo"]
) -> wire.ActOut:
    desk = Desk(who, wish.client, here.pictures, asker)
    return await here.write(lambda db: queue.step(db, desk, wish, kind))


@routes.post("/api/release", openapi_extra={"requestBody": {"required": True, "content": {"application/json": {
    "schema": wire.ReleaseIn.model_json_schema()}}}})  # fmt: skip
async def release(request: Request, here: Here, who: Who, asker: Asker) -> wire.ReleaseOut:
    """Give images back; the body may be text/plain, which is what a page that closes can send."""
    try:
        wish = wire.ReleaseIn.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)  # it may be no text
        raise RequestValidationError(found) from None
    if wish.project not in (None, here.project.id):
        raise Refused(*OTHER_PROJECT)
    desk = Desk(who, wish.client, here.pictures, asker)
    return await here.write(lambda db: queue.give_back(db, desk, wish))


@routes.post("/api/grid")
def grid(wish: wire.GridIn, here: Here, who: Who, asker: Asker) -> wire.LeaseOut:
    """Take a page of images predicted to be of one class, similar ones side by side."""
    desk = Desk(who, wish.client, here.pictures, asker)
    with here.project.reading() as db:  # not inside the write, for which everybody's labels wait
        left = count_predicted(db, wish.class_id)
    return here.project.submit(lambda db: queue.take_grid(db, desk, wish, left)).result()


@routes.get("/api/grid")
def grid_classes(here: Here) -> wire.GridClasses:
    """List the predicted classes that have unlabeled images."""
    with here.project.reading() as db:
        found = unlabeled_predicted(db)
    return wire.GridClasses(
        classes=[
            wire.GridClass(class_id=number, unlabeled=count, confidence=round(confidence, 4))
            for number, count, confidence in found
        ]
    )


@routes.get("/api/guesses")
def guesses(here: Here, who: Who, image: Annotated[list[int], Query(max_length=100)]) -> wire.GuessesOut:
    """Return what the model thinks now of images I have in front of me; blind ones are left out."""
    with here.project.reading() as db:
        return queue.guesses_now(db, who, image)
