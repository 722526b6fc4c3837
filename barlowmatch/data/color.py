"""Colour operations on a batch, each image with its own strength. Images are (B, 3, H, W) in [0, 1]; factors (B,)."""

import torch
from torch import Tensor

from barlowmatch.data.partial import change_some
from barlowmatch.fast import kernels, loops

NONE = -1
"""In an order of operations: none comes in this place."""


def jitter(images: Tensor, order: Tensor, strengths: Tensor, grey_ones: Tensor) -> None:
    """Change the colours of images, in place, each by up to four operations in its own order; some lose their colour.

    Args:
        images: float32 (B, 3, H, W) in [0, 1].
        order: the operation that comes in each place (B, up to 4), on the CPU: 0 brightness, 1 contrast, 2 saturation,
            3 hue, or `NONE`.
        strengths: of each operation, by its number (B, up to 4), on the CPU.
        grey_ones: which images lose their colour at the end (B,) bool, on the CPU.
    """
    if kernels.available(images.device):
        from barlowmatch.fast.kernels.color import jitter as at_once
    elif images.device.type == "cpu" and loops.available():
        from barlowmatch.fast.loops.color import jitter as at_once
    else:
        at_once = one_by_one
    at_once(images, order, strengths, grey_ones)


def one_by_one(images: Tensor, order: Tensor, strengths: Tensor, grey_ones: Tensor) -> None:
    """Do what `jitter` does, operation by operation, on any device."""
    for place in range(order.shape[1]):
        for number, operation in enumerate((brightness, contrast, saturation, hue)[: order.shape[1]]):
            change_some(images, order[:, place] == number, operation, strengths[:, number])
    change_some(images, grey_ones, lambda part: grey(part).expand_as(part))


def grey(images: Tensor) -> Tensor:
    """Return the luminance (B, 1, H, W) of ITU-R 601-2, as Pillow's L mode has it."""
    red, green, blue = images.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """Return other + factor · (images − other), kept in [0, 1]."""
    return torch.lerp(other.expand_as(images), images, factor.view(-1, 1, 1, 1)).clamp_(0, 1)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Scale by `factor`."""
    return (images * factor.view(-1, 1, 1, 1)).clamp_(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean luminance of each image, rounded to a level of 255 as Pillow does.

    The mean is taken of whole levels: an exact sum, the same in any batch and any order of adding.
    """
    levels = (grey(images) * 255).round_().to(torch.int32)
    mean = levels.sum((2, 3), keepdim=True) / levels[0].numel()
    return blend(images, (mean + 0.5).floor_() / 255, factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image."""
    return blend(images, grey(images), factor)


def hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by `shift` of a full circle, in HSV as Pillow has it."""
    red, green, blue = images.unbind(1)
    high, low = images.amax(1), images.amin(1)
    spread = high - low
    # Where there is no spread there is no hue: any finite angle does.
    scale = 1 / spread.clamp_min(1e-12)
    angle = torch.where(
        red == high,
        (green - blue) * scale,
        torch.where(green == high, (blue - red) * scale + 2, (red - green) * scale + 4),
    )
    angle = (angle + 6 * shift.view(-1, 1, 1)).remainder_(6)
    # Each channel is `low` plus `spread` times a trapezoid of the angle: HSV back to RGB without branches.
    result = torch.empty_like(images)
    for channel, (centre, sign, top) in enumerate(((3, 1, -1), (2, -1, 2), (4, -1, 2))):
        ramp = (angle - centre).abs_().mul_(sign).add_(top).clamp_(0, 1)
        torch.addcmul(low, spread, ramp, out=result[:, channel])
    return result


def solarize(images: Tensor, threshold: Tensor | float) -> Tensor:
    """Invert what is at or above `threshold`, one (B,) or the same for all."""
    if isinstance(threshold, Tensor):
        threshold = threshold.view(-1, 1, 1, 1)
    return torch.where(images >= threshold, 1 - images, images)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` bits of each value's eight."""
    step = torch.exp2(8 - bits.float()).view(-1, 1, 1, 1)
    return torch.floor((images * 255).round() / step) * step / 255


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel of each image to the whole range; a flat channel stays."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    flat = high <= low
    low, spread = low.masked_fill(flat, 0), (high - low).masked_fill(flat, 1)
    return (images - low).div_(spread)


def equalize(images: Tensor) -> Tensor:
    """Equalise the histogram of each channel of each image, by Pillow's integer rule."""
    count, channels, height, width = images.shape
    levels = (images * 255).round().to(torch.int64).reshape(count * channels, -1)
    histogram = torch.zeros(len(levels), 256, dtype=torch.int64, device=images.device)
    histogram.scatter_add_(1, levels, torch.ones_like(levels))
    highest = ((histogram > 0) * torch.arange(256, device=images.device)).amax(1, keepdim=True)
    step = (levels.shape[1] - histogram.gather(1, highest)) // 255
    before = histogram.cumsum(1) - histogram
    table = ((before + step // 2) // step.clamp_min(1)).clamp_(0, 255)
    # A channel of one level, or of too few pixels to spread, stays.
    table = torch.where(step > 0, table, torch.arange(256, device=images.device)).to(images.dtype) / 255
    return table.gather(1, levels).view(count, channels, height, width)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with Pillow's SMOOTH filter of the image (a 3×3 mean whose centre counts five); the border stays."""
    smooth = images.clone()
    rows = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inner = smooth[:, :, 1:-1, 1:-1]
    inner.mul_(4).add_(box).div_(13)
    return blend(images, smooth, factor)
