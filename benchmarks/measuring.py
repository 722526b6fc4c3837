"""What benchmarks share: running the product's commands, and tables."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from barlowmatch.arrays import Doubles
from barlowmatch.machine.launcher import FOR_A_PROGRAM

LARS = ("--optimizer", "lars", "--trust", "0.001", "--trust-as", "scale")
"""With the presets `quick` and `laptop`: pretraining as it was before they took Muon, on which older figures rest."""


FIXED = ("--pseudo-label", "fixed", "--learning-rate", "0.003", "--start-share", "0")
"""With the same presets: FixMatch as it was before they took FreeMatch's thresholds, on which older figures rest."""


def barlowmatch(*words: str, quiet: bool = True) -> str:
    """Run `python -m barlowmatch …` as a user would, show the command line, and return what it printed.

    Raises:
        SystemExit: it failed; its messages are shown.
    """
    print(f"$ python -m barlowmatch {shlex.join(words)}", flush=True)
    started = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", "barlowmatch", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None, text=True, check=False,
        env={**os.environ, FOR_A_PROGRAM: "1"},
    )  # fmt: skip
    if process.returncode:
        raise SystemExit(f"{process.stderr or ''}\nbarlowmatch {words[0]} ended with status {process.returncode}")
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return process.stdout


def read_result(folder: Path) -> dict[str, Any]:
    """Return the `result.json` of a run folder."""
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


def final_accuracy(folder: Path) -> float:
    """Return the validation accuracy that a run ended with, in percent."""
    return round(100 * float(read_result(folder)["val"]["accuracy"]), 2)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in aligned columns."""
    widths = [max(len(str(row[column])) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def paired_interval(differences: Doubles) -> tuple[float, float]:
    """Return mean and half width of the 95 % interval (Student's t) of paired differences, (n,)."""
    from scipy.stats import t

    error = differences.std(ddof=1) / len(differences) ** 0.5
    return float(differences.mean()), float(t.ppf(0.975, len(differences) - 1) * error)
