"""Decoded images where the network can reach them fastest."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MEMORY_SHARE = 0.4
"""Largest share of an accelerator's free memory that images may take."""


class ImageStore:
    """Gives batches of images by dataset row, from the accelerator's memory where all fit, else from the disk's cache.

    Args:
        array: images (N, 3, H, W) uint8, usually memory-mapped.
        device: where batches are wanted.
    """

    def __init__(self, array: NDArray[np.uint8], device: torch.device) -> None:
        self.device = device
        with warnings.catch_warnings():
            # The mapping is read-only and stays so: nothing writes through this tensor.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            images = torch.from_numpy(array)
        resident = device.type == "cuda" and array.nbytes < MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]
        self._images = images.to(device) if resident else images

    def take(self, rows: Tensor) -> Tensor:
        """Return the images of `rows` (B,) as (B, 3, H, W) uint8 on the device."""
        if self._images.device == self.device:
            return self._images[rows.to(self.device)]
        batch = self._images[rows]
        if self.device.type == "cuda":
            batch = batch.pin_memory()
        return batch.to(self.device, non_blocking=True)
