"""Classes: list, add, change, merge, split. Each write happens once per UUID."""

from typing import Any

from fastapi import APIRouter, Request

from labeling.api.access import Asker, Context, Here, Who, my_role
from labeling.names import DEFAULT_KEYS, clean_key, clean_name, new_class_id
from labeling.wire import Id
from labeling.wire import classes as wire
from storage import classes as store
from storage.database import Database
from storage.errors import Refused
from storage.people import get_person_settings
from storage.records import ImageClass
from storage.written import body_hash, once

routes = APIRouter(tags=["classes"])


@routes.get("/api/classes")
def list_classes(here: Here, asker: Asker) -> wire.ClassesOut:
    """List the classes in their order."""
    with here.project.reading() as db:
        found, version = store.list_classes(db, asker=asker), store.classes_version(db)
    return wire.ClassesOut(classes=[class_out(item) for item in found], version=version)


@routes.post("/api/classes")
async def add_class(new: wire.ClassIn, here: Here, who: Who) -> wire.ClassOut:
    """Add a class."""

    def work(db: Database) -> Any:
        name = clean_name(new.name)
        number = new_class_id(name, store.class_ids(db))
        added = store.add_class(db, number, name, clean_key(new.key, _actions(db, who)), new.color)
        return class_out(added).model_dump()

    return await _once(here, who, "add", new, work)


@routes.patch("/api/classes/{class_id}")
async def change_class(
    class_id: Id, change: wire.ClassChange, request: Request, here: Here, who: Who, asker: Asker
) -> wire.ClassOut:
    """Rename a class, change its key, color or place; all but the key is for admins."""
    further = sorted(change.model_fields_set - {"uuid", "key"})
    if further and my_role(request) != "admin":
        raise Refused("this is for admins of the project", further[0], "ask one of them", "forbidden")

    def work(db: Database) -> Any:
        if change.name is not None:
            store.rename_class(db, class_id, clean_name(change.name))
        if "key" in change.model_fields_set:
            store.set_key(db, class_id, clean_key(change.key, _actions(db, who)))
        if change.color is not None:
            store.set_color(db, class_id, change.color)
        if change.position is not None:
            store.move_class(db, class_id, change.position)
        return class_out(store.get_class(db, class_id, asker)).model_dump()

    return await _once(here, who, f"change {class_id}", change, work)


@routes.post("/api/classes/{class_id}/merge")
async def merge_class(class_id: Id, merge: wire.MergeIn, here: Here, who: Who) -> wire.ClassOut:
    """Let all labels of a class count as another one; answers that one."""

    def work(db: Database) -> Any:
        store.merge_class(db, class_id, merge.into)
        return class_out(store.get_class(db, store.get_class(db, class_id).root)).model_dump()

    return await _once(here, who, f"merge {class_id}", merge, work)


@routes.post("/api/classes/{class_id}/split")
async def split_class(class_id: Id, split: wire.SplitIn, here: Here, who: Who) -> wire.ClassOut:
    """Take a merge back."""

    def work(db: Database) -> Any:
        store.split_class(db, class_id)
        return class_out(store.get_class(db, class_id)).model_dump()

    return await _once(here, who, f"split {class_id}", split, work)


async def _once(here: Context, who: int, what: str, body: Any, work: Any) -> wire.ClassOut:
    digest = body_hash({"what": what, **body.model_dump(mode="json", exclude_unset=True)}, who)
    return wire.ClassOut(**await here.write(lambda db: once(db, body.uuid, digest, who, work)))


def _actions(db: Database, who: int) -> dict[str, str]:
    """Return the keys of a person's actions."""
    own: dict[str, str] = get_person_settings(db, who).get("keys", {})
    return DEFAULT_KEYS | own


def class_out(item: ImageClass) -> wire.ClassOut:
    """Return a class as it goes over the wire."""
    return wire.ClassOut(
        id=item.id, name=item.name, key=item.key, color=item.color, count=item.count, position=item.position
    )
