"""Resampling a batch, each image with its own geometry.

Crop and resize of an image are two matrices, out = Y · image · Xᵀ, whose rows hold Pillow's antialiased filter: what
Pillow computes, at the speed of a matrix product, which is what accelerators are good at; where there is Triton, a
kernel does it without making the matrices (`barlowmatch.fast.kernels`), and a blur too. On the CPU torch's own port of
Pillow's integer kernel, image by image, is several times as fast above 32 px, and a compiled loop
(`barlowmatch.fast.loops`) blurs. What is not separable (rotation, shear) is sampled on a grid.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.fast import kernels, loops
from barlowmatch.machine.transfer import send

BLUR_RADIUS = 8
"""Pixels a blur reaches: four standard deviations of the widest."""


def crop_and_resize(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Bring a part of each image to `size` by Pillow's bicubic filter.

    Args:
        images: uint8 (B, 3, H, H).
        boxes: top, left, height and width of the parts in px (B, 4), int64 on the CPU.
        size: side of the result in px.

    Returns:
        Images (B, 3, size, size), float32 in [0, 1].
    """
    if images.device.type == "cpu":
        return _crop_and_resize_each(images, boxes, size)
    if kernels.available(images.device):
        from barlowmatch.fast.kernels import resampling

        return resampling.crop_and_resize(images, boxes, size)
    return _crop_and_resize_at_once(images, boxes, size)


def _crop_and_resize_at_once(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    boxes = send(boxes, images.device)
    vertical, horizontal = bicubic_matrix(boxes[:, :2], boxes[:, 2:], images.shape[2], size).unbind(1)
    return apply_lines(images.float().div_(255), vertical, horizontal)


def _crop_and_resize_each(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    result = images.new_empty(len(images), images.shape[1], size, size)
    for place, (top, left, height, width) in enumerate(boxes.tolist()):
        part = images[place : place + 1, :, top : top + height, left : left + width]
        result[place] = F.interpolate(part, (size, size), mode="bicubic", antialias=True)[0]
    return result.float().div_(255)


def bicubic_matrix(start: Tensor, length: Tensor, size: int, out: int) -> Tensor:
    """Return the matrices (…, out, size) that resize the part [start, start + length) of a line of `size` pixels.

    As in Pillow, the filter (Keys' cubic, a = −1/2) widens when the line shrinks, and pixels outside the part do not
    count.

    Args:
        start: first pixel of the part (…), whole numbers.
        length: pixels of the part (…), whole numbers.
        size: pixels of the line.
        out: pixels wanted.
    """
    start, length = start[..., None, None].float(), length[..., None, None].float()
    scale = length / out
    wide = scale.clamp_min(1)
    centre = start + (torch.arange(out, device=start.device).unsqueeze(1) + 0.5) * scale
    pixel = torch.arange(size, device=start.device)
    # Pillow rounds the bounds of the support to whole pixels.
    first = torch.maximum(start, torch.floor(centre - 2 * wide + 0.5))
    last = torch.minimum(start + length, torch.floor(centre + 2 * wide + 0.5))
    weights = _cubic((pixel + 0.5 - centre) / wide) * ((pixel >= first) & (pixel < last))
    return weights / weights.sum(-1, keepdim=True)


def _cubic(distance: Tensor) -> Tensor:
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def apply_lines(images: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Return vertical · image · horizontalᵀ for each channel: (B, C, H, W) → (B, C, out, out), kept in [0, 1].

    Overshoot is cut after each of the two passes, as in Pillow, whose passes are 8-bit.
    """
    count, channels, height, width = images.shape
    rows = torch.bmm(images.reshape(count, channels * height, width), horizontal.transpose(1, 2)).clamp_(0, 1)
    return torch.matmul(vertical.unsqueeze(1), rows.view(count, channels, height, -1)).clamp_(0, 1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image (B, C, H, W) in [0, 1] by a Gaussian of its own `sigma` (B,) in px, with mirrored borders."""
    if kernels.available(images.device):
        from barlowmatch.fast.kernels import resampling

        return resampling.blur(images, sigma, BLUR_RADIUS)
    weights = _gaussians(sigma)
    if images.device.type == "cpu" and loops.available():
        from barlowmatch.fast.loops.resampling import blur

        return blur(images, weights)
    return _filter_at_once(images, weights)


def _gaussians(sigma: Tensor) -> Tensor:
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (offsets / sigma.view(-1, 1)).square())
    return weights / weights.sum(1, keepdim=True)


def _filter_at_once(images: Tensor, weights: Tensor) -> Tensor:
    """Every channel of every image is a group of one convolution, first along x, then along y."""
    count, channels, height, width = images.shape
    weights = weights.repeat_interleave(channels, 0).unsqueeze(1)
    planes = F.pad(images, (BLUR_RADIUS,) * 4, mode="reflect").flatten(0, 1).unsqueeze(0)
    along_x = F.conv2d(planes, weights.unsqueeze(2), groups=count * channels)
    along_y = F.conv2d(along_x, weights.unsqueeze(3), groups=count * channels)
    return along_y.view(count, channels, height, width).clamp_(0, 1)  # a sum of weights may round to a little above 1


def affine(images: Tensor, matrix: Tensor) -> Tensor:
    """Sample images (B, C, H, W) at `matrix` (B, 2, 3) applied to the output's pixels, in pixels from the centre.

    Bilinear; places outside the image are filled with grey.
    """
    size = torch.tensor([images.shape[3], images.shape[2]], dtype=images.dtype)
    ratio, half = send(size.view(1, 1, 2) / size.view(1, 2, 1), images.device), send(2 / size, images.device)
    # affine_grid wants coordinates from −1 to 1; ours are pixels from the centre.
    scaled = torch.cat([matrix[:, :, :2] * ratio, matrix[:, :, 2:] * half.view(1, 2, 1)], 2)
    grid = F.affine_grid(scaled, list(images.shape), align_corners=False)
    return F.grid_sample(images - 0.5, grid, mode="bilinear", padding_mode="zeros", align_corners=False).add_(0.5)
