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
from torch.nn.modules.batchnorm import _BatchNorm

from barlowmatch import launcher

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
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()


def share(count: int) -> slice:
    """Return this process's contiguous part of `count` things; the parts differ by one at most."""
    size, place = world_size(), rank()
    small, larger = divmod(count, size)
    start = place * small + min(place, larger)
    return slice(start, start + small + (place < larger))


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, tensor: Tensor) -> Tensor:
        total = tensor.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


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


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the whole batch of all processes; torch's own refuses the CPU.

    Mean and variance come from two passes of differentiable sums, so uneven shares of a batch are right.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dimensions, got {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise `input` (N, C, …)."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        values = input if input.dtype == torch.float64 else input.float()
        count = all_reduce_sum(values.new_full((), float(values.numel() // values.shape[1])))
        mean = all_reduce_sum(values.sum(axes)) / count
        centred = values - mean.view(shape)
        variance = all_reduce_sum((centred * centred).sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        normalised = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised.to(input.dtype)

    def _remember(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), momentum)


def synchronise_batch_norm(module: nn.Module) -> None:
    """Make every batch norm in `module` one over all processes; with one process leave it as it is.

    Only the way forward changes: parameters, statistics and their names stay, so checkpoints are the same.
    """
    if world_size() == 1:
        return
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.__class__ = SyncBatchNorm
