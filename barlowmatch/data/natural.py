"""Sorting numbered names as people do."""

import math
import re

_DIGITS = re.compile(r"(\d+)")
_MOST_DIGITS = 600
"""Longer numbers are all alike; Python refuses to read those of some thousands of digits."""


def natural_key(text: str) -> tuple[tuple[str | float, ...], str]:
    """Return a sort key under which 10.png comes after 9.png; different texts have different keys."""
    pieces = _DIGITS.split(text)
    parts: list[str | float] = list(pieces)
    parts[1::2] = [int(piece) if len(piece) <= _MOST_DIGITS else math.inf for piece in pieces[1::2]]
    return tuple(parts), text
