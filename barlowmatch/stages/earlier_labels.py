"""Whether a folder lacks the labels of the round before: its own labels are all that a command knows of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from barlowmatch.command_line.next_commands import CARRIED, NOTE
from barlowmatch.data.dataset import Dataset
from barlowmatch.events import Emit, Said
from barlowmatch.files import keep_aside
from barlowmatch.words import count

_SCHEMA = 1


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
        folder, labeled = checkpoint["config"].get("dataset_folder"), checkpoint.get("labeled")
        _tell(f"{path} learned from", folder, labeled, dataset, emit)


def note_for_request(folder: Path | None, labeled: int, carried: Mapping[str, Any]) -> str:
    """Return what lies beside a request: beside which labels of which folder it was chosen, and what it carries."""
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in carried.items()}
    place = None if folder is None else str(folder)
    note = {"schema": _SCHEMA, "dataset_folder": place, "labeled": labeled, CARRIED: plain}
    return json.dumps(note, indent=2) + "\n"


def make_way_for_note(request: Path) -> Path:
    """Return where that lies; what somebody keeps there under the same name is kept as `.bak`."""
    path = request.with_name(NOTE)
    if path.is_file() and "labeled" not in _read(path):
        keep_aside(path)
    return path


def tell_of_labels_asked_beside(request: Path, dataset: Dataset, emit: Emit) -> None:
    """Warn where a request was chosen beside more labels, of another folder, than there are in this one."""
    note = _read(request.with_name(NOTE))
    labeled = note.get("labeled")
    if isinstance(labeled, int):  # else somebody's own
        _tell(f"{request} was chosen beside", note.get("dataset_folder"), labeled, dataset, emit)


def _read(path: Path) -> Mapping[str, Any]:
    """Return a note, {} where there is none that can be read."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _tell(what: str, folder: object, labeled: int | None, dataset: Dataset, emit: Emit) -> None:
    here = label_count(dataset)
    least = 1 if labeled is None else labeled  # of earlier checkpoints it is not known
    if isinstance(folder, str) and here < least and Path(folder).resolve() != dataset.root.resolve():
        way_out = f"to go on from these give --dataset-folder {folder}"
        labels = "labels" if labeled is None else count(labeled, "label")
        told = f"{what} {labels} of {folder}, and {dataset.root} has {here:,}"
        emit(Said(message=f"{told}; {way_out}", level="warning"))
