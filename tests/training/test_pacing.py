"""Pace: a run with a time limit ends with its time, also when its start alone took longer."""

import math
from collections.abc import Callable

import pytest

from barlowmatch.training import pacing
from barlowmatch.training.pacing import REPLAN_SHARE, TIMED_STEPS, WARMUP_STEPS, Pace

LIMIT = 600.0
MANY = 10**9

SHAPES: dict[str, Callable[[float], float]] = {
    "steady": lambda share: 1.0,
    "three times slower in the end": lambda share: 1 + 2 * share,
    "three times faster in the end": lambda share: 3 - 2 * share,
    "up and down": lambda share: 1 + 0.8 * math.sin(40 * share),
    "five times slower from the middle on": lambda share: 5.0 if share > 0.5 else 1.0,
}
"""How long a step takes, by the share of the time that has passed."""


class Clock:
    """The time since the process started, which only steps and evaluations take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(pacing.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(pacing, "process_age", lambda: self.now)

    def run(self, minutes: float, seconds: Callable[[int, float], float]) -> tuple[int, float]:
        """Make steps as training does; return how many there were and how long the last took."""
        pace, step, total, taken = Pace(minutes, 0), 0, MANY, 0.0
        while step < total:
            step += 1
            taken = seconds(step, self.now)
            self.now += taken
            total = pace.plan(step, total)
            assert step < 100_000, "it never ends"
        assert pace.warm
        return step, taken


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_run_whose_time_is_over_ends_after_the_steps_that_are_timed(clock: Clock) -> None:
    clock.now = 100.0
    steps, _ = clock.run(0.01, lambda step, now: 0.5)
    assert WARMUP_STEPS <= steps <= WARMUP_STEPS + TIMED_STEPS


@pytest.mark.parametrize("start", [0.02, 0.4], ids=["a short start", "a long start"])
@pytest.mark.parametrize("evaluation", [0.0, 0.02, 0.08], ids="evaluations of {:.0%}".format)
@pytest.mark.parametrize("base", [0.0005, 0.003, 0.02], ids="steps of {:.2%}".format)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_ends_with_its_time(clock: Clock, shape: str, base: float, evaluation: float, start: float) -> None:
    """Too late by no more than the last step, with an evaluation after it, and not much too early."""
    clock.now = start * LIMIT
    every = max(1, round(0.1 / base))

    def seconds(step: int, now: float) -> float:
        return LIMIT * (base * SHAPES[shape](now / LIMIT) + (0 if step % every else evaluation))

    _, last = clock.run(LIMIT / 60, seconds)
    assert clock.now <= LIMIT + last
    assert clock.now >= (1 - 0.01 - REPLAN_SHARE - evaluation) * LIMIT - last


def test_steps_that_begin_slowly_are_made_up_for(clock: Clock) -> None:
    """What compiles and allocates in the first steps says nothing of the others."""
    began = iter([60.0] * (WARMUP_STEPS - 1))
    steps, _ = clock.run(LIMIT / 60, lambda step, now: next(began, 1.0))
    assert 0.96 * LIMIT <= clock.now <= LIMIT + 1
    assert steps >= 0.96 * LIMIT - 60 * WARMUP_STEPS
