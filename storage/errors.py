"""What can go wrong with a project's database, each with one line for the user."""

from typing import Literal

Fault = Literal["invalid", "taken", "missing", "forbidden"]


class StorageError(Exception):
    """The database cannot be used; the message says why and names the way out."""


class DiskFull(StorageError):  # noqa: N818 - named by what happened
    """A write did not reach the disk; nothing of it is stored and it may be sent again."""


class Refused(StorageError):  # noqa: N818
    """A change is against the rules of the project; `field` names what to change.

    Attributes:
        field: name of the offending field, in dotted form.
        hint: the way out, or None where the message says it.
        fault: whether the value is `invalid` by itself, `taken` by something else, names what is `missing`, or is
            `forbidden` to who asks.
    """

    def __init__(self, message: str, field: str, hint: str | None = None, fault: Fault = "taken") -> None:
        super().__init__(message)
        self.field = field
        self.hint = hint
        self.fault = fault
