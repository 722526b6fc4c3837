"""People by name, and what each has set."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from labeling.api.access import Here, Who, how_people_come_in, my_role, remember
from labeling.api.access import who as who_asks
from labeling.names import merged_keys, persons_name
from labeling.wire import people as wire
from storage import people as store
from storage.classes import list_classes
from storage.database import Database
from storage.errors import Refused

LARGEST_DISPLAY = 16_000

open_routes = APIRouter(tags=["people"])
routes = APIRouter(tags=["people"])


@open_routes.get("/api/people")
def list_people(request: Request, here: Here) -> wire.PeopleOut:
    """List everybody, and say who I am."""
    number, role = who_asks(request), my_role(request)
    with here.project.reading() as db:
        people = store.list_people(db)
    me = next((wire.Me(id=item.id, name=item.name, role=role) for item in people if item.id == number), None)
    shown = [item for item in people if item.name != store.DATASET]
    return wire.PeopleOut(
        project=here.project.name,
        project_id=here.project.id,
        people=[wire.PersonOut(id=item.id, name=item.name, answers=item.answers) for item in shown],
        me=me,
        login=how_people_come_in(request),
    )


@open_routes.post("/api/people/me")
async def choose_name(mine: wire.NameIn, request: Request, here: Here, response: Response) -> wire.Me:
    """Say who I am from now on; only where nobody logs in."""
    if how_people_come_in(request) != "none":
        raise Refused("names are not chosen here: people log in", "name", "log out and in as somebody else")
    name = persons_name(mine.name)
    chosen = await here.write(lambda db: store.find_or_add_person(db, name))
    remember(response, here, chosen.id)
    return wire.Me(id=chosen.id, name=chosen.name, role=my_role(request))


@routes.get("/api/settings")
def get_settings(here: Here, who: Who) -> wire.SettingsOut:
    """Return my keys and how pages look to me."""
    with here.project.reading() as db:
        return _settings(db, who)


@routes.put("/api/settings")
async def put_settings(new: wire.SettingsIn, here: Here, who: Who) -> wire.SettingsOut:
    """Replace my keys, how pages look to me, or both."""
    try:
        size = len(json.dumps(new.display, allow_nan=False))
    except ValueError:
        raise Refused("display holds a number that JSON lacks", "display", "send null instead", "invalid") from None
    if size > LARGEST_DISPLAY:
        raise Refused(f"display is larger than {LARGEST_DISPLAY} bytes", "display", "keep less in it", "invalid")

    def work(db: Database) -> wire.SettingsOut:
        kept = store.get_person_settings(db, who)
        if new.keys is not None:
            mine = kept.get("keys", {})
            fresh = {key for action, key in new.keys.items() if mine.get(action) != key}
            # A class may have been given a key that was mine before: that must not stand in the way of all else.
            merged_keys(new.keys, {key: name for key, name in _class_keys(db).items() if key in fresh})
        sent = {"keys": new.keys, "display": new.display}
        store.put_person_settings(db, who, kept | {name: value for name, value in sent.items() if value is not None})
        return _settings(db, who)

    return await here.write(work)


def _settings(db: Database, who: int) -> wire.SettingsOut:
    settings: dict[str, Any] = store.get_person_settings(db, who)
    return wire.SettingsOut(keys=merged_keys(settings.get("keys", {}), {}), display=settings.get("display", {}))


def _class_keys(db: Database) -> dict[str, str]:
    return {item.key: item.name for item in list_classes(db) if item.key is not None}
