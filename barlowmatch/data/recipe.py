"""What an entry of the image cache should hold: which files, brought to which squares."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from barlowmatch.configs.shared import Cache
from barlowmatch.data.contents import Digests
from barlowmatch.data.images import Range
from barlowmatch.events import Emit

DECODER = f"1 with Pillow {PIL.__version__}"
"""What decoding depends on besides content and recipe; the number rises when images.py or squares.py change."""

Reasons = dict[int, str]
"""Why a row holds no picture."""


@dataclass(frozen=True)
class Recipe:
    """How pictures become pixels: side, fit, and the intensities that become 0 and 255 in deep grey pictures."""

    size: int
    fit: str
    sixteen_bit_range: Range | None

    @property
    def row_bytes(self) -> int:
        """Bytes of one image."""
        return 3 * self.size * self.size

    def plain(self) -> dict[str, Any]:
        """Return the recipe as JSON has it."""
        limits = self.sixteen_bit_range
        return {**asdict(self), "sixteen_bit_range": None if limits is None else list(limits), "decoder": DECODER}

    def key(self, sha256: Digests) -> str:
        """Return the name of the entry for files of these contents in this order."""
        digest = hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode())
        digest.update(np.ascontiguousarray(sha256).tobytes())
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class Wanted:
    """What a cache should hold, and what building it needs.

    Attributes:
        folder: of all caches.
        key: name of the entry.
        recipe: how pictures become pixels.
        files: paths, row by row.
        sha256: their contents.
        known: rows already known to be unreadable.
        workers: processes; None = one per core.
        emit: hears of choices and progress.
        refuse: called with row and reason of each unreadable file found; may raise to stop.
    """

    folder: Path
    key: str
    recipe: Recipe
    files: Sequence[str]
    sha256: Digests
    known: Reasons
    workers: int | None
    emit: Emit
    refuse: Callable[[int, str], None]

    def entry(self, kind: Cache) -> Path:
        """Return where the entry of a kind lies."""
        return self.folder / ("pixels" if kind == "raw" else kind) / self.key
