"""What `python -m barlowmatch simulate` found for a project: accuracy over labels of each strategy it tried."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from barlowmatch.data.tables import read_table
from barlowmatch.errors import InputError
from labeling.project import ProjectFolder


@dataclass(frozen=True)
class Point:
    """Mean accuracy after so many labels, with its interval, which one repetition does not tell: None; shares."""

    labels: int
    accuracy: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Simulation:
    """The curves of each strategy, by name, from the simulation in the run folder `name`."""

    name: str
    curves: dict[str, tuple[Point, ...]]


def newest_simulation(paths: ProjectFolder) -> Simulation | None:
    """Return the newest simulation among the project's runs, None where there is none that can be read."""
    tables = [*paths.runs.glob("*/curves.csv"), *paths.runs.glob("*/*/curves.csv")]
    stamped = sorted(((path.stat().st_mtime_ns, path) for path in tables), reverse=True)
    for stamp, path in stamped:
        try:
            return Simulation(path.relative_to(paths.runs).parts[0], _read(path, stamp))
        except (InputError, ValueError):
            continue
    return None


@lru_cache(maxsize=8)
def _read(path: Path, stamp: int) -> dict[str, tuple[Point, ...]]:
    """Return the curves of a table; `stamp`, its time, makes a rewritten one be read anew."""
    table = read_table(path)
    names = ("strategy", "budget", "accuracy", "accuracy_low", "accuracy_high")
    curves: dict[str, list[Point]] = {}
    for strategy, budget, mean, *interval in zip(*(table.need([name]) for name in names), strict=True):
        low, high = (float(end) if end else None for end in interval)
        curves.setdefault(strategy, []).append(Point(int(budget), float(mean), low, high))
    return {strategy: tuple(points) for strategy, points in curves.items()}
