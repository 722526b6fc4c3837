"""Passwords: hashed by Argon2id, judged by length alone."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from storage.errors import Refused

SHORTEST, LONGEST = 10, 256
_hasher = PasswordHasher()
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$uGP16WmxPL/arErEZoZ1FQ$YKtGFybKXyWtO1aCc3BnubK5eP1Ivf3nY9smL/8eQ+Q"
"""The hash of no one's password, compared with where there is no such person: the time an answer takes tells nothing.
It costs as much as the others (the test compares the parameters), and nothing at the start."""


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
