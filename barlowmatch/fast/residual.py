"""Residual networks whose batch norms, additions and ReLUs are computed together where there are passes for it."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from barlowmatch.fast import loops
from barlowmatch.fast.norms import Passes, norm_relu
from barlowmatch.fast.winograd import convolve_to_the_end, goes_by_winograd

LEAST_NUMBERS = 2**21
"""Of a batch's maps on a CPU, below which threads take longer to begin than the passes save."""


def fuse_norms(network: nn.Module) -> int:
    """Have ResNets and residual blocks in `network` compute their norms in few passes; return how many there are.

    In training, on a GPU, and on a CPU where maps are large; else they go on as they were. Parameters and their names
    stay what they are.
    """
    count = 0
    for module in network.modules():
        if isinstance(module, ResNet):
            module._forward_impl = partial(_resnet, module)
        elif type(module) in _BLOCKS:
            module.forward = partial(_BLOCKS[type(module)], module)
        else:
            continue
        count += 1
    return count


def has_fused_norms(network: nn.Module) -> bool:
    """Say whether `fuse_norms` found something in `network`."""
    return any(isinstance(module, ResNet) and "_forward_impl" in vars(module) for module in network.modules())


def _norm_relu(norm: nn.Module, values: Tensor, added: Tensor | None = None, *, relu: bool = True) -> Tensor:
    """Return relu(norm(values) + added)."""
    passes = _passes(norm, values)
    if passes is not None:
        return norm_relu(passes, norm, values, added, relu=relu)  # type: ignore[arg-type]
    result: Tensor = norm(values)
    if added is not None:
        result = result + added
    return F.relu(result, inplace=True) if relu else result


def _convolve_norm_relu(
    convolution: Any, norm: nn.Module, values: Tensor, added: Tensor | None = None, *, relu: bool = True
) -> Tensor:
    """Return relu(norm(convolution(values)) + added)."""
    if _is_folded(norm, values):
        if goes_by_winograd(convolution, values):
            return convolve_to_the_end(convolution, values, added, relu=relu)
        from barlowmatch.fast.loops.norms import add_and_cut

        return add_and_cut(convolution(values), added, relu)
    return _norm_relu(norm, convolution(values), added, relu=relu)


def _is_folded(norm: nn.Module, values: Tensor) -> bool:
    """Say whether a norm is part of the convolution before it, and there are loops for what comes after them."""
    if type(norm) is not nn.Identity or torch.is_grad_enabled() or not loops.available():
        return False
    return values.is_cpu and values.dtype in (torch.float32, torch.bfloat16)


def _norm_relu_pool(norm: nn.Module, values: Tensor, pool: nn.Module) -> Tensor:
    """Return pool(relu(norm(values)))."""
    if _is_usual(pool) and _passes(norm, values) is not None and values.is_cpu:
        from barlowmatch.fast.loops.pooled_norms import norm_relu_pool

        return norm_relu_pool(norm, values)  # type: ignore[arg-type]
    result: Tensor = pool(_norm_relu(norm, values))
    return result


def _is_usual(pool: nn.Module) -> bool:
    """Say whether a pool is the one that ResNets have in their stem."""
    if type(pool) is not nn.MaxPool2d or pool.ceil_mode or pool.return_indices:
        return False
    return (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == (3, 2, 1, 1)


def _passes(norm: nn.Module, values: Tensor) -> Passes | None:
    """Return the passes that know this norm and these values: a batch norm in training, of one process."""
    plain = (
        norm.training
        and type(norm) is nn.BatchNorm2d
        and norm.momentum is not None
        and norm.weight is not None
        and norm.running_mean is not None
        and values.numel() > values.shape[1]  # one value a channel: torch says what is wrong with it
        and values.dtype in (torch.float32, torch.bfloat16)
    )
    if plain and values.is_cuda:
        from barlowmatch.fast.kernels import norms as kernels

        return kernels
    if plain and values.is_cpu and values.numel() >= LEAST_NUMBERS and loops.available():
        from barlowmatch.fast.loops import norms

        return norms
    return None


def _resnet(network: ResNet, images: Tensor) -> Tensor:
    values = _norm_relu_pool(network.bn1, network.conv1(images), network.maxpool)
    values = network.layer4(network.layer3(network.layer2(network.layer1(values))))
    result: Tensor = network.fc(network.avgpool(values).flatten(1))
    return result


def _basic_block(block: Any, values: Tensor) -> Tensor:
    inner = _convolve_norm_relu(block.conv1, block.bn1, values)
    return _convolve_norm_relu(block.conv2, block.bn2, inner, _shortcut(block, values))


def _bottleneck(block: Any, values: Tensor) -> Tensor:
    inner = _convolve_norm_relu(block.conv1, block.bn1, values)
    inner = _convolve_norm_relu(block.conv2, block.bn2, inner)
    return _convolve_norm_relu(block.conv3, block.bn3, inner, _shortcut(block, values))


def _shortcut(block: Any, values: Tensor) -> Tensor:
    """Return what a block adds to its result: what it was given, brought to its shape."""
    if block.downsample is None:
        return values
    convolution, norm = block.downsample
    return _convolve_norm_relu(convolution, norm, values, relu=False)


_BLOCKS = {BasicBlock: _basic_block, Bottleneck: _bottleneck}
