"""Forms of configs: what a page needs to draw the fields of a config, and a config from what came back.

A config class carries name, type, default, range, unit and help of each parameter once (barlowmatch/configs); here
they become plain values for a page, and what the page sends is checked against the same ranges, field by field.
"""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from barlowmatch.configs.fields import Parameter, Range, parameters
from barlowmatch.errors import InputError
from storage.errors import Refused

Kind = Literal["integer", "number", "boolean", "choice", "text", "path"]
Value = int | float | bool | str | None
Config = TypeVar("Config")

_KINDS: dict[type, Kind] = {int: "integer", float: "number", bool: "boolean", str: "text", Path: "path"}


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Attributes:
        name: of the parameter, as configs and the wire spell it.
        flag: the same on the command line.
        label: the same for people.
        kind: how it is asked for.
        choices: what may be chosen, for the kind `choice`.
        optional: whether it may be left empty; the command then finds a value by itself.
        default: what it starts with.
        help: what it does, in a sentence.
        low, high: bounds of a number, None where there is none; `low` itself is allowed unless `open_low`.
        unit: what a number counts, "" where it is a bare one.
        advanced: whether the page folds it away.
    """

    name: str
    flag: str
    label: str
    kind: Kind
    choices: tuple[str | int, ...]
    optional: bool
    default: Value
    help: str
    low: float | None
    high: float | None
    open_low: bool
    unit: str
    advanced: bool


def form_fields(config: Any, *, hidden: Collection[str] = (), basic: Collection[str] = ()) -> tuple[Field, ...]:
    """Return the fields of a config class, or of a config whose values are what the fields start with.

    Args:
        config: the class or the config.
        hidden: parameters that nobody is asked for.
        basic: parameters that are shown first, in this order; the others are advanced. All are basic where none is
            named.
    """
    order = {name: place for place, name in enumerate(basic)}
    shown = [parameter for parameter in parameters(config) if parameter.name not in hidden]
    fields = [_field(parameter, advanced=bool(basic) and parameter.name not in basic) for parameter in shown]
    return tuple(sorted(fields, key=lambda field: order.get(field.name, len(order))))


def _field(parameter: Parameter, *, advanced: bool) -> Field:
    limits = parameter.range or Range()
    return Field(
        name=parameter.name, flag=parameter.flag, label=parameter.name.replace("_", " "), kind=_kind(parameter),
        choices=parameter.choices, optional=parameter.optional, default=_plain(parameter.default),
        help=parameter.help, low=_finite(limits.low), high=_finite(limits.high), open_low=limits.open_low,
        unit=limits.unit, advanced=advanced,
    )  # fmt: skip


def read_form(base: Config, values: Mapping[str, Any], *, hidden: Collection[str] = ()) -> Config:
    """Return a config with the values of a form.

    Args:
        base: the config that the form started from; fields the form does not send keep its values.
        values: what was entered, by name; None or "" empties an optional field.
        hidden: parameters that no form may set.

    Raises:
        Refused: a field is unknown, of the wrong kind or outside its range; it names the field.
    """
    known = {parameter.name: parameter for parameter in parameters(base) if parameter.name not in hidden}
    entered = {}
    for name, value in values.items():
        if name not in known:
            raise Refused(f"no field {name!r}", name, f"the fields are {', '.join(known)}", "invalid")
        entered[name] = _read(known[name], value)
    try:
        changed: Config = dataclasses.replace(base, **entered)  # type: ignore[type-var]
    except InputError as error:  # about several fields at once: each alone was right
        raise Refused(str(error), next(iter(entered), "config"), None, "invalid") from error
    return changed


def words(config: Any, base: Any) -> list[str]:
    """Return the command-line words that turn one config into another of its class."""
    before = {parameter.name: parameter.default for parameter in parameters(base)}
    found: list[str] = []
    for parameter in parameters(config):
        value = parameter.default
        if value == before[parameter.name]:
            continue
        if isinstance(value, bool):
            found.append(parameter.flag if value else parameter.flag.replace("--", "--no-", 1))
        else:
            found += [parameter.flag, str(value)]
    return found


def _read(parameter: Parameter, value: Any) -> Any:
    """Return a value as the parameter's type.

    Raises:
        Refused: it is of another kind, no choice, or outside the range.
    """
    if value is None or value == "":
        if parameter.optional:
            return None
        raise _wrong(parameter, "is needed", None)
    if parameter.choices:
        found = next((choice for choice in parameter.choices if str(choice) == str(value)), None)
        if found is None:
            raise _wrong(parameter, "is none of the choices", f"choose {', '.join(map(str, parameter.choices))}")
        return found
    read = _as_kind(parameter, value)
    if parameter.range is not None and not parameter.range.holds(read):
        raise _wrong(parameter, f"must be {parameter.number_words}", None)
    return read


def _as_kind(parameter: Parameter, value: Any) -> Any:
    kind = _kind(parameter)
    right: tuple[type, ...] = {"integer": (int, float, str), "number": (int, float, str), "boolean": (bool,)}.get(
        kind, (str,)
    )
    is_wrong = not isinstance(value, right) or (isinstance(value, bool) and kind != "boolean")
    if is_wrong:
        raise _wrong(parameter, f"is no {_AS_WORDS[kind]}", None)
    try:
        if kind == "integer":
            return _whole(value)
        return float(value) if kind == "number" else parameter.kind(value)
    except (ValueError, OverflowError):
        raise _wrong(parameter, f"is no {_AS_WORDS[kind]}", None) from None


_AS_WORDS = {
    "integer": "whole number", "number": "number", "boolean": "yes or no", "text": "text", "path": "path",
    "choice": "choice",
}  # fmt: skip


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _wrong(parameter: Parameter, what: str, hint: str | None) -> Refused:
    return Refused(f"{parameter.name.replace('_', ' ')} {what}", parameter.name, hint, "invalid")


def _kind(parameter: Parameter) -> Kind:
    return "choice" if parameter.choices else _KINDS[parameter.kind]


def _plain(value: Any) -> Value:
    return str(value) if isinstance(value, Path) else value


def _finite(bound: float) -> float | None:
    return None if abs(bound) == float("inf") else bound
