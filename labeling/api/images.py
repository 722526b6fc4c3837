"""Browsing images, and the pictures themselves."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from labeling.api.access import Asker, Context, Here
from labeling.api.items import image_detail, page_image
from labeling.pictures.shop import Picture
from labeling.wire import Id, Wire
from labeling.wire import images as wire
from storage.browsing import Filter, browse, count_images
from storage.errors import Refused
from storage.images import get_image
from storage.records import Image, Split, State

routes = APIRouter(tags=["images"])

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
_ONCE = {"cache-control": "private, no-cache"}
Version = Annotated[str, Query(max_length=64)]


class ImageQuery(Wire):
    """Filters of a page of images; all that are given must match."""

    state: State | None = None
    label: Id | None = None
    predicted: Id | None = None
    person: Id | None = None
    round: Id | None = None
    flagged: bool | None = None
    skipped: bool | None = None
    missing: bool | None = None
    suspect: bool | None = None
    settled: bool | None = None
    split: Split | None = None
    file: Annotated[str | None, Field(max_length=1000)] = None
    after: Id | None = None
    limit: int = Field(default=60, ge=1, le=200)


@routes.get("/api/images")
def list_images(wanted: Annotated[ImageQuery, Query()], here: Here, asker: Asker) -> wire.ImagesOut:
    """Return a page of images."""
    match = Filter(**wanted.model_dump(exclude={"after", "limit"}))
    with here.project.reading() as db:
        found = browse(db, match, wanted.after or 0, wanted.limit + 1, asker)
        total = count_images(db, match, asker) if wanted.after is None else None
    page = found[: wanted.limit]
    following = str(page[-1].cursor) if len(found) > wanted.limit else None
    return wire.ImagesOut(images=[page_image(shown, here.pictures) for shown in page], next=following, total=total)


@routes.get("/api/images/{image_id}")
def show_image(image_id: Id, here: Here, asker: Asker) -> wire.ImageDetail:
    """Return all that is known about an image."""
    with here.project.reading() as db:
        image = get_image(db, image_id)
        if image is None:
            raise _no_image(image_id)
        return image_detail(db, image, here.pictures, asker)


@routes.get("/img/{image_id}")
async def picture(image_id: Id, here: Here, v: Version = "") -> Response:
    """Return a picture as browsers can show it."""
    image = await run_in_threadpool(_find, here, image_id, v)
    return _answer(await here.shop.full(image), v)


@routes.get("/thumb/{image_id}")
async def thumb(image_id: Id, here: Here, v: Version = "") -> Response:
    """Return the small version of a picture."""
    image = await run_in_threadpool(_find, here, image_id, v)
    return _answer(await here.shop.thumb(image), v)


def _find(here: Context, image_id: int, version: str) -> Image:
    """Return an image; not for the event loop, which would stand still while all readers are lent."""
    with here.project.reading() as db:
        image = get_image(db, image_id)
    if image is None:
        raise _no_image(image_id)
    if not image.sha256.startswith(version):  # as in a URL of another project
        raise Refused(f"image {image_id} has other content", "v", f"GET /api/images/{image_id} has its URL", "missing")
    return image


def _no_image(image_id: int) -> Refused:
    return Refused(f"no image {image_id}", "image", "GET /api/images lists them", "missing")


def _answer(made: Picture, version: str) -> Response:
    """Return a picture; where the URL names its content, it may be kept forever."""
    headers = _FOREVER if len(version) >= 8 else _ONCE
    return FileResponse(made.path, media_type=made.media_type, headers=headers)
