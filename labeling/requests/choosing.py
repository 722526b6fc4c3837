"""Choosing the images to ask for by a strategy, for people to look at before anybody is asked.

The strategies need torch, so they run as `python -m barlowmatch select` in a process of their own; what comes out is a
request table that `import --request` takes up, or the page after somebody dropped pictures from it.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from barlowmatch.command_line.outputs import refuse_to_lose
from barlowmatch.configs.select import REQUEST_COLUMNS
from barlowmatch.data.tables import read_table, write_table
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.selection.catalog import find_strategy
from barlowmatch.words import count
from labeling.chores import Chore
from labeling.configs import ChooseConfig
from labeling.embeddings.newest import newest_embeddings
from labeling.project import ProjectFolder, reading
from labeling.requests.pool import ASKED, PoolFolder, file_of, write_pool
from labeling.requests.tables import read_request
from storage.database import Database
from storage.images import get_image
from storage.records import NewItem
from storage.requests import draw_unlabeled, list_requests

RANDOM = "random"
_AT_RANDOM = "drawn at random"

_held: dict[Path, tuple[int, tuple[NewItem, ...]]] = {}
"""The choice that is looked at page by page, with the time of its table: one of each project."""

Picks = list[tuple[str, str, str]]
"""File, score and reason, the most wanted first."""


def choose(config: ChooseConfig, emit: Emit) -> dict[str, Any]:
    """Write the request table of a strategy and return how many it chose, of how many, and how long it took.

    Raises:
        InputError: no such strategy or parameter, no embeddings, nothing left to ask for, the disk is full, or
            something else than a request is in the way.
    """
    started = time.monotonic()
    find_strategy(config.strategy)
    paths = ProjectFolder(config.project).need()
    with reading(config.project) as db:
        seed = len(list_requests(db, finished=True)) if config.seed is None else config.seed
    to = config.to or paths.cache / "request.csv"
    refuse_to_lose("--to", to, REQUEST_COLUMNS)
    picks, free = _draw(config, seed) if config.strategy == RANDOM else _select(config, paths, seed, emit)
    table = [(rank, file, score, config.strategy, reason) for rank, (file, score, reason) in enumerate(picks, 1)]
    write_table(to, REQUEST_COLUMNS, table)
    return {
        "strategy": config.strategy, "count": len(picks), "free": free,
        "seconds": round(time.monotonic() - started, 2),
    }  # fmt: skip


def read_choice(db: Database, chore: Chore) -> tuple[NewItem, ...]:
    """Return what the last choice of a chore holds, the most wanted first.

    Raises:
        InputError: it cannot be read.
    """
    path = chore.events.with_name("request.csv")
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    held = _held.get(path)
    if held is None or held[0] != stamp:
        held = _held[path] = stamp, tuple(read_request(db, path))
    return held[1]


def _draw(config: ChooseConfig, seed: int) -> tuple[Picks, int]:
    """Draw uniformly among all images that may be asked for, embedded or not."""
    with reading(config.project) as db:
        everything = draw_unlabeled(db, sys.maxsize, seed)
        images = [get_image(db, number) for number in everything[: config.budget]]
    if not everything:
        raise InputError(f"{config.project}: no image is left to ask for")
    return [(file_of(image), "", _AT_RANDOM) for image in images if image is not None], len(everything)


def _select(config: ChooseConfig, paths: ProjectFolder, seed: int, emit: Emit) -> tuple[Picks, int]:
    paths.cache.mkdir(exist_ok=True)  # people may delete it
    with tempfile.TemporaryDirectory(dir=paths.cache, prefix="pool-") as place:
        folder = Path(place)
        with reading(config.project) as db:
            embedded = newest_embeddings(paths, db)
            if embedded is None:
                raise InputError(
                    f"{config.project}: no embeddings, which the strategy {config.strategy} compares images by; run a "
                    "round, or choose the strategy random"
                )
            pool = write_pool(db, embedded.folder, folder)
        if not pool.images:
            raise InputError(f"{embedded.folder}: no image in it is left to ask for; embed the project's images again")
        budget = min(config.budget, len(pool.images))
        counts = f"{budget:,} of {count(len(pool.images), 'image')}, with {count(pool.labeled, 'label')} known"
        emit(Said(message=f"{config.strategy}: {counts}"))
        _run_strategy(config, folder, budget, seed, emit)
        return _read(folder / "request.csv", pool), len(pool.images)


def _run_strategy(config: ChooseConfig, folder: Path, budget: int, seed: int, emit: Emit) -> None:
    """Run `select` and pass on what it says.

    Raises:
        InputError: it failed; the line is its own.
    """
    command = [
        sys.executable, "-m", "barlowmatch", "select",
        "--representations-path", str(folder), "--dest-path", str(folder),
        "--strategy", config.strategy, "--budget", str(budget), "--seed", str(seed), "--asked", str(folder / ASKED),
        *(["--parameters", *config.parameters] if config.parameters else []),
    ]  # fmt: skip
    last = ""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            if str(folder) not in last:  # where its own files lie is nobody's concern
                emit(Said(message=last))
    if process.returncode:
        raise InputError(last.removeprefix("barlowmatch: ") or f"the strategy {config.strategy} was ended from outside")


def _read(path: Path, pool: PoolFolder) -> Picks:
    """Return what `select` chose, by the files' names of today."""
    table = read_table(path)
    rows: Iterable[Sequence[str]] = zip(*(table.need([name]) for name in ("file", "score", "reason")), strict=True)
    return [(file_of(pool.images[file]), score, reason) for file, score, reason in rows]
