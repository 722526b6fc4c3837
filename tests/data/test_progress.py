"""How far work has come, and how long it is said to take."""

import time

import pytest

from barlowmatch.data.progress import Rate
from barlowmatch.events import Event, Progress, progress_line


def test_the_time_left_is_told_from_the_second_thing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one waits for processes that start: from it three thousand seemed to take an hour."""
    clock, told = [0.0], list[Event]()
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    rate = Rate("read files", 1000, told.append)
    for clock[0], count in ((1.0, 0), (2.0, 1), (3.0, 200), (8.0, 799)):
        rate.step(count)
    told = [event for event in told if isinstance(event, Progress)]
    assert [progress_line(event) for event in told] == [
        "read files 0/1,000 images",
        "read files 1/1,000 images",
        "read files 201/1,000 images, 200 image/s, 4 s left",
        "read files 1,000/1,000 images, 166 image/s",
    ]
    Rate("read files", 4, told.append).step(4)
    assert isinstance(told[-1], Progress)
    assert told[-1].rate > 0, "all at once"
