"""The memory that a training step's activations take: measured ahead, recomputed where they do not fit.

Recomputing (Chen et al. 2016, 1604.06174) keeps the input of each block alone and runs the block once more when its
gradient is wanted: about a third more work for a fraction of the memory, and the same numbers. A smaller batch would
change what batch norm and the loss compute.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import psutil
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from barlowmatch.errors import InputError
from barlowmatch.machine import distributed
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Network

MEMORY_SHARE = 0.8
"""Share of the device's free memory that activations may take."""
_FEW, _MORE = 2, 6


def bound_activations(
    network: Network, images: int, compute: Compute, wish: Literal["auto", "keep", "recompute"]
) -> int:
    """Have the backbone recompute its activations as wished, by itself where those of `images` images do not fit.

    All processes of a run do the same. Returns how many blocks recompute, 0 where activations are kept.
    """
    if wish == "keep" or (wish == "auto" and distributed.from_main(activations_fit(network, images, compute))):
        return 0
    return recompute_blocks(network.backbone)


def activations_fit(network: Network, images: int, compute: Compute) -> bool:
    """Say whether the activations of a step over `images` images fit the device's free memory."""
    needed = images * activation_bytes(network, compute)
    weights = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    return needed + 3 * weights <= MEMORY_SHARE * _free(compute.device)  # gradients, momentum, average


def activation_bytes(network: Network, compute: Compute) -> float:
    """Return the bytes that the backbone keeps of each image for the way back, measured on a handful of them.

    The difference of two passes leaves out what does not grow with the batch.
    """
    few, more = (_kept_bytes(network, count, compute) for count in (_FEW, _MORE))
    return (more - few) / (_MORE - _FEW)


def recompute_blocks(backbone: nn.Module) -> int:
    """Have each block of `backbone` forget its activations and compute them again; return how many blocks there are.

    Where there are no sequences of blocks, as in timm's RegNets, its stages are taken.
    """
    found = blocks(backbone) or [part for part in backbone.children() if next(part.children(), None) is not None]
    for block in found:
        # Blocks are of any library's class: a subclass for each could not be pickled, and a module around one would
        # change the names of its weights.
        block.forward = partial(_recomputed, block, block.forward)
    return len(found)


def blocks(backbone: nn.Module) -> list[nn.Module]:
    """Return the parts that a backbone runs one after the other: what its sequences hold, the outermost there are."""
    found: list[nn.Module] = []
    for child in backbone.children():
        if isinstance(child, (nn.Sequential, nn.ModuleList)):
            inner = blocks(child)
            found += inner or [child]
        elif isinstance(backbone, (nn.Sequential, nn.ModuleList)) and next(child.children(), None) is not None:
            found.append(child)
    return found or [block for child in backbone.children() for block in blocks(child)]


def _recomputed(block: nn.Module, forward: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
    if not (block.training and torch.is_grad_enabled()):
        return forward(*inputs, **named)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=partial(_contexts, block), **named)


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    return nullcontext(), statistics_kept(block)


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Run batch norms in training without taking the batch into their running statistics."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)


def _kept_bytes(network: Network, count: int, compute: Compute) -> int:
    """Return the bytes kept for the way back of `count` images; a block that recomputes keeps its input."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # the tensor itself, where it is an output, would keep the graph alive for ever

    size = network.architecture.image_size
    images = torch.zeros(count, 3, size, size, dtype=compute.dtype, device=compute.device)
    was_training = network.training
    network.train()
    with statistics_kept(network), compute.context(), saved_tensors_hooks(keep, lambda tensor: tensor):
        embeddings = network.embed(images)
    network.train(was_training)
    del embeddings
    return sum(kept.values())


def _free(device: torch.device, groups: Path = Path("/sys/fs/cgroup")) -> float:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _left_in_container(groups))


def _left_in_container(groups: Path) -> float:
    """Return the bytes that the control group (v2, else v1) still grants; pages of files are given back when asked."""
    for folder, limit, used in (
        (groups, "memory.max", "memory.current"),
        (groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError, KeyError):  # there is no such group, or no limit ("max")
            pages = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            given_back = int(pages["active_file"]) + int(pages["inactive_file"])
            return int((folder / limit).read_text()) - int((folder / used).read_text()) + given_back
    return math.inf


_OUT_OF_MEMORY = ("can't allocate memory", "MPS backend out of memory")


@contextmanager
def memory_advice(step: int, device: torch.device) -> Iterator[None]:
    """Turn running out of memory in a step into advice.

    Raises:
        InputError: the step ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:
        said = str(error)  # CPUs and the GPUs of Macs have no exception of their own for it
        if not isinstance(error, torch.OutOfMemoryError) and not any(words in said for words in _OUT_OF_MEMORY):
            raise
        raise InputError(
            f"step {step}: out of memory on {device}; try --activation-memory recompute, several processes (torchrun), "
            "a smaller --image-size or --backbone, and last a smaller --batch-size, which changes what is learned"
        ) from error
