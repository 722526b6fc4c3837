"""Logging in, the people of a project and what each has set, on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from labeling.wire import Name, OnceIn, Wire
from storage.people import Role

Login = Literal["none", "password", "proxy"]
"""How people come in: `none` where only this machine is reached."""
Password = Annotated[str, StringConstraints(max_length=1000)]


class LoginIn(Wire):
    """Who wants to come in."""

    name: Name
    password: Password


class LoggedIn(Wire):
    """Who came in."""

    id: int
    name: str
    role: Role


class PasswordIn(Wire):
    """A new password of my own."""

    old: Password
    new: Password


class Done(Wire):
    """It is done."""

    done: bool = True


class Health(Wire):
    """The server lives."""

    ok: bool = True


class MemberOut(Wire):
    """Somebody as admins see them; `can_log_in`: they have a password."""

    id: int
    name: str
    role: Role
    active: bool
    can_log_in: bool
    answers: int
    latest: str | None


class TeamOut(Wire):
    """Everybody, and how they come in."""

    people: list[MemberOut]
    login: Login


class MemberIn(OnceIn):
    """Somebody new; without a password they come in by a proxy alone."""

    name: Name
    role: Role = "annotator"
    password: Password | None = None


class MemberChange(OnceIn):
    """What changes of somebody; fields that are not sent stay as they are."""

    role: Role | None = None
    active: bool | None = None
    password: Password | None = Field(default=None)


class PersonOut(Wire):
    """Somebody who labels."""

    id: int
    name: str
    answers: int = 0


class Me(Wire):
    """Who I am, and what I may do."""

    id: int
    name: str
    role: Role


class PeopleOut(Wire):
    """The project, everybody, who I am, and how people come in."""

    project: str
    project_id: str
    people: list[PersonOut]
    me: Me | None
    login: Login


class NameIn(Wire):
    """My name."""

    name: Name


class SettingsOut(Wire):
    """Keys of all actions, and how pages look to me."""

    keys: dict[str, str]
    display: dict[str, Any]


class SettingsIn(Wire):
    """Keys that differ from the defaults, and how pages shall look to me; what is not sent stays as it is."""

    keys: dict[str, str] | None = Field(default=None, max_length=100)
    display: dict[str, Any] | None = None
