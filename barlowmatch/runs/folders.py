"""Where a run lives, and which earlier run it goes on from."""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from barlowmatch.configs.shared import RunOptions
from barlowmatch.errors import InputError
from barlowmatch.machine import distributed, launcher
from barlowmatch.runs.config_changes import OTHER_IMAGES, changed_fields, plain
from barlowmatch.runs.names import BEST, CONFIG, JOB, LAST, RESULT


def run_folder(stage: str, config: RunOptions, dataset: str) -> Path:
    """Return the folder of a run: the one named, the one beside the checkpoint, the one to resume, or a new one."""
    if config.run_dir is not None:
        return config.run_dir
    if config.checkpoint_path is not None:
        if not config.checkpoint_path.name:
            raise InputError(f"--checkpoint-path {config.checkpoint_path}: is a folder; name a file in it")
        name = config.checkpoint_path.name.split(".")[0] or config.checkpoint_path.name
        return config.checkpoint_path.with_name(f"{name}.run")
    if wants_resume(config) or launcher.restarts() > 0:
        found = _newest_unfinished(stage, config, dataset)
        if found is not None:
            return found
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path("runs") / f"{stage}-{stamp}-{secrets.token_hex(3)}"


def why_afresh(stage: str, config: RunOptions, dataset: str) -> str:
    """Return a line that says why a run that was to go on from an earlier one begins anew."""
    if config.run_dir is None and config.checkpoint_path is None:
        for folder, changes in _unfinished(stage, config, dataset):
            return f"a fresh start: {folder} is unfinished but differs ({'; '.join(changes)})"
    return "a fresh start: nothing unfinished to go on from"


def wants_resume(config: RunOptions) -> bool:
    """Say whether the run is asked to go on from an earlier one's checkpoint."""
    return config.wants_resume


def goes_on(config: RunOptions, folder: Path) -> bool:
    """Say whether a run in this folder goes on from its checkpoint: as asked, or in the place of one that was lost.

    What was lost may not have begun; then the checkpoint is an earlier run's. All processes of a run get the same
    answer.
    """
    return bool(distributed.from_main(wants_resume(config) or _begun_by_this_job(folder)))


def _begun_by_this_job(folder: Path) -> bool:
    return launcher.restarts() > 0 and _described(folder).get(JOB) == launcher.job()


def _described(folder: Path) -> dict[str, Any]:
    """Return the `config.json` of a run folder, {} where there is none that can be read."""
    try:
        found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


@dataclass(frozen=True)
class Place:
    """Where a run lives: its folder, its latest checkpoint and its best model."""

    folder: Path
    last_path: Path
    best_path: Path


def place_run(stage: str, config: RunOptions, dataset: str) -> Place:
    """Return where a run on the dataset of this fingerprint will live; nothing is created.

    All processes of a run get the same answer.
    """
    folder = Path(distributed.from_main(str(run_folder(stage, config, dataset))))
    best = getattr(config, "best_path", None)
    return Place(folder, config.checkpoint_path or folder / LAST, best or folder / BEST)


def _newest_unfinished(stage: str, config: RunOptions, dataset: str) -> Path | None:
    """Return the newest run under `runs/` that is unfinished and the same: stage, parameters, files and labels."""
    return next((folder for folder, changes in _unfinished(stage, config, dataset) if not changes), None)


def _unfinished(stage: str, config: RunOptions, dataset: str) -> Iterator[tuple[Path, list[str]]]:
    """Yield this stage's runs under `runs/` with a checkpoint and no result, newest first, and what differs of each."""
    pattern = re.compile(rf"{re.escape(stage)}-\d{{8}}T\d{{6}}Z-[0-9a-f]{{6}}")
    folders = [folder for folder in Path("runs").glob(f"{stage}-*") if pattern.fullmatch(folder.name)]
    for folder in sorted(folders, reverse=True):
        if (folder / RESULT).exists() or not (folder / LAST).is_file():
            continue
        described = _described(folder)
        if not described or not (wants_resume(config) or _begun_by_this_job(folder)):
            continue
        changes = changed_fields(described.get("config", {}), plain(config))
        if described.get("dataset") != dataset:
            changes.append(OTHER_IMAGES)
        yield folder, changes
