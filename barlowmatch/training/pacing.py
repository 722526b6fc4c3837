"""How fast a run goes and when it will end."""

import time

from barlowmatch.configs.shared import RunOptions
from barlowmatch.events import Said, rounded
from barlowmatch.runs.run import process_age
from barlowmatch.words import count

WARMUP_STEPS = 3
"""First steps, which compile and allocate, are not timed."""
TIMED_STEPS = 5
TIMED_SECONDS = 4.0
REPLAN_SHARE = 0.03
"""A plan is made anew after this share of the given time."""
FEW_STEPS = 20
"""Whoever gives time for fewer is told: reading and decoding the images may have taken nearly all of it."""
HARDLY_ANY_STEPS = 50
"""Whoever says by number of epochs to make fewer is told: a small folder has few in an epoch."""


class Pace:
    """Measures steps a second and, where a time is given, plans how many steps fit into it.

    Args:
        minutes: time for the whole command, from the start of the process; None = as many steps as asked for.
        step: the step the run starts from.
    """

    def __init__(self, minutes: float | None, step: int) -> None:
        self._limit = None if minutes is None else 60 * minutes
        self._first_step = step
        self._started = time.monotonic()
        self._timed_from: tuple[int, float] | None = None
        self._recent: list[tuple[int, float]] = [(step, self._started)]
        self._planned_at = -1e9

    def due(self, seconds: float, step: int) -> bool:
        """Say whether so many seconds have passed since it last said yes, and remember the step of that moment."""
        now = time.monotonic()
        if now - self._recent[-1][1] < seconds:
            return False
        self._recent = [*self._recent[-20:], (step, now)]
        return True

    def rate(self, step: int) -> float:
        """Return steps a second of late."""
        first, then = self._recent[0]
        elapsed = time.monotonic() - then
        return (step - first) / elapsed if elapsed > 0 else 0.0

    @property
    def warm(self) -> bool:
        """Whether enough steps were timed to plan by."""
        return self._planned_at > 0

    def plan(self, step: int, total: int) -> int:
        """Return how many steps the run should have in all, so that it ends in time.

        Evaluations and checkpoints on the way count as part of the steps they follow; the closing ones are allowed
        for by a small reserve. Once the time is over the answer is `step`: one more step each time would never end.
        """
        assert self._limit is not None
        now = time.monotonic()
        if step - self._first_step < WARMUP_STEPS:
            return max(total, step + 2)
        if self._timed_from is None:
            self._timed_from = (step, now)
        timed_step, timed_at = self._timed_from
        age = process_age()
        over = self.warm and age >= self._limit
        enough = step - timed_step >= TIMED_STEPS or (step > timed_step and now - timed_at >= TIMED_SECONDS)
        if not over and (not enough or now - self._planned_at < REPLAN_SHARE * self._limit):
            return max(total, step + 2) if not self.warm else total
        self._planned_at = now
        seconds_per_step = (now - timed_at) / (step - timed_step)
        reserve = 0.01 * self._limit
        left = max(0.0, self._limit - reserve - age)
        return step + round(left / seconds_per_step)


def say_what_fits(minutes: float, steps: int, epochs: float) -> Said:
    """Return what a given time is enough for, as a warning where that is hardly anything."""
    message = f"{minutes:g} minutes are enough for about {rounded(epochs)} epochs ({steps:,} steps)"
    if steps >= FEW_STEPS:
        return Said(message=message)
    return Said(message=f"{message}, with which hardly anything is learned; give it more --minutes", level="warning")


def say_few_steps(config: RunOptions, steps: int) -> Said | None:
    """Return a warning where a run of its own number of epochs makes hardly any steps, None where there is no need.

    Args:
        config: of a run that begins; one from weights that are trained already may mean to make few.
        steps: that it will make in all.
    """
    if steps >= HARDLY_ANY_STEPS or config.minutes is not None or config.weights is not None:
        return None
    what = f"--num-epochs {config.num_epochs} is {count(steps, 'step')} in all, with which hardly anything is learned"
    return Said(message=f"{what}; give more, or leave it out beside a --preset, which makes enough", level="warning")
