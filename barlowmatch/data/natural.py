"""Sorting numbered names as people do."""

import math
import re

_DIGITS = re.compile(r"(\d+)")
_MOST_DIGITS = 600
"""Longer numbers are all alike; Python refuses to read those of some thousands of digits."""


def natural_key(text: str) -> tuple[tuple[str | float, ...], str]:
    """Return a sort key under which 10.png comes after 9.png; different texts have different keys."""
    parts: list[str | float] = list(_DIGITS.split(text))
    parts[1::2] = [int(part) if len(part) <= _MOST_DIGITS else math.inf for part in parts[1::2]]
    return tuple(parts), text
