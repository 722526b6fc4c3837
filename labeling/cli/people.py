"""`python -m labeling people …`: who may log in, from the command line; the first admin is made here.

A password is asked for, or read as one line from a pipe; it is never a word of the command line, where others see it.
"""
# ruff: noqa: T201 - printing is the commands' output

import getpass
import sys

from barlowmatch.errors import InputError
from barlowmatch.words import count
from labeling.configs import PeopleConfig
from labeling.names import clean_name
from labeling.project import reading, writing
from labeling.security import passwords
from storage import people as store
from storage.database import Database, transaction
from storage.errors import Refused
from storage.people import Member
from storage.sessions import close_sessions, keep_out


def do(config: PeopleConfig) -> int:
    """Do what is asked for."""
    if config.action == "list":
        return _list(config)
    if config.name is None:
        raise InputError(f"people {config.action}: name somebody, as in people {config.action} Ann")
    name = clean_name(config.name)
    if store.fold(name) == store.fold(store.DATASET):
        raise InputError(f"people: {store.DATASET} is the name of imported labels; take another name")
    changes = {"add": _add, "password": _password, "role": _role, "remove": _remove}
    with writing(config.project) as db:
        print(changes[config.action](db, name, config))
    return 0


def _list(config: PeopleConfig) -> int:
    with reading(config.project) as db:
        people = [item for item in store.list_members(db) if item.name != store.DATASET]
    for item in people:
        way = "kept out" if not item.active else "password" if item.password else "no password"
        print(f"{item.name}: {item.role}, {way}, {count(item.answers, 'answer')}")
    return 0


def _add(db: Database, name: str, config: PeopleConfig) -> str:
    known = store.find_member(db, name)
    if known is not None and known.password is not None and known.active:
        raise InputError(f"{known.name}: is there already; change them with people role or people password")
    if known is not None and config.role != "admin":
        _keep_an_admin(db, known)
    hashed = _ask() if config.password else None
    with transaction(db):
        person = store.add_member(db, name, config.role or "annotator", hashed)
    return f"{person.name}: added as {config.role or 'annotator'}"


def _password(db: Database, name: str, _: PeopleConfig) -> str:
    member = _need(db, name)
    hashed = _ask()
    with transaction(db):
        store.set_password(db, member.id, hashed)
        close_sessions(db, member.id)
    return f"{member.name}: has a new password; whoever was logged in with the old one is logged out"


def _role(db: Database, name: str, config: PeopleConfig) -> str:
    member = _need(db, name)
    if config.role is None:
        raise InputError("people role: say which by --role annotator or --role admin")
    if config.role != "admin":
        _keep_an_admin(db, member)
    with transaction(db):
        store.set_role(db, member.id, config.role)
    return f"{member.name}: is {config.role} now"


def _remove(db: Database, name: str, _: PeopleConfig) -> str:
    member = _need(db, name)
    _keep_an_admin(db, member)
    with transaction(db):
        keep_out(db, member.id)
    return f"{member.name}: is no longer let in; what they labeled stays"


def _keep_an_admin(db: Database, member: Member) -> None:
    if store.is_only_admin(db, member):
        raise InputError(f"{member.name}: is the only admin; make somebody else an admin first")


def _need(db: Database, name: str) -> Member:
    member = store.find_member(db, name)
    if member is None:
        raise InputError(f"{name}: nobody of that name; see people list")
    return member


def _ask() -> str:
    """Return the hash of a password that was typed twice, or came as the first line of a pipe."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            raise InputError("people: the two passwords differ; try again")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        passwords.check_new(password)
    except Refused as error:
        raise InputError(f"people: {error}; {error.hint}") from None
    return passwords.hash_password(password)
