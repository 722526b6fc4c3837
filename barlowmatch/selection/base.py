"""The contract of all strategies: from a pool and a budget to picks with scores and reasons."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
from torch import Tensor

from barlowmatch.arrays import Doubles, Rows
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.selection.configs import StrategyConfig
from barlowmatch.selection.pool import Pool

Config = TypeVar("Config", bound=StrategyConfig)


@dataclass(frozen=True, eq=False)
class Picks:
    """What a strategy chose: places in `pool.files`, most wanted first, with a score and a reason in words for each."""

    places: Sequence[int] | Rows | Tensor
    scores: Sequence[float] | Doubles | Tensor
    reasons: Sequence[str]


@dataclass(frozen=True, eq=False)
class Selection:
    """Images to request labels for, most wanted first.

    Attributes:
        rows: rows of the embeddings folder.
        files: their names.
        scores: what they were chosen by; comparable within one request only.
        reasons: why, in words.
    """

    rows: Rows
    files: tuple[str, ...]
    scores: Doubles
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


class Strategy(ABC, Generic[Config]):
    """A way to choose images. A strategy of one's own sets `name` and writes `choose`.

    Picks are a function of the pool and the seed alone.
    """

    name: ClassVar[str]

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Return exactly `budget` different places in `pool.files`; 1 ≤ budget ≤ len(pool)."""

    def select(self, pool: Pool, budget: int, seed: int = 0, emit: Emit = silent) -> Selection:
        """Choose `budget` images.

        Raises:
            InputError: the budget is not between 1 and the size of the pool, the pool lacks what the strategy needs,
                or the strategy broke its contract.
        """
        if not 1 <= budget <= len(pool):
            raise InputError(f"--budget {budget}: must be 1 to {len(pool)}, the images without a label")
        picks = self.choose(pool, budget, np.random.default_rng(seed), emit)
        places = np.asarray(picks.places, dtype=np.int64)
        scores = np.asarray(picks.scores, dtype=np.float64)
        self._check(places, scores, picks.reasons, budget, len(pool))
        return Selection(pool.rows[places], tuple(pool.files[place] for place in places), scores, tuple(picks.reasons))

    def _check(self, places: Rows, scores: Doubles, reasons: Sequence[str], budget: int, size: int) -> None:
        if places.shape != (budget,) or scores.shape != (budget,) or len(reasons) != budget:
            raise InputError(
                f"{self.name}: chose {len(places)} images with {len(scores)} scores and {len(reasons)} reasons, "
                f"asked for {budget}"
            )
        if places.min() < 0 or places.max() >= size:
            raise InputError(f"{self.name}: chose a place outside 0 to {size - 1}")
        if len(np.unique(places)) < budget:
            raise InputError(f"{self.name}: chose an image twice")
        if not np.isfinite(scores).all():
            first = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InputError(f"{self.name}: gave pick {first + 1} of {budget} a score of NaN or infinity")


def need_labels(pool: Pool, name: str) -> None:
    """Refuse a pool without labeled images.

    Raises:
        InputError: it has none.
    """
    if len(pool.labels) == 0:
        raise InputError(f"--strategy {name}: needs labeled images and there are none; use --strategy auto")


def say(emit: Emit, message: str) -> None:
    """Tell the user what was decided for them."""
    emit(Said(message=message))
