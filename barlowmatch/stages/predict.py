"""Name the class of each image of a folder, with its probability."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import AnyFloats, Counts, Rows
from barlowmatch.checkpoints import Checkpoint
from barlowmatch.command_line.outputs import check_output_file, keeping_another, refuse_to_lose
from barlowmatch.configs.inference import PredictConfig
from barlowmatch.data.classes import some
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.decimals import comma_separated
from barlowmatch.data.tables import write_numbers
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.inference import classify_rows
from barlowmatch.machine import distributed, launcher
from barlowmatch.models.network import Network
from barlowmatch.stages.apply import Applied, applied_network

COLUMNS = ("file", "class", "probability")
"""Before those of each class, `p(name)`."""


def run(config: PredictConfig, emit: Emit = silent) -> dict[str, Any]:
    """Write the predictions of every readable image to `--out-path` as CSV and return where and how many.

    Raises:
        InputError: the checkpoint has no classifier, or the file cannot be written or holds something else.
    """
    check_output_file("--out-path", config.out_path, config.dataset_folder)
    refuse_to_lose("--out-path", config.out_path, COLUMNS, beyond="p(")
    with applied_network(config, emit, partial(_need_classifier, config.checkpoint_path)) as applied:
        counts = _write(applied, config.out_path, emit)
        names, total = applied.class_names, int(counts.sum())
        if launcher.is_main():
            shown = some(f"{names[place]} {counts[place]:,}" for place in np.argsort(-counts, kind="stable"))
            emit(Said(message=f"{config.out_path}: {total} predictions ({shown})"))
    return {"file": str(config.out_path), "count": total}


def _need_classifier(path: Path, network: Network, _checkpoint: Checkpoint, _dataset: Dataset) -> None:
    if network.classifier is None:
        raise InputError(f"{path}: has no classifier; give a checkpoint of train-classifier or fixmatch")


def _write(applied: Applied, path: Path, emit: Emit) -> Counts:
    """Write the table batch by batch, and return how many images are of each class; another one there is kept."""
    names, files = applied.class_names, applied.images.dataset.files
    counts = np.zeros(len(names), np.int64)

    def lines() -> Iterator[tuple[list[str], str]]:
        for part, probabilities in _batches(applied):
            best = probabilities.argmax(1)
            counts[:] += np.bincount(best, minlength=len(names))
            numbers = np.concatenate([probabilities.max(1, keepdims=True), probabilities], axis=1)
            for row, place, shares in zip(part.tolist(), best.tolist(), comma_separated(numbers), strict=True):
                yield [files[row], names[place]], shares

    if not launcher.is_main():
        for _ in lines():
            pass  # its part of each batch goes to the main process
        return counts
    with (
        keeping_another(path, emit) as partial,
        partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        write_numbers(file, [*COLUMNS, *(f"p({name})" for name in names)], lines())
    return counts


def _batches(applied: Applied) -> Iterator[tuple[Rows, AnyFloats]]:
    """Yield some rows and their class probabilities at a time: as many as all processes compute at once."""
    rows, size = applied.images.all, applied.batch_size * distributed.world_size()
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        store, compute = applied.images.store, applied.compute
        yield part, classify_rows(applied.network, store, part, compute, applied.batch_size).numpy()
