"""Name the class of each image of a folder, with its probability."""

from typing import Any

import numpy as np

from barlowmatch import launcher
from barlowmatch.configs.inference import PredictConfig
from barlowmatch.data.classes import some
from barlowmatch.data.tables import write_rows
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.files import whole_file
from barlowmatch.inference import classify_rows
from barlowmatch.outputs import check_output_file, refuse_to_lose
from barlowmatch.stages.apply import applied_network

COLUMNS = ("file", "class", "probability")
"""Before those of each class, `p(name)`."""


def run(config: PredictConfig, emit: Emit = silent) -> dict[str, Any]:
    """Write the predictions of every readable image to `--out-path` as CSV and return where and how many.

    Raises:
        InputError: the checkpoint has no classifier, or the file cannot be written or holds something else.
    """
    check_output_file("--out-path", config.out_path, config.dataset_folder)
    refuse_to_lose("--out-path", config.out_path, COLUMNS, beyond="p(")
    with applied_network(config, emit) as applied:
        if applied.network.classifier is None:
            raise InputError(
                f"{config.checkpoint_path}: has no classifier; give a checkpoint of train-classifier or fixmatch"
            )
        rows = applied.images.all
        probabilities = classify_rows(
            applied.network, applied.images.store, rows, applied.compute, applied.batch_size
        ).numpy()
        names = applied.class_names
        if launcher.is_main():
            best = probabilities.argmax(1)
            with (
                whole_file(config.out_path) as partial,
                partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
            ):
                numbers = ([f"{share:.6f}" for share in shares] for shares in probabilities)
                lines = (
                    [applied.images.dataset.files[row], names[place], shares[place], *shares]
                    for row, place, shares in zip(rows, best, numbers, strict=True)
                )
                write_rows(file, [*COLUMNS, *(f"p({name})" for name in names)], lines)
            counts = np.bincount(best, minlength=len(names))
            shown = some(f"{names[place]} {counts[place]:,}" for place in np.argsort(-counts, kind="stable"))
            emit(Said(message=f"{config.out_path}: {len(rows)} predictions ({shown})"))
    return {"file": str(config.out_path), "count": len(rows)}
