"""What differs under torchrun, and nothing else.

Convention: every process computes a loss whose mean over the processes is the global loss; gradients are averaged.
Sums over processes are differentiable, so a loss may depend on statistics of the whole batch. With one process every
function here is the identity and costs nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from barlowmatch.machine import launcher

PATIENCE = timedelta(hours=6)
"""How long processes wait for each other: one node may still be decoding millions of images when another is done.
A process that dies is noticed by torchrun, at once."""


def world_size() -> int:
    """Return how many processes work on the run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this is, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the other processes for the duration of a run; nothing happens without a launcher."""
    if not launcher.is_one_of_several():
        yield
        return
    store, place, count = next(rendezvous("env://", timeout=PATIENCE))
    if launcher.local_count() == count:
        # torchrun keeps one store over its restarts, and in it the addresses of processes that were lost. Several
        # machines count restarts each for itself: there an environment variable helps (docs/scaling.md).
        store = PrefixStore(f"restart {launcher.restarts()}", store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=place, world_size=count, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()


def own_part(count: int) -> slice:
    """Return this process's contiguous part of `count` things; the parts differ by one at most."""
    size, place = world_size(), rank()
    small, larger = divmod(count, size)
    start = place * small + min(place, larger)
    return slice(start, start + small + (place < larger))


def all_gather(tensor: Tensor) -> Tensor:
    """Return the processes' tensors, equal in shape, along a new first axis; no gradient flows through it."""
    parts = tensor.new_zeros(world_size(), *tensor.shape)
    parts[rank()] = tensor
    dist.all_reduce(parts)  # gloo has no gathering of an accelerator's tensors
    return parts


def all_reduce(tensor: Tensor) -> Tensor:
    """Return the sum of `tensor` over the processes, of which there are several; no gradient flows through it."""
    total = tensor.contiguous().clone()
    dist.all_reduce(total)
    return total


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, tensor: Tensor) -> Tensor:
        return all_reduce(tensor)

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        return all_reduce(gradients[0])


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Return the sum of `tensor` over the processes; its gradient is the sum of the processes' gradients."""
    if world_size() == 1:
        return tensor
    result: Tensor = _AllReduceSum.apply(tensor)
    return result


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one exchange per kind of number.

    Parameters without a gradient anywhere stay without one; the processes run the same code, so they agree on which.
    """
    if world_size() == 1:
        return
    by_type: dict[torch.dtype, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            by_type.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for gradients in by_type.values():
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= world_size()
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, part in zip(gradients, torch.split(flat, sizes), strict=True):
            gradient.copy_(part.view_as(gradient))


def any_process(conditions: tuple[bool, ...], device: torch.device) -> tuple[bool, ...]:
    """Say of each condition whether it holds in any process: all of them then act alike (stop, write a checkpoint)."""
    if world_size() == 1:
        return conditions
    flags = torch.tensor(conditions, dtype=torch.float32, device=device)
    dist.all_reduce(flags, op=dist.ReduceOp.MAX)
    return tuple(bool(flag) for flag in flags.tolist())


def from_main(value: Any) -> Any:
    """Return the main process's `value` (a plain picklable one) in every process."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
