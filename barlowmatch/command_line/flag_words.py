"""The words of a command line, looked at before a config is made of them: each mistake is told in one line.

A line names the flag and the value, what may stand there, and what to write instead.
"""

import difflib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from barlowmatch.configs.fields import Parameter, Range
from barlowmatch.errors import InputError

_SAYS_YES_OR_NO = {"yes", "no", "true", "false", "on", "off", "1", "0", "y", "n"}
_EXAMPLES: Mapping[str, tuple[float, ...]] = {"px": (96,), "min": (20,), "images": (100,), "steps": (1000,)}
"""By unit; numbers without one are shown by the first of the others that may be given."""
_OTHER_EXAMPLES: Mapping[type, tuple[float, ...]] = {int: (4, 512), float: (0.1, 4)}
_FOR_FOLDERS = ("dataset_folder", "representations_path", "project")
"""What a folder without a flag is taken to be, the first that a command has."""
NONE = "None"
"""Leaves an optional value unset, as not giving the flag does."""


@dataclass(frozen=True)
class Known:
    """What a command takes.

    Attributes:
        prog: how it is called.
        flags: by name, as in `--name`.
        places: words that need no flag, in order.
    """

    prog: str
    flags: Mapping[str, Parameter]
    places: Sequence[Parameter] = ()


def check_words(words: Sequence[str], known: Known) -> None:
    """Check flags and values, but for what only the values together tell.

    Raises:
        InputError: an unknown flag, a word too many, or a value that is missing, of the wrong kind or out of range.
    """
    if any(word in ("-h", "--help") for word in words):
        return  # help is what was asked for, whatever else was
    rest, place, before = list(words), 0, ""
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            before = _check_flag(word, rest, known)
        elif place < len(known.places):
            _check(known.places[place], word, known.places[place].name)
            place += 1
        else:
            raise InputError(_strange(word, before, words, known))


def _check_flag(word: str, rest: list[str], known: Known) -> str:
    """Take the values of a flag from the words behind it, check them, and return it with the last of them."""
    flag, has_value, value = word.partition("=")
    flag = flag.replace("_", "-")
    parameter = known.flags.get(flag)
    if parameter is None:
        opposite = known.flags.get("--" + flag.removeprefix("--no-"))
        if opposite is None or opposite.kind is not bool:
            raise InputError(_unknown(flag, known))
        parameter = opposite
    if parameter.kind is bool:
        given = value if has_value else rest[0] if rest and rest[0].lower() in _SAYS_YES_OR_NO else None
        if given is not None:
            way_out = f"write {parameter.flag}, or --no-{parameter.flag.removeprefix('--')} for no"
            raise InputError(f"{flag} {_shown(given)}: takes no value; {way_out}")
        return ""
    values = [value] if has_value else list(_values(rest, many=parameter.kind is tuple))
    if not values:
        raise InputError(f"{flag}: needs a value, {_allowed(parameter)}")
    for one in values:
        _check(parameter, one, flag)
    return f"{flag} {values[-1]}"


def _values(rest: list[str], *, many: bool) -> Iterator[str]:
    """Take from `rest` the values that stand behind a flag: one, or all up to the next flag."""
    while rest and not rest[0].startswith("--"):
        yield rest.pop(0)
        if not many:
            return


def _check(parameter: Parameter, value: str, name: str) -> None:
    """Refuse a value that cannot be the parameter's.

    Raises:
        InputError: as said.
    """
    if value == NONE and parameter.optional:
        return
    if parameter.choices:
        choices = list(map(str, parameter.choices))
        if value not in choices:
            near = difflib.get_close_matches(value.lower(), choices, n=1)
            mean = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"{name} {_shown(value)}: must be {_allowed(parameter)}{mean}")
    elif parameter.kind in (int, float):
        try:
            number = parameter.kind(value)
        except ValueError:
            number = None
        if number is None or not (parameter.range or Range()).holds(number):
            raise InputError(f"{name} {_shown(value)}: must be {_allowed(parameter)}")
    elif not value and parameter.kind is Path:
        raise InputError(f"{name} {_shown(value)}: names nothing; must be {_allowed(parameter)}")


def _allowed(parameter: Parameter) -> str:
    """Return what a parameter may be, with an example: `a number 0 to 0.9, such as --val-share 0.1`."""
    if parameter.choices:
        *others, last = map(str, parameter.choices)
        known = f"{', '.join(others)} or {last}" if others else last
        return f"{known}, such as {parameter.flag} {last if parameter.default is None else parameter.default}"
    if parameter.kind in (int, float):
        return f"{parameter.number_words}, such as {parameter.flag} {_example(parameter):.10g}"
    if parameter.kind is Path:
        return f"a path, such as {parameter.flag} {shlex.quote(str(parameter.default or _some_path(parameter)))}"
    return f"one or more as in {parameter.flag} WORD" if parameter.kind is tuple else f"as in {parameter.flag} WORD"


def _example(parameter: Parameter) -> float:
    if isinstance(parameter.default, (int, float)):
        return parameter.default
    limits = parameter.range or Range()
    shown = (*_EXAMPLES.get(limits.unit, ()), *_OTHER_EXAMPLES[parameter.kind], limits.low)
    return next(number for number in shown if limits.holds(number))


def _some_path(parameter: Parameter) -> str:
    """Return a path that shows which kind is meant: what is called a folder is one."""
    return "photos" if "folder" in parameter.name else parameter.name.replace("_", "-")


def _shown(value: str) -> str:
    return value or shlex.quote(value)


def _unknown(flag: str, known: Known) -> str:
    near = difflib.get_close_matches(flag, known.flags, n=1)
    return f"{flag}: no such flag" + (f"; did you mean {near[0]}?" if near else "; --help shows the flags")


def _strange(word: str, before: str, words: Sequence[str], known: Known) -> str:
    """Say what to write instead of a word that belongs to no flag.

    Args:
        word: it.
        before: the flag and the value that stand before it, "" where none does.
        words: the whole line.
        known: what the command takes.
    """
    flag, _, value = before.partition(" ")
    if word.startswith("-"):
        return _unknown(word, known)
    if flag and known.flags[flag].kind in (Path, str) and not known.flags[flag].choices:
        both = shlex.quote(f"{value} {word}")
        return f"{word}: {flag} takes one value; one with blanks is put into quotes: {flag} {both}"
    if flag:
        return f"{word}: {flag} takes one value, and that is {value}; --help shows the flags"
    taken = {given.partition("=")[0].replace("_", "-") for given in words}
    folders = (f"--{name.replace('_', '-')}" for name in _FOR_FOLDERS)
    meant = next((name for name in folders if name in known.flags and name not in taken), None)
    if meant is None or (meant == "--dataset-folder" and "--manifest" in taken):
        return f"{word}: values stand behind flags; --help shows these"
    place = words.index(word)
    name = list(_values(list(words[place:]), many=True))  # of one with blanks and no quotes several words
    line = shlex.join([*words[:place], meant, " ".join(name), *words[place + len(name) :]])
    return f"{word}: values stand behind flags; write {known.prog} {line}"
