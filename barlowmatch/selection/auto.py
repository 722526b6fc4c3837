"""The strategy for who does not want to choose one: typical images first, then uncertain ones."""

from typing import ClassVar

import numpy as np

from barlowmatch.events import Emit
from barlowmatch.selection.base import Picks, Strategy, say
from barlowmatch.selection.configs import AutoConfig
from barlowmatch.selection.loading import create_strategy
from barlowmatch.selection.pool import Pool
from barlowmatch.words import count

TYPICAL, UNCERTAIN = "typiclust", "uherding"


class Auto(Strategy[AutoConfig]):
    """Typical images until every class has five labels, then uncertain ones that stand for many.

    As many typical images are asked for as labels are missing, those that are asked for already taken off; which class
    each will turn out to be nobody knows, so the next round asks again. With one class or none known, all are typical
    ones: there is nothing to be unsure about.
    """

    name: ClassVar[str] = "auto"

    def choose(self, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
        """Choose by the one strategy, the other, or both, and say so."""
        typical = min(budget, self.missing_labels(pool))
        if typical == budget:
            say(emit, f"auto: {count(budget, 'typical image')} ({TYPICAL}), since classes lack labels")
            return _by(TYPICAL, pool, budget, random, emit)
        if typical == 0:
            say(emit, f"auto: {count(budget, 'uncertain image')} that stand for many ({UNCERTAIN})")
            return _by(UNCERTAIN, pool, budget, random, emit)
        first, rest = count(typical, "typical image"), count(budget - typical, "uncertain one")
        say(emit, f"auto: {first} ({TYPICAL}), then {rest} ({UNCERTAIN})")
        sure = _by(TYPICAL, pool, typical, random, emit)
        taken = set(np.asarray(sure.places).tolist())
        second = _by(UNCERTAIN, pool, budget, random, emit)
        others = [pick for pick in zip(*_columns(second), strict=True) if pick[0] not in taken][: budget - typical]
        places, scores, reasons = (list(column) for column in zip(*others, strict=True))
        return Picks([*_columns(sure)[0], *places], [*_columns(sure)[1], *scores], [*sure.reasons, *reasons])

    def missing_labels(self, pool: Pool) -> int:
        """Return how many labels the classes lack until each has `labels_per_class`, beside those asked for already."""
        counts = np.bincount(pool.labels, minlength=len(pool.class_names))
        if np.count_nonzero(counts) < 2:
            return len(pool)
        missing = int(np.maximum(0, self.config.labels_per_class - counts).sum())
        return max(0, missing - (len(pool.spoken_for) - len(pool.labels)))


def _by(name: str, pool: Pool, budget: int, random: np.random.Generator, emit: Emit) -> Picks:
    return create_strategy(name).choose(pool, budget, random, emit)


def _columns(picks: Picks) -> tuple[list[int], list[float], list[str]]:
    return np.asarray(picks.places).tolist(), np.asarray(picks.scores).tolist(), list(picks.reasons)
