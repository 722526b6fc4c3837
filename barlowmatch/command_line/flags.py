"""Flags: a config read from the words of a command line, its help, and mistakes told in one line.

What a flag is for, its unit and its range come from the config alone (`configs/fields.py`).
"""

import contextlib
import dataclasses
import io
import itertools
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import GenericAlias
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import tyro
from typing_extensions import Doc
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from barlowmatch.command_line.flag_words import Known, check_words
from barlowmatch.command_line.help_text import Page, unbroken
from barlowmatch.configs.fields import Parameter, Short, describe, parameters
from barlowmatch.errors import InputError

Config = TypeVar("Config")

_METAVARS = {"Path": "PATH", "str": "STR", "int": "INT", "float": "FLOAT"}


def read_flags(cls: type[Config], words: Sequence[str], *, prog: str, default: Config | None = None) -> Config:
    """Return the config that words describe; the last of repeated flags wins, those of a list all add to it.

    Raises:
        InputError: as `read_line`.
        SystemExit: after printing help.
    """
    return read_line(cls, words, prog=prog, default=default)[0]


def read_line(
    cls: type[Config],
    words: Sequence[str],
    *,
    prog: str,
    default: Config | None = None,
    description: str | None = None,
    example: str | None = None,
    also: Mapping[str, Any] | None = None,
    first: Collection[str] = (),
) -> tuple[Config, dict[str, Any]]:
    """Return what words describe, the config and the flags beside it.

    The last of repeated flags wins, those of a list all add to it.

    Args:
        cls: class of the config.
        words: flags and values.
        prog: how the command is called, for its help.
        default: values of flags that are not given, where they are other than the class's.
        description: what help begins with; by default what the class says of itself.
        example: a command line that help ends with.
        also: annotated types of flags beside those of the config, by name; None where they are not given.
        first: names that help begins with, in this order.

    Raises:
        InputError: an unknown flag (the nearest is named), a value of the wrong kind or outside its range.
        SystemExit: after printing help.
    """
    extra = dict(also or {})
    check_words(words, _known(cls, prog, extra, default))
    given = {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")}
    beside: dict[str, Any] = {}
    registry = _registry(cls, default, extra, list(first), given, beside)
    complaint, page = io.StringIO(), Page(sys.stdout)
    told = cls.__doc__ if description is None else description
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(page):
            config = tyro.cli(cls, args=list(words), prog=prog, description=told, registry=registry)
        return config, beside  # noqa: TRY300
    except SystemExit as stop:
        if stop.code in (0, None):
            print(page.text(example), end="")  # noqa: T201 - the command's output
            raise
        raise InputError(_one_line(complaint.getvalue())) from None


def _known(cls: type, prog: str, also: Mapping[str, Any], default: Any) -> Known:
    """Return what a command takes: its parameters, short forms of some, and the flags beside them."""
    hints = get_type_hints(cls, include_extras=True)
    listed = list(parameters(cls if default is None else default))
    by_place = [parameter for parameter in listed if tyro.conf.Positional in get_args(hints[parameter.name])]
    shorts = [_short_hint(parameter.short) for parameter in listed if parameter.short is not None]
    beside = [describe(name, hint, None) for name, hint in (*shorts, *also.items())]
    return Known(prog, {one.flag: one for one in (*listed, *beside) if one not in by_place}, by_place)


def _registry(
    cls: type, default: Any, also: Mapping[str, Any], first: list[str], given: Collection[str], beside: dict[str, Any]
) -> ConstructorRegistry:
    """Return the rule by which tyro makes a config: its fields, with what help says behind each.

    The values of flags that are no fields go to `beside`.
    """
    hints = get_type_hints(cls, include_extras=True)
    known = {parameter.name: parameter for parameter in parameters(cls if default is None else default)}
    fields = [
        StructFieldSpec(item.name, _shown(hints[item.name], known[item.name]), _value(item, known[item.name], default))
        for item in dataclasses.fields(cls)
    ]
    shorts = {parameter.flag: (parameter.name, parameter.short) for parameter in known.values() if parameter.short}
    fields += [StructFieldSpec(short.name, _shown_short(short), None) for _, short in shorts.values()]
    fields += [StructFieldSpec(name, _shown(hint, describe(name, hint, None)), None) for name, hint in also.items()]
    order = {name: place for place, name in enumerate(first)}
    fields.sort(key=lambda field: order.get(field.name, len(order)))
    registry = ConstructorRegistry()

    def make(**values: Any) -> Any:
        for flag, (name, short) in shorts.items():
            values[name] = _meant(short, values.pop(short.name), flag, values[name], is_given=flag in given)
        beside.update((name, values.pop(name)) for name in also)
        return cls(**{name: _joined(value) if _is_list(known[name]) else value for name, value in values.items()})

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        return StructConstructorSpec(make, tuple(fields)) if info.type is cls else None

    return registry


def _value(item: "dataclasses.Field[Any]", parameter: Parameter, default: Any) -> Any:
    if default is None and item.default is item.default_factory is dataclasses.MISSING:
        return tyro.MISSING
    if _is_list(parameter):
        return (parameter.default,) if parameter.default else ()
    return parameter.default


def _shown_short(short: Short) -> Any:
    name, hint = _short_hint(short)
    return _shown(hint, describe(name, hint, None))


def _short_hint(short: Short) -> tuple[str, Any]:
    return short.name, Annotated[Literal[tuple(short.values)] | None, Doc(short.help)]


def _meant(short: Short, chosen: Any, flag: str, value: Any, *, is_given: bool) -> Any:
    """Return the value of a parameter: what its short flag stands for, where that is given.

    Raises:
        InputError: the parameter's own flag is given too, and says something else.
    """
    if chosen is None:
        return value
    meant = short.values[chosen]
    if is_given and value != meant:
        raise InputError(f"{short.flag} {chosen} and {flag} {value}: the first means {flag} {meant}; leave one out")
    return meant


def _is_list(parameter: Parameter) -> bool:
    return parameter.kind is tuple


def _joined(lists: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """Return one list of those that repeated flags gave: tyro knows to repeat a flag and to give it several values."""
    return tuple(itertools.chain.from_iterable(lists))


def _shown(hint: Any, parameter: Parameter) -> Any:
    """Return a field's type as tyro shows it: unit and bounds behind the help, and no "None" where it says the rest."""
    if any(isinstance(extra, type(tyro.conf.arg())) for extra in getattr(hint, "__metadata__", ())):
        return hint  # it says what is to be shown
    if _is_list(parameter):
        base, *extras = get_args(hint)
        again = tyro.conf.arg(help=unbroken(parameter.help), help_behavior_hint="(may be repeated)")
        return Annotated[(GenericAlias(tuple, (base, ...)), *extras, tyro.conf.UseAppendAction, again)]
    bounds = parameter.range.words if parameter.range is not None else ""
    unset = parameter.default is None or parameter.default in ("", ())
    yes_or_no = {"True": "yes", "False": "no"} if parameter.kind is bool else {}
    behind = tyro.conf.arg(
        help=unbroken(parameter.help),
        help_behavior_hint=lambda value: _in_brackets(
            "" if unset else f"default: {yes_or_no.get(value, value)}", bounds
        ),
        metavar=_metavar(parameter) if parameter.optional else None,
    )
    return Annotated[hint, behind]


def _in_brackets(*parts: str) -> str:
    told = "; ".join(part for part in parts if part)
    return f"({unbroken(told)})" if told else ""


def _metavar(parameter: Parameter) -> str:
    if parameter.choices:
        return "{" + ",".join(map(str, parameter.choices)) + "}"
    return _METAVARS[parameter.kind.__name__]


def _one_line(box: str) -> str:
    """Return the message inside a box of tyro's as one line: of what `check_words` leaves, what is missing."""
    # The frame is of lines where the terminal knows them, else of |, + and -.
    lines = [line.strip("│╭╰╮╯─|+ ") for line in box.splitlines()]
    message: list[str] = []
    for line in lines[1:]:
        if line.startswith(("For full helptext", "Argument helptext")):
            break
        if re.search(r"\w", line):
            message.append(line)
    text = re.sub(r"^Error parsing (\w+: )?", "", " ".join(message))
    missing = [line.split()[0] for line in message if line.startswith("--")]
    if text.startswith("Missing from ") and missing:
        return f"{', '.join(missing)}: is needed; --help shows the flags"
    return text
