"""Sides of a comparison as processes of their own: neither's memory, threads or caches help or hinder the other.

A benchmark's module serves as a side when it is started as `python -m benchmarks.NAME SIDE ARGUMENTS`; it then calls
`serve`. The benchmark itself starts its sides with `Side` and lets them take turns with `take_turns`.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

Figures = dict[str, float]


class Side:
    """One side, running in its own process, idle until it is asked.

    Args:
        module: benchmark that serves it.
        arguments: what its command line says.
        warm_up: whether it measures once for nothing first: kernels are compiled then, and caches filled.
    """

    def __init__(self, module: str, *arguments: str, warm_up: bool = True) -> None:
        self._warm_up = warm_up
        self._name = " ".join((module, *arguments))
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        if self._warm_up:
            print(f"{self._name}: warming up", file=sys.stderr, flush=True)
            self.ask()
        return self

    def ask(self) -> Figures:
        """Have it measure once, and return what it found.

        Raises:
            SystemExit: it ended instead; its messages are on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                figures: Figures = json.loads(line)
                return figures
        raise SystemExit(f"{self._name}: ended with status {self._process.wait()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def serve(measure: Callable[[], Figures]) -> None:
    """Measure each time the benchmark asks, until it asks no more."""
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def take_turns(sides: Mapping[str, Side], turns: int) -> dict[str, list[Figures]]:
    """Return what each side found in each of `turns` turns, and say after each how far they are."""
    found: dict[str, list[Figures]] = {name: [] for name in sides}
    started = time.monotonic()
    for turn in range(1, turns + 1):
        for name, side in sides.items():
            found[name].append(side.ask())
            done, elapsed = sum(map(len, found.values())), time.monotonic() - started
            left = elapsed / done * (turns * len(sides) - done)
            print(f"turn {turn} of {turns}, {name}: {elapsed:.0f} s, {left:.0f} s left", file=sys.stderr, flush=True)
    return found


def ratios(slower: list[Figures], faster: list[Figures], figure: str) -> float:
    """Return the median over the turns of how many times as much of `figure` one side took as the other."""
    pairs = zip(slower, faster, strict=True)
    return round(statistics.median(first[figure] / second[figure] for first, second in pairs), 2)


def middle(turns: list[Figures], figure: str) -> float:
    """Return the median of `figure` over the turns."""
    return statistics.median(turn[figure] for turn in turns)


def plain(**figures: Any) -> dict[str, Any]:
    """Return figures rounded for a JSON line."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
