"""Choose the images whose labels would help most, and write the request."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from barlowmatch.command_line.next_commands import carried_in
from barlowmatch.command_line.outputs import check_output_folder, refuse_inside, refuse_to_lose
from barlowmatch.configs.select import PAPER_RATIO, REQUEST_COLUMNS, SelectConfig
from barlowmatch.data.tables import FILE_COLUMNS, read_table, rows_text, table_text
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.files import keep_aside, write_texts
from barlowmatch.selection.base import Selection, Strategy
from barlowmatch.selection.loading import create_strategy, load_strategy_file
from barlowmatch.selection.pool import Pool
from barlowmatch.stages.earlier_labels import make_way_for_note, note_for_request
from barlowmatch.words import count

REQUEST = "request.csv"


def run(config: SelectConfig, emit: Emit = silent) -> dict[str, Any]:
    """Write `request.csv` and the seed's `request_<n>.csv` to `--dest-path`.

    Returns:
        Its `file`, the `count` of images, by which `strategy`, in how many `seconds`, and what is `carried` along.

    Raises:
        InputError: the embeddings or an earlier request cannot be used, the strategy or its parameters do not exist or
            do not fit the pool, or the request cannot be written or would replace what is no request.
    """
    started = time.monotonic()
    check_output_folder("--dest-path", config.dest_path, None)
    refuse_to_lose("--dest-path", config.dest_path / REQUEST, REQUEST_COLUMNS)
    strategy = _strategy(config)
    embeddings = read_embeddings(config.representations_path)
    refuse_inside("--dest-path", config.dest_path, embeddings.dataset_folder)
    asked = _asked(config.asked, frozenset(embeddings.table.files), emit)
    pool = Pool.from_embeddings(embeddings, int(config.memory * 2**30), asked)
    if pool.copies:
        copies = count(pool.copies, "copy", "copies")
        emit(
            Said(
                message=f"select: left out {copies} of images that are labeled, asked for, in val, or to be chosen from"
            )
        )
    budget = _budget(config, pool, emit)
    selection = strategy.select(pool, budget, config.seed, emit)
    carried = carried_in(embeddings.meta) or _known_of_old(embeddings.dataset_folder)
    labeled = len(embeddings.labeled) + len(embeddings.judged_by)
    beside = note_for_request(embeddings.dataset_folder, labeled, carried)
    path = write_request(config.dest_path, config.round, strategy.name, selection, beside)
    seconds = time.monotonic() - started
    chosen = f"{budget:,} of {count(len(pool), 'image')}"
    emit(Said(message=f"{path}: {chosen} requested by {strategy.name} in {seconds:.1f} s"))
    return {
        "file": str(path),
        "count": budget,
        "strategy": strategy.name,
        "seconds": round(seconds, 3),
        "carried": carried,
    }


def write_request(folder: Path, number: int, strategy: str, selection: Selection, beside: str) -> Path:
    """Write a selection as a table with reasons, and as the seed's list of names; return the table's path.

    Beside them `request.json` keeps beside which labels it was chosen, and what the next commands need to be told.
    The list has no header by which to tell an earlier one from somebody's own: what was there is kept as `.bak`.
    """
    names = rows_text([file] for file in selection.files)
    path, listed = folder / REQUEST, folder / f"request_{number}.csv"
    picks = zip(selection.files, selection.scores.tolist(), selection.reasons, strict=True)
    rows = [(rank, file, f"{score:.6g}", strategy, reason) for rank, (file, score, reason) in enumerate(picks, 1)]
    if listed.is_file() and listed.read_bytes() != names.encode("utf-8", "surrogateescape"):
        keep_aside(listed)
    write_texts({listed: names, make_way_for_note(path): beside, path: table_text(REQUEST_COLUMNS, rows)})
    return path


def _known_of_old(folder: Path | None) -> dict[str, Any]:
    """Return what embeddings of earlier versions carry along: the folder of images alone."""
    return {} if folder is None else {"dataset_folder": folder}


def _strategy(config: SelectConfig) -> Strategy[Any]:
    if config.strategy_file is not None:
        return load_strategy_file(config.strategy_file, config.parameters)
    return create_strategy(config.strategy, config.parameters)


def _asked(requests: Sequence[Path], known: Collection[str], emit: Emit) -> set[str]:
    """Return the images of earlier requests, those that have their label by now among them."""
    found: set[str] = set()
    for path in requests:
        files = read_table(path).need(FILE_COLUMNS)
        strange = [file for file in files if file not in known]
        if strange and len(strange) == len(files):
            told = f"{strange[0]} and all its others are not among the embeddings"
            raise InputError(f"--asked {path}: {told}; name a request of the same dataset")
        if strange:
            told = f"{path}: {len(strange)} of its images are not among the embeddings, {strange[0]} first"
            emit(Said(message=told, level="warning"))
        found.update(files)
    return found


def _budget(config: SelectConfig, pool: Pool, emit: Emit) -> int:
    """Return how many images to request: those that are no copies, where as many as all others were asked for."""
    budget = config.budget or _paper_budget(pool, emit)
    return len(pool) if len(pool) < budget <= len(pool) + pool.copies else budget


def _paper_budget(pool: Pool, emit: Emit) -> int:
    images = len(pool.vectors)
    budget = min(len(pool), max(1, round(PAPER_RATIO * images)))
    asked = count(budget, "image")
    emit(Said(message=f"select: requesting {asked}, {PAPER_RATIO:.1%} of {images:,} as in the paper; --budget N"))
    return budget
