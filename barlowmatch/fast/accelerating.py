"""A network taken to the ways of this package that are faster on the machine at hand."""

import torch
from torch import nn

from barlowmatch.fast import kernels, loops
from barlowmatch.fast.im2col import use_im2col
from barlowmatch.fast.processor import has_bfloat16_instructions, has_matrix_unit
from barlowmatch.fast.residual import fuse_norms
from barlowmatch.fast.winograd import use_winograd


def accelerate(network: nn.Module, device: torch.device, *, bfloat16: bool) -> None:
    """Have layers of a network compute in the ways of this package that are faster on a device.

    They take another class in place, one that inherits from theirs and computes the same but for rounding. So their
    parameters, buffers, hooks and all names stay, and who holds a layer holds the faster one; nothing is left of it in
    a layer itself, and copies are as fast. New layers in their places would have none of that, and could not stand in
    for the network itself. What asks for torch's own classes (`barlowmatch.models.folding`) has to come before.

    Args:
        network: on the device, channels_last.
        device: where it is.
        bfloat16: whether its matrix products and convolutions will run in bfloat16.
    """
    if device.type == "cpu" and loops.available():
        if not bfloat16:
            use_winograd(network)
        elif has_matrix_unit() or has_bfloat16_instructions():
            use_im2col(network)
        fuse_norms(network)
    elif kernels.available(device):
        fuse_norms(network)
