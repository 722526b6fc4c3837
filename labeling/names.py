"""What people type as the name of a class or of themselves, as a key or a path: what is accepted, and as what."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from barlowmatch.data.classes import class_id
from barlowmatch.data.file_rows import local
from storage.database import Database
from storage.errors import Refused
from storage.images import find_images
from storage.people import DATASET, fold
from storage.settings import get_setting

LONGEST_NAME = 100

DEFAULT_KEYS = {
    "first_guess": "Enter",
    "skip": "x",
    "reject": "r",
    "flag": "f",
    "undo": "Backspace",
    "redo": "Shift+Backspace",
    "grid": "g",
    "zoom": "z",
    "contrast": "c",
    "search": "/",
    "help": "?",
    "new_class": "n",
    "why": "w",
}
"""Keys of the labeling page's actions, which everybody may change for themselves."""


def clean_name(text: str, field: str = "name") -> str:
    """Return a name as it is kept: composed, trimmed, one line.

    Any text is a name, markup included: it is data, and every page escapes it.

    Raises:
        Refused: it is empty, too long, or holds control characters.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise Refused("the name is empty", field, "type at least one character", "invalid")
    if len(name) > LONGEST_NAME:
        raise Refused(f"the name has {len(name)} characters", field, f"use at most {LONGEST_NAME}", "invalid")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} for character in name):
        raise Refused("the name holds control characters", field, "use one line of visible characters", "invalid")
    return name


def persons_name(text: str) -> str:
    """Return the name of a person as it is kept.

    Raises:
        Refused: it is none, or that of imported labels.
    """
    name = clean_name(text)
    if fold(name) == fold(DATASET):
        raise Refused(f"{DATASET} is the name of imported labels", "name", "take another name", "invalid")
    return name


def clean_key(text: str | None, actions: dict[str, str]) -> str | None:
    """Return a class's key as it is kept.

    Args:
        text: what was typed; None or empty for no key.
        actions: the keys of the person's actions, which win.

    Raises:
        Refused: it is more than one visible character, or belongs to an action.
    """
    if not text:
        return None
    key = unicodedata.normalize("NFC", text).lower()
    if len(key) != 1 or not key.isprintable() or key.isspace():
        raise Refused(f"the key {text!r} is not one visible character", "key", "use a letter or a digit", "invalid")
    taken = next((action for action, used in actions.items() if used == key), None)
    if taken is not None:
        raise Refused(f"the key {key} belongs to the action {taken.replace('_', ' ')}", "key", "take another key")
    return key


def merged_keys(own: dict[str, str], classes: dict[str, str]) -> dict[str, str]:
    """Return the keys of all actions, a person's own over the defaults.

    Args:
        own: keys the person set, by action.
        classes: names of classes by their keys.

    Raises:
        Refused: an action that is none, a key used twice, or one that belongs to a class.
    """
    keys = DEFAULT_KEYS | own
    seen: dict[str, str] = {}
    for action, key in keys.items():
        field = f"keys.{action}"
        if action not in DEFAULT_KEYS:
            raise Refused(
                f"there is no action {action}", field, f"the actions are {', '.join(DEFAULT_KEYS)}", "invalid"
            )
        if not key or len(key) > 30 or not key.isprintable():
            raise Refused(f"{key!r} is no key", field, "name it as KeyboardEvent.key does", "invalid")
        if key in seen:
            later = field if action in own else f"keys.{seen[key]}"
            raise Refused(
                f"the key {key} is used twice, for {seen[key]} and {action}", later, "take another key", "invalid"
            )
        if key in classes:
            raise Refused(f"the key {key} belongs to the class {classes[key]}", field, "take another key", "invalid")
        seen[key] = action
    return keys


def new_class_id(name: str, taken: set[int]) -> int:
    """Return an id for a new class: the one that training gives the name, or where it is taken, another of its kind."""
    attempt = class_id(name)
    number = 2
    while attempt in taken:
        attempt = class_id(f"{name} ({number})")
        number += 1
    return attempt


def typed_path(text: str) -> Path:
    """Return a path that somebody typed; `~` is the home folder, and `~somebody` who is nobody here stays as it is."""
    path = Path(text.strip())
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def named_images(db: Database, names: Sequence[str]) -> list[int | None]:
    """Return the image that each name in a table means, None where it means none.

    A name that is no file as it is written may be a whole path, have backslashes, or its letters put together otherwise
    than the file's, as those of macOS are.
    """
    root = Path(get_setting(db, "root", ""))
    found = zip(names, find_images(db, names), strict=True)
    return [_alike(db, local(name, root)) if image is None else image for name, image in found]


def _alike(db: Database, name: str) -> int | None:
    """Return the image of a name, else the only one whose name looks alike."""
    written, *others = find_images(db, (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))))
    alike = {image for image in others if image is not None}
    return alike.pop() if written is None and len(alike) == 1 else written
