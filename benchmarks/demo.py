"""The whole loop on handwritten digits: 5 % labeled, one round of 2.5 % more, beside the same number at random."""

import csv
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.datasets import true_label, write_digits
from benchmarks.measuring import barlowmatch, read_result, table

LABELED, BUDGET, VALIDATION = 90, 45, 300
DIGITS = ("--views", "digits", "--image-size", "16")


def run(arguments: list[str]) -> dict[str, Any]:
    """Run the demonstration in the folder named first (default `demo`) and return its accuracies in percent."""
    started = time.monotonic()
    home = Path(arguments[0] if arguments else "demo")
    shutil.rmtree(home, ignore_errors=True)
    data = home / "dataset"
    write_digits(data, LABELED, VALIDATION)
    pretrained = home / "pretrained.pt"
    barlowmatch(
        "pretrain", "--preset", "quick", "--dataset-folder", str(data), "--checkpoint-path", str(pretrained),
        *DIGITS, "--num-epochs", "40", "--batch-size", "128",
    )  # fmt: skip
    first = _learn(home, "first", data, pretrained)
    representations = home / "representations"
    barlowmatch(
        "embed", "--checkpoint-path", str(home / "first-fixmatch-best.pt"), "--dataset-folder", str(data),
        "--out-path", str(representations),
    )  # fmt: skip
    rounds = {name: _next_round(home, name, data, representations, pretrained) for name in ("auto", "random")}
    rows = [
        (f"stage 2, classifier, {LABELED} labels", first["classifier"]),
        (f"stage 3, FixMatch, {LABELED} labels", first["fixmatch"]),
        (f"after the round, classifier, {LABELED + BUDGET} labels asked for", rounds["auto"]["classifier"]),
        (f"after the round, FixMatch, {LABELED + BUDGET} labels asked for", rounds["auto"]["fixmatch"]),
        (f"the same at random, classifier, {LABELED + BUDGET} labels", rounds["random"]["classifier"]),
        (f"the same at random, FixMatch, {LABELED + BUDGET} labels", rounds["random"]["fixmatch"]),
    ]
    print("\n" + table(("", "accuracy", "95 % interval", "balanced"), [(name, *_shown(val)) for name, val in rows]))
    print(f"\nDatasets, checkpoints, runs and requests are in {home.resolve()}")
    return {
        "classifier": _percent(first["classifier"]),
        "fixmatch": _percent(first["fixmatch"]),
        "round_asked": _percent(rounds["auto"]["fixmatch"]),
        "round_random": _percent(rounds["random"]["fixmatch"]),
        "seconds": round(time.monotonic() - started),
    }


def _learn(home: Path, name: str, data: Path, pretrained: Path) -> dict[str, dict[str, Any]]:
    """Run stages 2 and 3 and return the validation figures of both."""
    classifier, fixmatch = home / f"{name}-classifier", home / f"{name}-fixmatch"
    barlowmatch(
        "train-classifier", "--preset", "quick", "--dataset-folder", str(data), "--transfer-path", str(pretrained),
        "--checkpoint-path", f"{classifier}.pt", "--best-path", f"{classifier}-best.pt", *DIGITS,
        "--num-epochs", "60", "--batch-size", "32",
    )  # fmt: skip
    barlowmatch(
        "fixmatch", "--preset", "quick", "--dataset-folder", str(data), "--transfer-path", f"{classifier}-best.pt",
        "--checkpoint-path", f"{fixmatch}.pt", "--best-path", f"{fixmatch}-best.pt", *DIGITS, "--num-epochs", "6",
    )  # fmt: skip
    return {
        "classifier": read_result(classifier.with_suffix(".run"))["val"],
        "fixmatch": read_result(fixmatch.with_suffix(".run"))["val"],
    }


def _next_round(home: Path, strategy: str, data: Path, representations: Path, pretrained: Path) -> dict[str, Any]:
    """Request labels, let the oracle answer, write the next dataset, and learn from it."""
    request, labels, next_data = (
        home / f"request-{strategy}",
        home / f"labels-{strategy}.csv",
        home / f"dataset-{strategy}",
    )
    barlowmatch(
        "select", "--representations-path", str(representations), "--dest-path", str(request),
        "--strategy", strategy, "--budget", str(BUDGET),
    )  # fmt: skip
    with (request / "request.csv").open(encoding="utf-8", newline="") as file:
        wanted = [row["file"] for row in csv.DictReader(file)]
    with labels.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *((name, true_label(name)) for name in wanted)])
    barlowmatch(
        "create-dataset", "--dataset-folder", str(data), "--request", str(request / "request.csv"),
        "--labels", str(labels), "--out-path", str(next_data),
    )  # fmt: skip
    return _learn(home, strategy, next_data, pretrained)


def _shown(val: dict[str, Any]) -> tuple[str, str, str]:
    low, high = 100 * val["accuracy_low"], 100 * val["accuracy_high"]
    return f"{_percent(val):.1f} %", f"{low:.1f} to {high:.1f}", f"{100 * val['balanced_accuracy']:.1f} %"


def _percent(val: dict[str, Any]) -> float:
    return round(100 * float(val["accuracy"]), 1)
