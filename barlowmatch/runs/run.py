"""A run from its start to its end, and what it leaves in its folder.

A run is a folder: `config.json`, `process.json`, `events.jsonl`, `log.txt`, `result.json`, `last.pt`, `best.pt`. One
process at a time has it (`runs.claims`). Its state is what its last event says and whether its process lives.
"""

import functools
import importlib.metadata
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from barlowmatch.command_line.outputs import check_output_file, check_output_folder
from barlowmatch.configs.shared import RunOptions
from barlowmatch.errors import InputError
from barlowmatch.events import (
    Console,
    Emit,
    Evaluated,
    Event,
    JsonLines,
    Progress,
    RunFinished,
    RunStarted,
    Said,
    fan_out,
    silent,
)
from barlowmatch.files import cannot_write, keep_aside, write_json
from barlowmatch.machine import launcher
from barlowmatch.processes import born
from barlowmatch.reporting import Report, reported
from barlowmatch.runs.claims import claimed
from barlowmatch.runs.config_changes import plain
from barlowmatch.runs.folders import Place
from barlowmatch.runs.names import CONFIG, EVENTS, JOB, LOG, PROCESS, RESULT
from barlowmatch.runs.traces import Traces

SCHEMA = 1
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "timm", "scikit-learn", "faiss-cpu")


@dataclass(frozen=True)
class Run:
    """An open run.

    Attributes:
        stage: name of the command.
        folder: the run folder.
        emit: reports to the run's files and to whoever started it.
        last_path: the latest checkpoint.
        best_path: the best model.
        description: what `config.json` says of the run.
    """

    stage: str
    folder: Path
    emit: Emit
    last_path: Path
    best_path: Path
    description: Mapping[str, Any] = field(default_factory=dict)


def process_age() -> float:
    """Return the seconds since this process started, imports included."""
    return time.time() - psutil.Process().create_time()


@contextmanager
def open_run(stage: str, config: RunOptions, place: Place, facts: Mapping[str, Any], emit: Emit) -> Iterator[Run]:
    """Open the run folder, and report the end however it comes.

    Args:
        stage: name of the command.
        config: its parameters.
        place: where the run lives.
        facts: what else `config.json` should hold (classes, dataset fingerprint).
        emit: who else listens.

    Raises:
        InputError: the folder cannot be written, or a live run has it.
    """
    described = _description(stage, config, facts)
    if not launcher.is_main():
        yield Run(stage, place.folder, silent, place.last_path, place.best_path, described)
        return
    tensorboard = [_tensorboard(place.folder)] if config.tensorboard else []
    _check_places(config, place)
    with claimed(place.folder) as made:
        traces = Traces(place.folder, made)
        report: Report | None = None
        try:
            with (
                _files(traces, described) as files,
                reported(stage, fan_out(emit, *files, *tensorboard)) as report,
            ):
                yield Run(stage, place.folder, report, place.last_path, place.best_path, described)
        except BaseException as error:
            if report is None or not report.begun:
                traces.undo(error)
            raise


@contextmanager
def _files(traces: Traces, described: Mapping[str, Any]) -> Iterator[tuple[Emit, Emit]]:
    """Let the folder say that a run lives in it, and yield who writes down what the run tells.

    The `config.json` of an earlier run stays until this one begins: it speaks of the checkpoints that are there.
    """
    folder = traces.folder
    with ExitStack() as stack:
        try:
            if not traces.of_earlier_run:
                write_json(folder / CONFIG, described)
            write_json(folder / PROCESS, _process())
            lines = JsonLines(folder / EVENTS)
            stack.callback(lines.close)
            log = (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace")
            stack.callback(_close, log)
        except OSError as error:
            raise InputError(cannot_write(folder, error)) from error
        yield lines, Console(log)


def _close(log: IO[str]) -> None:
    with suppress(OSError):  # a full disk is told by what stops the run
        log.close()


def _check_places(config: RunOptions, place: Place) -> None:
    """Refuse places that could not be written, by the flags that name them."""
    for flag, path in (
        ("--checkpoint-path", config.checkpoint_path),
        ("--best-path", getattr(config, "best_path", None)),
    ):
        if path is not None:
            check_output_file(flag, path, config.dataset_folder)
    if place.last_path.resolve() == place.best_path.resolve():
        raise InputError(f"--best-path {place.best_path}: is the latest checkpoint's; name another file")
    check_output_folder("--run-dir", place.folder, config.dataset_folder)


def start(run: Run, step: int) -> None:
    """Report that work begins at `step`; from now on the folder is this run's."""
    if launcher.is_main():
        write_json(run.folder / CONFIG, {**run.description, JOB: launcher.job()})
    run.emit(RunStarted(stage=run.stage, folder=str(run.folder), step=step))


def finish(run: Run, step: int, results: Mapping[str, Any]) -> None:
    """Write `result.json` and report the end; which classes are taken for which stands in the file only."""
    if launcher.is_main():
        write_json(run.folder / RESULT, results)
    run.emit(RunFinished(step=step, results=_without_confusion(results)))


def _without_confusion(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return results that fit a line of `events.jsonl` however many classes there are."""
    return {
        name: _without_confusion(value) if isinstance(value, Mapping) else value
        for name, value in results.items()
        if name != "confusion"
    }


def keep_old_results(run: Run) -> None:
    """Before a fresh start in a used place, keep result and checkpoints there as `.bak`, or the next number free."""
    for path in (run.folder / RESULT, run.last_path, run.best_path):
        if launcher.is_main() and path.is_file():
            backup = keep_aside(path)
            run.emit(Said(message=f"{path}: existed; kept as {backup.name}, this run starts afresh"))


def _description(stage: str, config: RunOptions, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "stage": stage,
        "config": plain(config),
        "seed": config.seed,
        **facts,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "start_time": born(os.getpid()), "nonce": secrets.token_hex(8)}


def _tensorboard(folder: Path) -> Emit:
    """Return a listener that writes TensorBoard's format; its files are made with the first figure."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("--tensorboard: needs the tensorboard package; pip install tensorboard") from error

    @functools.cache
    def writer() -> Any:
        return SummaryWriter(str(folder / "tensorboard"))

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.metrics:
            for name, value in event.metrics.items():
                writer().add_scalar(name, value, event.done)
        if isinstance(event, Evaluated):
            for name, value in event.metrics.items():
                writer().add_scalar(f"{event.split}/{name}", value, event.step)

    return listen
