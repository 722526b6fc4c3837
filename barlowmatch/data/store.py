"""Decoded images where the network can reach them fastest."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from barlowmatch.data.lazy import LazyImages
from barlowmatch.machine.transfer import send

BLOCK = 4096
"""Images moved to an accelerator at a time."""
MEMORY_SHARE = 0.4
"""Largest share of an accelerator's free memory that images may take."""


class ImageStore:
    """Gives batches of images by dataset row, from the accelerator's memory where all fit, else from the disk's cache.

    Args:
        images: (N, 3, H, W) uint8: an array, usually memory-mapped, or images decoded when they are asked for.
        device: where batches are wanted.
    """

    def __init__(self, images: NDArray[np.uint8] | LazyImages, device: torch.device) -> None:
        self.device = device
        resident = device.type == "cuda" and images.nbytes < MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]
        self._resident = _moved(images, device) if resident else None
        self._images = images

    def take(self, rows: Tensor) -> Tensor:
        """Return the images of `rows` (B,) as (B, 3, H, W) uint8 on the device."""
        if self._resident is not None:
            return self._resident[send(rows, self.device)]
        return send(torch.from_numpy(self._images[rows.numpy()]), self.device)


def _moved(images: NDArray[np.uint8] | LazyImages, device: torch.device) -> Tensor:
    """Return all images on `device`, moved a block at a time."""
    result = torch.empty(images.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(images), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(images)))
        result[start : start + BLOCK] = torch.from_numpy(images[rows]).to(device)
    return result
