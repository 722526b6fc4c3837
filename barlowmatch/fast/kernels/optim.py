"""A step of LARS over all weights in three kernels, however many tensors they are.

Tensor by tensor and operation by operation, torch reads and writes fifteen numbers a weight; here they are seven: norms
read weight and gradient, the step reads both and the velocity, and writes weight and velocity.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from barlowmatch.machine.transfer import send

BLOCK = 1024
CHUNK = 16 * BLOCK
"""Numbers of one tensor that a program works on."""


def fits(*lists: Sequence[Tensor]) -> bool:
    """Say whether weights, gradients and velocities, in this order, are such that `step` can take them."""
    return all(_alike(*tensors) for tensors in zip(*lists, strict=True))


def step(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    velocities: Sequence[Tensor],
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
    eta: float,
    clip: bool,
    adapt: bool,
) -> None:
    """Make a step in place; see `optim.LARS` for the rule and the parameters."""
    device = weights[0].device
    tables = torch.tensor([[tensor.data_ptr() for tensor in tensors] for tensors in (weights, gradients, velocities)])
    chunks, tensors = _chunks(tuple(weight.numel() for weight in weights), device)
    pointers, count, programs = send(tables, device), len(weights), (len(chunks),)
    scales = torch.ones(count, device=device)
    if adapt:
        squares = torch.empty(2, len(chunks), device=device)
        _squares[programs](pointers, chunks, squares, count, len(chunks), weight_decay, CHUNK, BLOCK)
        _scales[(count,)](squares, tensors, scales, len(chunks), eta, lr, int(clip), BLOCK)
    _move[programs](pointers, chunks, scales, count, lr, weight_decay, momentum, CHUNK, BLOCK)


def _alike(*tensors: Tensor) -> bool:
    """Say whether tensors of one shape hold their numbers side by side, all in the same order."""
    layout = _layout(tuple(tensors[0].shape), tensors[0].stride())
    return layout is not None and all(
        tensor.dtype == torch.float32 and _layout(tuple(tensor.shape), tensor.stride()) == layout for tensor in tensors
    )


@lru_cache(maxsize=4096)
def _layout(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int] | None:
    """Return the dimensions in the order that they lie in memory, None where there are gaps.

    Dimensions of one place are left out: their strides mean nothing.
    """
    order = sorted((stride, number) for number, stride in enumerate(strides) if shape[number] > 1)
    expected = 1
    for stride, number in order:
        if stride != expected:
            return None
        expected *= shape[number]
    return [number for _, number in order]


@lru_cache(maxsize=8)
def _chunks(sizes: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Cut tensors into chunks.

    Returns:
        tensor, first number and end of each chunk (n, 3), and the first chunk and the end of each tensor's (N, 2).
    """
    chunks: list[tuple[int, int, int]] = []
    tensors: list[tuple[int, int]] = []
    for number, size in enumerate(sizes):
        first = len(chunks)
        chunks += [(number, start, min(start + CHUNK, size)) for start in range(0, size, CHUNK)]
        tensors.append((first, len(chunks)))
    return torch.tensor(chunks, device=device), torch.tensor(tensors, device=device)


@triton.jit
def _tensor(pointers, table, count, tensor):
    """Return where a tensor of a table begins."""
    return tl.load(pointers + table * count + tensor).to(tl.pointer_type(tl.float32))


@triton.jit
def _squares(pointers, chunks, squares, count, number, weight_decay, CHUNK: tl.constexpr, BLOCK: tl.constexpr):
    """Sum up the squares of a chunk's weights, and those of its gradients with the weight decay added."""
    chunk = tl.program_id(0)
    tensor, start = tl.load(chunks + 3 * chunk), tl.load(chunks + 3 * chunk + 1)
    end = tl.load(chunks + 3 * chunk + 2)
    weights, gradients = _tensor(pointers, 0, count, tensor), _tensor(pointers, 1, count, tensor)
    sizes = tl.zeros([BLOCK], tl.float32)
    lengths = tl.zeros([BLOCK], tl.float32)
    for first in range(0, CHUNK, BLOCK):
        places = start + first + tl.arange(0, BLOCK)
        weight = tl.load(weights + places, mask=places < end, other=0.0)
        update = tl.load(gradients + places, mask=places < end, other=0.0) + weight_decay * weight
        sizes += weight * weight
        lengths += update * update
    tl.store(squares + chunk, tl.sum(sizes))
    tl.store(squares + number + chunk, tl.sum(lengths))


@triton.jit
def _scales(squares, tensors, scales, number, eta, lr, clip, BLOCK: tl.constexpr):
    """Turn the sums of a tensor's chunks into what its update is scaled by."""
    tensor = tl.program_id(0)
    first, end = tl.load(tensors + 2 * tensor), tl.load(tensors + 2 * tensor + 1)
    sizes = tl.zeros([BLOCK], tl.float32)
    lengths = tl.zeros([BLOCK], tl.float32)
    for start in range(first, end, BLOCK):
        places = start + tl.arange(0, BLOCK)
        sizes += tl.load(squares + places, mask=places < end, other=0.0)
        lengths += tl.load(squares + number + places, mask=places < end, other=0.0)
    size, length = tl.sqrt(tl.sum(sizes)), tl.sqrt(tl.sum(lengths))
    trust = tl.where((size > 0.0) & (length > 0.0), eta * size / length, 1.0)
    tl.store(scales + tensor, tl.where(clip == 1, tl.minimum(trust / lr, 1.0), trust))


@triton.jit
def _move(pointers, chunks, scales, count, lr, weight_decay, momentum, CHUNK: tl.constexpr, BLOCK: tl.constexpr):
    """Add the scaled updates of a chunk to its velocity, and move its weights by that."""
    chunk = tl.program_id(0)
    tensor, start = tl.load(chunks + 3 * chunk), tl.load(chunks + 3 * chunk + 1)
    end = tl.load(chunks + 3 * chunk + 2)
    weights, gradients = _tensor(pointers, 0, count, tensor), _tensor(pointers, 1, count, tensor)
    velocities = _tensor(pointers, 2, count, tensor)
    scale = tl.load(scales + tensor)
    for first in range(0, CHUNK, BLOCK):
        places = start + first + tl.arange(0, BLOCK)
        inside = places < end
        weight = tl.load(weights + places, mask=inside, other=0.0)
        update = tl.load(gradients + places, mask=inside, other=0.0) + weight_decay * weight
        velocity = momentum * tl.load(velocities + places, mask=inside, other=0.0) + scale * update
        tl.store(velocities + places, velocity, mask=inside)
        tl.store(weights + places, weight - lr * velocity, mask=inside)
