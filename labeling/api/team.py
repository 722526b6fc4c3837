"""The people of a project, for admins: add, change role or password, keep out."""

from typing import Any

from fastapi import APIRouter, Request

from labeling.api.access import Context, Here, Who, how_people_come_in
from labeling.names import persons_name
from labeling.security import passwords
from labeling.security.doors import Door
from labeling.wire import Id
from labeling.wire import people as wire
from storage import people as store
from storage.database import Database
from storage.errors import Refused
from storage.people import Member
from storage.sessions import close_sessions, keep_out
from storage.written import body_hash, once

routes = APIRouter(tags=["people"])


@routes.get("/api/team")
def list_team(request: Request, here: Here) -> wire.TeamOut:
    """List everybody with what they may do and have labeled."""
    with here.project.reading() as db:
        people = [_member(item) for item in store.list_members(db) if item.name != store.DATASET]
    return wire.TeamOut(people=people, login=how_people_come_in(request))


@routes.post("/api/team")
def add_member(new: wire.MemberIn, request: Request, here: Here, who: Who) -> wire.MemberOut:
    """Add somebody."""
    name = persons_name(new.name)
    if new.password is not None:
        passwords.check_new(new.password)
    hashed = None if new.password is None else passwords.hash_password(new.password)

    def work(db: Database) -> Any:
        known = store.find_member(db, name)
        if known is not None and known.password is not None and known.active:
            raise Refused(f"{known.name} is there already", "name", "take another name, or change that person")
        if known is not None and new.role != "admin":
            _keep_an_admin(db, known)
        return store.add_member(db, name, new.role, hashed).id

    return _done(request, here, here.project.write(lambda db: once(db, new.uuid, _digest(new, who), who, work)))


@routes.patch("/api/team/{person_id}")
def change_member(person_id: Id, change: wire.MemberChange, request: Request, here: Here, who: Who) -> wire.MemberOut:
    """Change what somebody may do, or give them a new password; then their sessions end."""
    if change.password is not None:
        passwords.check_new(change.password)
    hashed = None if change.password is None else passwords.hash_password(change.password)
    digest = _digest(change, who, person_id)

    def work(db: Database) -> Any:
        member = store.get_member(db, person_id)
        if member is None or member.name == store.DATASET:
            raise Refused(f"no person {person_id}", "person_id", None, "missing")
        if change.role == "annotator" or change.active is False:
            _keep_an_admin(db, member)
        if change.role is not None:
            store.set_role(db, person_id, change.role)
        if change.active is True:
            store.let_in(db, person_id)
        if hashed is not None:
            store.set_password(db, person_id, hashed)
            close_sessions(db, person_id)
        if change.active is False:
            keep_out(db, person_id)
        return person_id

    return _done(request, here, here.project.write(lambda db: once(db, change.uuid, digest, who, work)))


def _keep_an_admin(db: Database, member: Member) -> None:
    """Refuse to take its only admin from a project."""
    if store.is_only_admin(db, member):
        raise Refused(f"{member.name} is the only admin", "role", "make somebody else an admin first")


def _digest(said: wire.MemberIn | wire.MemberChange, who: int, of: int | None = None) -> bytes:
    """Return a hash of what was said, `of` whom, but for the password: that must be stored as its own hash alone."""
    return body_hash(said.model_dump(mode="json", exclude={"password"}) | {"of": of}, who)


def _done(request: Request, here: Context, person: int) -> wire.MemberOut:
    door: Door | None = request.scope.get("door")
    if door is not None:
        door.forget()
    with here.project.reading() as db:
        return next(_member(item) for item in store.list_members(db) if item.id == person)


def _member(item: Member) -> wire.MemberOut:
    return wire.MemberOut(
        id=item.id, name=item.name, role=item.role, active=item.active, can_log_in=item.password is not None,
        answers=item.answers, latest=item.latest or None,
    )  # fmt: skip
