"""Pace: a run with a time limit ends, also when its start alone took longer."""

import pytest

from barlowmatch import pacing
from barlowmatch.pacing import TIMED_STEPS, WARMUP_STEPS, Pace


def test_a_run_whose_time_is_over_ends_after_the_steps_that_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(pacing.time, "monotonic", lambda: now)
    monkeypatch.setattr(pacing, "process_age", lambda: now)
    pace, step, total = Pace(0.01, 0, 1), 0, 1000
    while step < total:
        now += 0.5
        step += 1
        total = pace.plan(step, total)
        assert step <= WARMUP_STEPS + TIMED_STEPS

    assert pace.warm
    assert step >= WARMUP_STEPS
