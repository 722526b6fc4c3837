"""What somebody may have meant by the path of something that is not there."""

import difflib
import itertools
import os
import shlex
from collections.abc import Callable
from pathlib import Path

_MOST_NAMES = 20_000
"""Names of a folder that are looked at: that of millions of images is not read for a hint."""
_ALIKE = 0.75
"""How much of two names has to agree, as difflib counts it."""


def or_near(path: Path, fits: Callable[[Path], bool], otherwise: str = "") -> str:
    """Return the way out that ends a message of a path that is not there: `; did you mean …?` where one is near.

    Args:
        path: as it was given.
        fits: says of what is there whether it is of the kind that was wanted.
        otherwise: the way out where nothing is near.
    """
    try:
        near = _near(Path(), path.parts, fits)
    except (OSError, ValueError):  # nobody may look, or it can be no path
        near = None
    if near is None:
        return f"; {otherwise}" if otherwise else ""
    return f"; did you mean {shlex.quote(str(near))}?"


def _near(folder: Path, parts: tuple[str, ...], fits: Callable[[Path], bool]) -> Path | None:
    """Return what is there below a folder and called much like a path, part by part."""
    if not parts:
        return folder if fits(folder) else None
    name, *rest = parts
    exact = folder / name
    names = [name] if os.path.lexists(exact) else _alike(folder, name)
    found = (_near(folder / other, tuple(rest), fits) for other in names)
    return next((path for path in found if path is not None), None)


def _alike(folder: Path, name: str) -> list[str]:
    """Return names in a folder that are like one, the nearest first; of another case only before all others."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in itertools.islice(entries, _MOST_NAMES) if not entry.name.startswith("."))
    same = [other for other in names if other.casefold() == name.casefold()]
    folded = {other.casefold(): other for other in names}
    alike = [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=_ALIKE)]
    return list(dict.fromkeys([*same, *alike]))
