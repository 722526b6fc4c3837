"""What a story of events has to have, however the work ended."""

from pathlib import Path

from barlowmatch.events import RunFailed, RunFinished, RunStarted, read_events


def ending(path: Path) -> tuple[RunStarted, RunFinished | RunFailed]:
    """Return the one start and the one end of a story, which is its last word."""
    events = list(read_events(path))
    starts = [event for event in events if isinstance(event, RunStarted)]
    ends = [event for event in events if isinstance(event, (RunFinished, RunFailed))]
    assert (len(starts), len(ends)) == (1, 1), events
    assert events[-1] is ends[0]
    return starts[0], ends[0]
