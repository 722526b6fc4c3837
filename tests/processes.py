"""Running a function in several real processes that form a process group, as torchrun would start them."""

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp

from barlowmatch.machine.distributed import process_group


def in_processes(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return what `work(rank, *arguments)` returns in each of `count` processes joined by gloo."""
    with tempfile.TemporaryDirectory() as folder:
        place = (count, free_port())
        mp.start_processes(_enter, (place, Path(folder), work, arguments), count, start_method="forkserver")
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=False) for rank in range(count)]


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def rank_variables(rank: int, count: int, port: int) -> dict[str, str]:
    """Return what torchrun tells each process of one machine in its environment."""
    return {
        "RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip


def _enter(
    rank: int, place: tuple[int, int], folder: Path, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    os.environ |= rank_variables(rank, *place)
    torch.set_num_threads(1)
    with process_group(torch.device("cpu")):
        torch.save(work(rank, *arguments), folder / f"{rank}.pt")
