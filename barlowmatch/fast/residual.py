"""Residual networks whose batch norms, additions and ReLUs are computed together where there are passes for it."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from barlowmatch.fast import loops
from barlowmatch.fast.norms import Passes, norm_relu
from barlowmatch.fast.winograd import WinogradConvolution

LEAST_NUMBERS = 2**21
"""Of a batch's maps on a CPU, below which threads take longer to begin than the passes save."""


def fuse_norms(network: nn.Module) -> int:
    """Have ResNets and residual blocks in `network` compute their norms in few passes; return how many there are.

    In training, on a GPU, and on a CPU where maps are large; else they go on as they were. Parameters and their names
    stay what they are.
    """
    found = [module for module in network.modules() if isinstance(module, ResNet) or type(module) in _BLOCKS]
    for module in found:
        module.__class__ = _BLOCKS.get(type(module), FusedResNet)
    return len(found)


def has_fused_norms(network: nn.Module) -> bool:
    """Say whether `fuse_norms` found something in `network`."""
    return any(isinstance(module, FusedResNet) for module in network.modules())


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
        if isinstance(convolution, WinogradConvolution) and convolution.takes(values):
            return convolution.to_the_end(values, added, relu=relu)
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


def _shortcut(block: Any, values: Tensor) -> Tensor:
    """Return what a block adds to its result: what it was given, brought to its shape."""
    if block.downsample is None:
        return values
    convolution, norm = block.downsample
    return _convolve_norm_relu(convolution, norm, values, relu=False)


class FusedResNet(ResNet):  # type: ignore[misc]
    """A ResNet, of any depth and width, whose stem goes by few passes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings (N, D) of images (N, 3, H, W)."""
        values = _norm_relu_pool(self.bn1, self.conv1(x), self.maxpool)
        values = self.layer4(self.layer3(self.layer2(self.layer1(values))))
        result: Tensor = self.fc(self.avgpool(values).flatten(1))
        return result


class FusedBasicBlock(BasicBlock):  # type: ignore[misc]
    """A block of two convolutions that goes by few passes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of maps `x` (N, C, H, W)."""
        inner = _convolve_norm_relu(self.conv1, self.bn1, x)
        return _convolve_norm_relu(self.conv2, self.bn2, inner, _shortcut(self, x))


class FusedBottleneck(Bottleneck):  # type: ignore[misc]
    """A block of three convolutions that goes by few passes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of maps `x` (N, C, H, W)."""
        inner = _convolve_norm_relu(self.conv1, self.bn1, x)
        inner = _convolve_norm_relu(self.conv2, self.bn2, inner)
        return _convolve_norm_relu(self.conv3, self.bn3, inner, _shortcut(self, x))


_BLOCKS: dict[type[nn.Module], type[nn.Module]] = {BasicBlock: FusedBasicBlock, Bottleneck: FusedBottleneck}
