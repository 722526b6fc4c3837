"""Resampling a batch, each image with its own geometry.

Crop, resize and flip of an image are two matrices: out = Y · image · Xᵀ. Their rows hold Pillow's antialiased filter,
so the result is Pillow's, at the speed of a matrix product. A Gaussian blur is two banded matrices likewise. What is
not separable (rotation, shear) is sampled on a grid.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Filter = tuple[Callable[[Tensor], Tensor], float]


def _bilinear(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp_min(0)


def _bicubic(distance: Tensor) -> Tensor:
    """Return Keys' cubic with a = −1/2, as Pillow uses it."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


BILINEAR: Filter = (_bilinear, 1.0)
BICUBIC: Filter = (_bicubic, 2.0)


def resize_matrix(start: Tensor, length: Tensor, size: int, out: int, kernel: Filter) -> Tensor:
    """Return the matrices (B, out, size) that resize the part [start, start + length) of a line of `size` pixels.

    As in Pillow, the filter widens when the line shrinks (antialiasing), and pixels outside the part do not count.

    Args:
        start: first pixel of the part (B,), whole numbers.
        length: pixels of the part (B,), whole numbers.
        size: pixels of the line.
        out: pixels wanted.
        kernel: filter and its support.
    """
    function, support = kernel
    start, length = start.view(-1, 1, 1).float(), length.view(-1, 1, 1).float()
    scale = length / out
    wide = scale.clamp_min(1)
    centre = start + (torch.arange(out, device=start.device).view(1, -1, 1) + 0.5) * scale
    pixel = torch.arange(size, device=start.device).view(1, 1, -1)
    # Pillow rounds the bounds of the support to whole pixels.
    first = torch.maximum(start, torch.floor(centre - support * wide + 0.5))
    last = torch.minimum(start + length, torch.floor(centre + support * wide + 0.5))
    weights = function((pixel + 0.5 - centre) / wide) * ((pixel >= first) & (pixel < last))
    return weights / weights.sum(2, keepdim=True)


def blur_matrix(sigma: Tensor, size: int) -> Tensor:
    """Return the matrices (B, size, size) that blur a line by a Gaussian of `sigma` (B,) pixels, mirrored at the ends."""
    radius = min(size - 1, int(torch.ceil(3 * sigma.max()).item()) if sigma.numel() else 1)
    offsets = torch.arange(-radius, radius + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (offsets / sigma.view(-1, 1)).square())
    weights = weights / weights.sum(1, keepdim=True)
    places = torch.arange(size, device=sigma.device).view(-1, 1) + offsets
    places = places.abs()
    places = torch.where(places >= size, 2 * (size - 1) - places, places)
    matrix = torch.zeros(len(sigma), size, size, device=sigma.device)
    return matrix.scatter_add_(2, places.expand(len(sigma), -1, -1), weights[:, None].expand(-1, size, -1))


def apply_lines(images: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Return vertical · image · horizontalᵀ for each channel: (B, C, H, W) → (B, C, out, out)."""
    count, channels, height, width = images.shape
    rows = torch.bmm(images.reshape(count, channels * height, width), horizontal.transpose(1, 2))
    columns = rows.view(count, channels, height, -1).transpose(1, 2).reshape(count, height, -1)
    result = torch.bmm(vertical, columns)
    return result.view(count, vertical.shape[1], channels, -1).transpose(1, 2)


def affine(images: Tensor, matrix: Tensor, fill: float = 0.5) -> Tensor:
    """Sample images (B, C, H, W) at `matrix` (B, 2, 3) applied to output pixels, in pixels from the centre.

    Places outside the image are filled with grey.
    """
    size = torch.tensor([images.shape[3], images.shape[2]], device=images.device, dtype=images.dtype)
    # affine_grid wants coordinates from −1 to 1; ours are pixels from the centre.
    linear = matrix[:, :, :2] * (size.view(1, 1, 2) / size.view(1, 2, 1))
    shift = matrix[:, :, 2:] * 2 / size.view(1, 2, 1)
    grid = F.affine_grid(torch.cat([linear, shift], 2).to(images.dtype), list(images.shape), align_corners=False)
    return F.grid_sample(images - fill, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + fill
