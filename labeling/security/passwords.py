"""Passwords: hashed by Argon2id, judged by length alone."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from storage.errors import Refused

SHORTEST, LONGEST = 10, 256
_hasher = PasswordHasher()
_NOBODYS = _hasher.hash("a password that nobody has")
"""Compared with where there is no such person, so that the time an answer takes tells nothing."""


def check_new(password: str, field: str = "password") -> None:
    """Refuse a password that is too short or too long.

    Raises:
        Refused: it is.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        hint = f"take {SHORTEST} to {LONGEST} characters; several words are easy to remember"
        raise Refused(f"the password has {len(password)} characters", field, hint, "invalid")


def hash_password(password: str) -> str:
    """Return the hash of a password; takes tens of milliseconds and 64 MiB on purpose."""
    return _hasher.hash(password)


def fits(password: str, stored: str | None) -> bool:
    """Say whether a password has this hash; without a hash it never does, after as long a time."""
    try:
        return _hasher.verify(stored or _NOBODYS, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
