"""On what to compute and in which arithmetic."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from barlowmatch.configs.shared import ComputeOptions
from barlowmatch.data.workers import cores
from barlowmatch.errors import InputError
from barlowmatch.fast import kernels, loops
from barlowmatch.fast.accelerating import accelerate
from barlowmatch.fast.allocator import keep_freed_memory
from barlowmatch.fast.processor import emulates_bfloat16, has_matrix_unit
from barlowmatch.machine import distributed, launcher

WORTHWHILE = 1.15
"""bfloat16 is taken when it is at least this many times as fast as float32."""


@dataclass(frozen=True)
class Compute:
    """A device and an arithmetic.

    Attributes:
        device: where tensors live.
        dtype: of weights and statistics: float32, or float64 for exact comparisons.
        autocast: whether matrix products and convolutions run in bfloat16.
        loops: whether, on a CPU, convolutions and norms may be computed in ways of our own that suit it better.
    """

    device: torch.device
    dtype: torch.dtype
    autocast: bool
    loops: bool = False

    def context(self) -> AbstractContextManager[object]:
        """Return the context the forward pass runs in."""
        if not self.autocast:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def as_before(self, checkpoint: Mapping[str, Any] | None) -> "Compute":
        """Return the arithmetic that a resumed run began in: timed anew, `auto` might choose the other one."""
        if checkpoint is None or "autocast" not in checkpoint:
            return self
        return replace(self, autocast=checkpoint["autocast"])

    def prepare(self, network: nn.Module) -> None:
        """Move a network here, in the memory layout and to the ways that it is computed fastest in."""
        network.to(device=self.device, dtype=self.dtype)
        network.to(memory_format=torch.channels_last)
        if self.loops or self.device.type != "cpu":
            accelerate(network, self.device, bfloat16=self.autocast)

    def __str__(self) -> str:
        words = f"{self.device}, {'bfloat16' if self.autocast else str(self.dtype).removeprefix('torch.')}"
        why_not = kernels.why_not(self.device) if self.device.type == "cuda" else None
        return words if why_not is None else f"{words}; slower, as no kernels of our own can be built here: {why_not}"


@contextmanager
def computing(options: ComputeOptions) -> Iterator[Compute]:
    """Join the other processes for the duration of a run and yield what all of them compute in.

    Raises:
        InputError: no such device here.
    """
    chosen = choose_compute(options)
    with distributed.process_group(chosen.device):
        yield replace(chosen, autocast=distributed.from_main(chosen.autocast))


def choose_compute(options: ComputeOptions) -> Compute:
    """Return the device and arithmetic that the options ask for.

    Raises:
        InputError: no such device here, or one without the arithmetic.
    """
    threads = _choose_threads(options.threads)
    if threads is not None:
        torch.set_num_threads(threads)
    device = _choose_device(options.device, exact=options.precision == "float64")
    if device.type == "cpu":
        keep_freed_memory()
    if options.precision == "float64":
        return Compute(device, torch.float64, autocast=False)
    if options.precision == "float32":
        return Compute(device, torch.float32, autocast=False)  # by torch's own operations, to compare with
    by_loops = device.type == "cpu" and loops.available()
    autocast = options.precision == "bfloat16" or bfloat16_pays(device, by_loops)
    return Compute(device, torch.float32, autocast=autocast, loops=by_loops)


def _choose_threads(asked: int | None) -> int | None:
    """Return how many threads to set, None for torch's choice: all cores, or what OMP_NUM_THREADS says."""
    # torchrun sets OMP_NUM_THREADS to 1 unless the user set it, and leaves the other cores idle.
    if asked is None and launcher.is_one_of_several() and os.environ.get("OMP_NUM_THREADS", "1") == "1":
        return max(1, cores() // launcher.local_count())
    return asked


def _choose_device(name: str, *, exact: bool) -> torch.device:
    if name == "auto":
        mps = torch.backends.mps.is_available() and not exact
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if exact and name.startswith("mps"):
        raise InputError(f"--precision float64: --device {name} has no such arithmetic; use --device cpu")
    if name == "cuda":
        name = f"cuda:{launcher.local_rank()}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}: not available here; use --device auto or cpu") from error
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True  # all batches of a run have the same shape
    return device


def bfloat16_pays(device: torch.device, by_loops: bool) -> bool:
    """Say whether a convolution forward and backward is clearly faster in bfloat16 here, by timing a small one.

    Where a processor has a matrix unit (AMX) it is, several times, and the seconds of timing are saved.

    Args:
        device: where it would run.
        by_loops: whether the one in float32 would go by compiled loops.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or emulates_bfloat16():
        return False
    if has_matrix_unit():
        return True
    layers = {
        autocast: nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last) for autocast in (False, True)
    }
    if by_loops:
        accelerate(layers[False], device, bfloat16=False)
    images = torch.randn(32, 64, 32, 32).contiguous(memory_format=torch.channels_last)
    times = {False: float("inf"), True: float("inf")}
    for attempt in range(4):
        for autocast in (False, True):
            elapsed = _timed(layers[autocast], images, autocast)
            if attempt:  # the first pass compiles kernels
                times[autocast] = min(times[autocast], elapsed)
    return times[False] > WORTHWHILE * times[True]


def _timed(layer: nn.Module, images: Tensor, autocast: bool) -> float:
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        layer(images).float().square().mean().backward()
    layer.zero_grad()
    return time.perf_counter() - start
