"""Running a function in several real processes that form a process group, as torchrun would start them."""

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp

from barlowmatch.distributed import process_group


def in_processes(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return what `work(rank, *arguments)` returns in each of `count` processes joined by gloo."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        mp.spawn(_enter, args=((count, port), Path(folder), work, arguments), nprocs=count)
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(count)]


def _enter(
    rank: int, place: tuple[int, int], folder: Path, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    count, port = place
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    torch.set_num_threads(1)
    with process_group(torch.device("cpu")):
        torch.save(work(rank, *arguments), folder / f"{rank}.pt")
