"""Checkpoints: one file of tensors and plain values, written whole and read without trust.

Layout (schema 1): `schema, stage, config, classes, architecture, backbone, projector?, classifier?, ema?, optimizer?,
task?, step, total_steps, planned, best?, metrics, started?, dataset, val_was_drawn, pixels, autocast`. The sampler's
position is the step: every batch and every random choice is a function of (seed, step), so nothing else needs to be
kept. Those of the best model hold what is used of it: no average beside it, no optimizer, no state of the task.
"""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from barlowmatch.command_line.inputs import need_checkpoint
from barlowmatch.errors import ForeignFileError, InputError
from barlowmatch.files import whole_file

SCHEMA = 1

Checkpoint = dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`; the file there before stays until the new one is durable.

    Raises:
        InputError: the folder cannot be written or the disk is full.
    """
    with whole_file(path) as partial, partial.open("wb") as file:
        try:
            torch.save({"schema": SCHEMA, **checkpoint}, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # closing its archive, torch complains of what was not written
                raise error.__context__ from None
            raise


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        ForeignFileError: it holds something else than a checkpoint of ours.
        InputError: no such file, damaged, of a newer version, or one that declares tensors larger than itself.
    """
    content = load_plain(path)
    if not isinstance(content, dict) or "schema" not in content or "backbone" not in content:
        raise ForeignFileError(
            f"{path}: not a BarlowMatch checkpoint; weights of other software are given by --weights"
        )
    if not isinstance(content["schema"], int) or content["schema"] > SCHEMA:
        raise InputError(f"{path}: written by a newer version (schema {content['schema']}); update BarlowMatch")
    return content


def load_plain(path: Path) -> Any:
    """Read a file of `torch.save` that holds tensors and plain values only; code in it is never run.

    Raises:
        InputError: missing, damaged, holding anything else, tensors that are not dense, or more than the file can hold.
    """
    need_checkpoint(path)
    try:
        if zipfile.is_zipfile(path):
            _check_archive(path)
        elif not _begins_as_saved(path):
            raise InputError(f"{path}: not a checkpoint or damaged (it does not begin as a file of torch.save does)")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "weights_only" in str(error).lower() or "Unsupported" in str(error):
            raise InputError(
                f"{path}: holds more than tensors and plain values and was not run; save weights only"
            ) from error
        raise InputError(f"{path}: not a checkpoint or damaged ({first[:120]})") from error
    _check_tensors(path, content)
    return content


def content_hash(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _begins_as_saved(path: Path) -> bool:
    """Tell whether a file that is no whole archive may be one of torch.save: an archive cut short, or a bare pickle.

    Of anything else torch would say that its code may be unsafe, which sends a person the wrong way.
    """
    with path.open("rb") as file:
        return file.read(2).startswith((b"PK", b"\x80"))


def _check_archive(path: Path) -> None:
    """Refuse compressed members: torch.save stores them, and a small deflated file may expand without end."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise InputError(f"{path}: holds compressed data ({member.filename}), which torch.save never writes")


def _check_tensors(path: Path, content: Any) -> None:
    """Refuse tensors that are not dense or claim more than the file holds, before anything reads them.

    Two tricks are known: strides that repeat a small storage, and a storage declared longer than its record.
    """
    storages: dict[int, int] = {}
    for tensor in _tensors(content):
        kind = _unusual_kind(tensor)
        if kind is not None:
            raise InputError(f"{path}: holds a tensor that is {kind}; save dense ones")
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        if tensor.numel() * tensor.element_size() > storage.nbytes():
            raise InputError(
                f"{path}: a tensor declares {tensor.numel():,} values and holds {storage.nbytes():,} bytes"
            )
    size = path.stat().st_size
    if sum(storages.values()) > size:
        raise InputError(f"{path}: declares {sum(storages.values()):,} bytes of tensors in a file of {size:,}")


def _unusual_kind(tensor: torch.Tensor) -> str | None:
    """Return what a tensor is that is not simply values in the memory of the CPU, None for one that is."""
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return str(tensor.layout).removeprefix("torch.")
    if tensor.is_quantized:
        return "quantized"
    return None if tensor.device.type == "cpu" else tensor.device.type


def _tensors(content: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors of plain values, however deep these are, and if they hold themselves."""
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))  # stays its own: `content` keeps it alive
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple, set)):
            waiting += value
