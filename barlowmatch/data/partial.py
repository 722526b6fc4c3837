"""Changing some images of a batch, without making the host wait for an accelerator.

Which images an operation touches is drawn on the CPU: the host knows it without asking the accelerator.
"""

from collections.abc import Callable

from torch import Tensor

from barlowmatch.machine.transfer import send


def change_some(images: Tensor, chosen: Tensor, operation: Callable[..., Tensor], *parameters: Tensor) -> None:
    """Replace the chosen images of a batch, in place, by what `operation(their images, *their parameters)` returns.

    Args:
        images: the batch (B, C, H, W).
        chosen: which images (B,) bool, on the CPU.
        operation: takes images (n, C, H, W) and a slice of each parameter, and returns images of the same shape.
        parameters: one value an image (B, …), on the CPU.
    """
    places = chosen.nonzero().squeeze(1)
    if len(places) == 0:
        return
    own = [send(values[places], images.device) for values in parameters]
    places = send(places, images.device)
    images.index_copy_(0, places, operation(images.index_select(0, places), *own))
