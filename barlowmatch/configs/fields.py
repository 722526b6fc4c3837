"""What a parameter carries besides its name and default: help, range and unit, what a path needs, what resuming allows.

A config is a frozen dataclass whose fields are `Annotated[type, Doc("help"), Range(…)]`. Command-line flags with their
help and the app's forms derive from these, and `check` validates them, the same way for both.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from typing_extensions import Doc

from barlowmatch.errors import InputError

Extra = TypeVar("Extra")


@dataclass(frozen=True)
class Range:
    """The values a number may have, bounds included unless `open_low`, and their unit ("px", "min", …)."""

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    open_low: bool = False

    def holds(self, value: float) -> bool:
        """Say whether `value` is inside; NaN never is."""
        return (self.low < value if self.open_low else self.low <= value) and value <= self.high

    @property
    def words(self) -> str:
        """The bounds and the unit as help and messages tell them: `2 to 65,536 images`."""
        low, high = (f"{bound:,.10g}" for bound in (self.low, self.high))
        unit = f" {self.unit}" if self.unit else ""
        if self.open_low or math.isinf(self.high):
            above = f"above {low}" if self.open_low else f"at least {low}"
            return above + ("" if math.isinf(self.high) else f", at most {high}") + unit
        return f"{low} to {high}{unit}"


@dataclass(frozen=True)
class Reads:
    """Marks a path that the command reads.

    Attributes:
        need: refuses one that is not there.
        afresh: whether only a run that begins reads it: one that goes on has its own checkpoint.
    """

    need: Callable[[Path], None]
    afresh: bool = False


@dataclass(frozen=True)
class Short:
    """Gives some values of a parameter a flag of their own: `--wide 1` is `--backbone wide_resnet50_2`.

    It is no parameter: what the flag stands for is all that a config holds.
    """

    name: str
    values: Mapping[int, Any]
    help: str

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Since:
    """Marks a parameter that runs of earlier versions do not name, with the value that they went by."""

    before: Any


class Free:
    """Marks a parameter of where and how fast a run runs, not of what it computes: resumed, it may have another."""


FREE = Free()


@dataclass(frozen=True)
class Parameter:
    """One parameter of a config, as a form or a table needs it."""

    name: str
    kind: type
    choices: tuple[Any, ...]
    optional: bool
    default: Any
    help: str
    range: Range | None
    reads: Reads | None = None
    short: Short | None = None
    since: Since | None = None
    free: bool = False

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def number_words(self) -> str:
        """What a number may be, in the one wording of all messages: `a whole number 2 to 65,536 images`."""
        kind = "a whole number" if self.kind is int else "a number"
        return kind if self.range is None else f"{kind} {self.range.words}"


def parameters(config: Any) -> Iterator[Parameter]:
    """Yield the parameters of a config class, or of a config whose values then stand as the defaults."""
    cls = config if isinstance(config, type) else type(config)
    hints = get_type_hints(cls, include_extras=True)
    for item in dataclasses.fields(cls):
        default = getattr(config, item.name) if not isinstance(config, type) else _default(item)
        yield describe(item.name, hints[item.name], default)


def describe(name: str, hint: Any, default: Any) -> Parameter:
    """Return the parameter that an annotated type stands for."""
    base, *extras = _unpack(hint)
    kind, choices, optional = _kind(base)
    doc = _first(extras, Doc)
    return Parameter(
        name, kind, choices, optional, default, "" if doc is None else doc.documentation, _first(extras, Range),
        _first(extras, Reads), _first(extras, Short), _first(extras, Since), _first(extras, Free) is not None,
    )  # fmt: skip


def check(config: Any) -> None:
    """Check every ranged number of a config; call it from `__post_init__`.

    Raises:
        InputError: a value is outside its range; the line names the flag, the value and the range.
    """
    for parameter in parameters(config):
        if parameter.range is None or parameter.default is None:
            continue
        values = parameter.default if isinstance(parameter.default, tuple) else (parameter.default,)
        for value in values:
            if not parameter.range.holds(value):
                raise InputError(f"{parameter.flag} {value}: must be {parameter.number_words}")


def need_inputs(config: Any, *, may_go_on: bool = False) -> None:
    """Refuse a config that names something to read which is not there; call it before what takes time to load.

    Args:
        config: of a command.
        may_go_on: whether the run may be an earlier one that goes on: what that began with may be gone by now.

    Raises:
        InputError: something is not there; the line names it and the way out.
    """
    for parameter in parameters(config):
        if parameter.reads is None or parameter.default is None or (parameter.reads.afresh and may_go_on):
            continue
        for path in parameter.default if isinstance(parameter.default, tuple) else (parameter.default,):
            parameter.reads.need(path)


def _first(extras: Sequence[Any], cls: type[Extra]) -> Extra | None:
    return next((extra for extra in extras if isinstance(extra, cls)), None)


def _unpack(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is typing.Annotated else (hint,)


def _kind(base: Any) -> tuple[type, tuple[Any, ...], bool]:
    optional = False
    if get_origin(base) in (Union, types.UnionType):
        members = [member for member in get_args(base) if member is not type(None)]
        optional = len(members) < len(get_args(base))
        base = members[0]
    if get_origin(base) is Literal:
        choices = get_args(base)
        return type(choices[0]), choices, optional
    return get_origin(base) or base, (), optional


def _default(item: "dataclasses.Field[Any]") -> Any:
    if item.default is not dataclasses.MISSING:
        return item.default
    return item.default_factory() if item.default_factory is not dataclasses.MISSING else None
