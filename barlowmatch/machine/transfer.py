"""Moving small tensors to an accelerator without making the host wait for it."""

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """Return values drawn on the CPU on `device`; through pinned memory, else the copy would wait for the device."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)
