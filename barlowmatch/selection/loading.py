"""From a name, or a user's own file, to a strategy ready for use."""

import difflib
import importlib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from barlowmatch.command_line.flags import read_flags
from barlowmatch.configs.fields import parameters
from barlowmatch.errors import InputError
from barlowmatch.selection.base import Strategy
from barlowmatch.selection.catalog import find_strategy
from barlowmatch.selection.configs import StrategyConfig


def create_strategy(name: str, settings: Sequence[str] = ()) -> Strategy[Any]:
    """Return a strategy of the catalogue with its parameters, given as `name=value`.

    Raises:
        InputError: there is no such strategy or parameter, or a value does not fit.
    """
    entry = find_strategy(name)
    module, cls = entry.place.split(":")
    strategy: Strategy[Any] = getattr(importlib.import_module(f"barlowmatch.selection.{module}"), cls)(
        parse_settings(name, entry.config, settings)
    )
    return strategy


def load_strategy_file(path: Path, settings: Sequence[str] = ()) -> Strategy[Any]:
    """Return the one strategy that a user's Python file defines. The file is run: it is the user's own code.

    Raises:
        InputError: missing, failing, without a strategy or with several; a parameter does not fit.
    """
    if not path.is_file():
        raise InputError(f"--strategy-file {path}: no such file")
    spec = importlib.util.spec_from_file_location(f"strategy_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"--strategy-file {path}: must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"--strategy-file {path}: fails when read ({type(error).__name__}: {error})") from error
    found = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Strategy) and item.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise InputError(
            f"--strategy-file {path}: defines {len(found)} strategies; one class that extends "
            "barlowmatch.selection.base.Strategy is wanted"
        )
    cls = found[0]
    if not isinstance(getattr(cls, "name", None), str) or getattr(cls.choose, "__isabstractmethod__", False):
        raise InputError(f"--strategy-file {path}: {cls.__name__} must set `name` and define `choose`")
    return cls(parse_settings(cls.name, config_class(cls), settings))


def config_class(cls: type[Strategy[Any]]) -> type[StrategyConfig]:
    """Return the class of a strategy's parameters, from `class Mine(Strategy[MyConfig])`."""
    for parent in cls.__mro__:
        for base in getattr(parent, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, StrategyConfig):
                    return argument
    return StrategyConfig


def parse_settings(name: str, cls: type[StrategyConfig], settings: Sequence[str]) -> StrategyConfig:
    """Return the parameters of a strategy from `name=value` texts.

    Raises:
        InputError: no such parameter, or the value is of another kind or outside its range.
    """
    if not settings:
        return cls()
    known = {parameter.name.replace("_", "-"): parameter for parameter in parameters(cls)}
    words: list[str] = []
    for setting in settings:
        key, separator, value = setting.partition("=")
        key = key.replace("_", "-")
        if not separator or key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
            raise InputError(f"--parameters {setting}: {name} has no such parameter ({hint}); write name=value")
        words += [f"--{key}", value]
    try:
        return read_flags(cls, words, prog=name)
    except InputError as error:
        told = re.sub(r"--([a-z-]+) ", r"\1=", str(error))  # as a parameter is written
        raise InputError(f"--parameters {told}") from None
