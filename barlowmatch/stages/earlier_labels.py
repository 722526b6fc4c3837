"""Whether a folder lacks the labels of the round before: its own labels are all that a command knows of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from barlowmatch.data.dataset import Dataset
from barlowmatch.events import Emit, Said

_BESIDE = "request.json"


def label_count(dataset: Dataset) -> int:
    """Return how many labels there are to learn from and to pick models by."""
    return len(dataset.train) + len(dataset.val)


def tell_of_labels_learned(checkpoint: Mapping[str, Any], path: Path | None, dataset: Dataset, emit: Emit) -> None:
    """Warn where a network learned from more labels, of another folder, than there are in this one.

    Args:
        checkpoint: of the network.
        path: its file.
        dataset: of a folder, as it is read today.
        emit: hears the warning.
    """
    if "classifier" in checkpoint:
        folder, labeled = checkpoint["config"].get("dataset_folder"), checkpoint.get("labeled", 1)
        _tell(f"{path} learned from", folder, labeled, dataset, emit)


def note_for_request(folder: Path | None, labeled: int) -> str:
    """Return what says beside a request beside which labels, of which folder, it was chosen."""
    place = None if folder is None else str(folder)
    return json.dumps({"dataset_folder": place, "labeled": labeled}) + "\n"


def note_of(request: Path) -> Path:
    """Return where that lies."""
    return request.with_name(_BESIDE)


def tell_of_labels_asked_beside(request: Path, dataset: Dataset, emit: Emit) -> None:
    """Warn where a request was chosen beside more labels, of another folder, than there are in this one."""
    try:
        note: Any = json.loads(note_of(request).read_text(encoding="utf-8"))
        folder, labeled = note["dataset_folder"], int(note["labeled"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # of another command, or somebody's own
    _tell(f"{request} was chosen beside", folder, labeled, dataset, emit)


def _tell(what: str, folder: object, labeled: int, dataset: Dataset, emit: Emit) -> None:
    here = label_count(dataset)
    if isinstance(folder, str) and here < labeled and Path(folder).resolve() != dataset.root.resolve():
        way_out = f"to go on from these give --dataset-folder {folder}"
        told = f"{what} {labeled:,} labels of {folder}, and {dataset.root} has {here:,}"
        emit(Said(message=f"{told}; {way_out}", level="warning"))
