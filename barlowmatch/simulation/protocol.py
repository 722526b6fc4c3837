"""One strategy, one repetition: ask, be answered, learn, measure, ask again."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from barlowmatch.arrays import Rows
from barlowmatch.embeddings.shards import Shards
from barlowmatch.selection.base import Strategy
from barlowmatch.selection.catalog import CATALOG
from barlowmatch.selection.configs import StrategyConfig
from barlowmatch.selection.loading import create_strategy
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.vectors import DEFAULT_MEMORY
from barlowmatch.simulation.learners import Learner
from barlowmatch.simulation.world import JUNK, World
from barlowmatch.simulation.yardsticks import BalancedOracle, Inverted


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a repetition goes.

    Attributes:
        budgets: labels at which accuracy is measured, ascending.
        pool_share: share of the pool a repetition sees; the same images for every strategy.
        start: `own` lets a strategy choose its first labels where it can; `random` is one draw shared by all.
        seed: of all random choices.
    """

    budgets: tuple[int, ...]
    pool_share: float
    start: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class MeasuredStep:
    """What was measured at one budget."""

    budget: int
    accuracy: float
    balanced_accuracy: float
    classes_seen: int
    seconds: float
    files: tuple[str, ...]
    chosen_by: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A strategy's steps in one repetition."""

    strategy: str
    repeat: int
    steps: tuple[MeasuredStep, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Trial":
        """Read what `to_dict` wrote."""
        steps = tuple(MeasuredStep(**{**step, "files": tuple(step["files"])}) for step in values["steps"])
        return cls(strategy=values["strategy"], repeat=values["repeat"], steps=steps)


def run_trial(world: World, name: str, repeat: int, protocol: Protocol, learner: Learner) -> Trial:
    """Simulate one strategy in one repetition.

    The part of the pool and the shared first draw depend on seed and repetition alone, so differences between
    strategies are paired.
    """
    shared = np.random.default_rng([protocol.seed, repeat])
    size = round(protocol.pool_share * len(world.files))
    visible = np.sort(shared.permutation(len(world.files))[: max(size, protocol.budgets[-1])])
    first_draw = shared.permutation(visible)[: protocol.budgets[0]]
    seed = int(shared.integers(2**31))
    strategy = simulated_strategy(name, world)
    asked: Rows = np.empty(0, np.int64)
    steps = []
    for budget in protocol.budgets:
        started = time.monotonic()
        pool = _pool(world, visible, asked)
        chosen_by = name
        if len(asked) == 0 and (protocol.start == "random" or not _starts_alone(name)):
            chosen, chosen_by = first_draw, "random"
        else:
            if not _ready(name, pool):
                chosen_by = "random"
            chooser = strategy if chosen_by == name else create_strategy("random")
            chosen = chooser.select(pool, budget - len(asked), seed + budget).rows
        seconds = time.monotonic() - started
        asked = np.concatenate([asked, chosen])
        answered = asked[world.answers[asked] != JUNK]
        judged = learner.judge(answered, world.answers[answered], seed)
        step = MeasuredStep(
            budget=budget,
            accuracy=judged.accuracy,
            balanced_accuracy=judged.balanced_accuracy,
            classes_seen=len(np.unique(world.truth[answered])),
            seconds=round(seconds, 3),
            files=tuple(world.files[row] for row in chosen),
            chosen_by=chosen_by,
        )
        steps.append(step)
    return Trial(strategy=name, repeat=repeat, steps=tuple(steps))


def simulated_strategy(name: str, world: World) -> Strategy[Any]:
    """Return a strategy or a yardstick by name.

    Raises:
        InputError: there is none of this name.
    """
    if name == BalancedOracle.name:
        return BalancedOracle(dict(zip(world.files, world.truth.tolist(), strict=True)))
    if name == Inverted.name:
        return Inverted(StrategyConfig())
    return create_strategy(name)


def _starts_alone(name: str) -> bool:
    """Say whether a strategy has a choice to make without any label; the others, random among them, share one draw."""
    return name == BalancedOracle.name or (name in CATALOG and CATALOG[name].needs == ("embeddings",))


def _ready(name: str, pool: Pool) -> bool:
    """Say whether there are labels enough for what a strategy needs: classifiers need two classes, some any label."""
    needs = {*CATALOG[name].needs} if name in CATALOG else {"labels"} if name == Inverted.name else set()
    classes = 2 if {"probabilities", "head"} & needs else 1 if "labels" in needs else 0
    return len(np.unique(pool.labels)) >= classes


def _pool(world: World, visible: Rows, asked: Rows) -> Pool:
    """Return what can be asked for now, and what is labeled; images that show nothing are neither once asked for."""
    labeled = asked[world.answers[asked] != JUNK]
    return Pool.of(
        Shards([world.vectors]), world.files, labeled, np.setdiff1d(visible, asked), world.answers,
        world.class_names, None, DEFAULT_MEMORY,
    )  # fmt: skip
