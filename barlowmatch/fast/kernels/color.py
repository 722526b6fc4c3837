"""Colour jitter as one kernel: each image is read, changed in its own order, and written once.

Operation by operation (`barlowmatch.data.color`) the same takes hundreds of launches, which cost the host more time
than the GPU needs for them.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from barlowmatch.machine.transfer import send

BLOCK = 1024
"""Pixels that a program works on at a time."""
COLUMNS = 9
"""Numbers an image: the order of four operations (−1: none), their strengths, whether colour is lost."""


def jitter(images: Tensor, order: Tensor, strengths: Tensor, grey_ones: Tensor) -> None:
    """Change the colours of images in place; see `color.jitter`. They have to be contiguous."""
    assert images.is_contiguous()
    packed = torch.zeros(len(images), COLUMNS)
    packed[:, :4] = -1
    packed[:, : order.shape[1]] = order
    packed[:, 4 : 4 + strengths.shape[1]] = strengths
    packed[:, 8] = grey_ones
    _jitter[(len(images),)](images, send(packed, images.device), images.shape[2] * images.shape[3], BLOCK)


@triton.jit
def _luminance(red, green, blue):
    return 0.299 * red + 0.587 * green + 0.114 * blue


@triton.jit
def _unit(value):
    return tl.minimum(tl.maximum(value, 0.0), 1.0)


@triton.jit
def _trapezoid(angle, centre, sign, top):
    return _unit(tl.abs(angle - centre) * sign + top)


@triton.jit
def _turned(red, green, blue, shift):
    """Turn the hue by `shift` of a circle; as `color.hue`."""
    high, low = tl.maximum(tl.maximum(red, green), blue), tl.minimum(tl.minimum(red, green), blue)
    spread = high - low
    scale = 1.0 / tl.maximum(spread, 1e-12)
    angle = tl.where(
        red == high,
        (green - blue) * scale,
        tl.where(green == high, (blue - red) * scale + 2.0, (red - green) * scale + 4.0),
    )
    angle = angle + 6.0 * shift
    angle = angle - 6.0 * tl.floor(angle / 6.0)
    return (
        low + spread * _trapezoid(angle, 3.0, 1.0, -1.0),
        low + spread * _trapezoid(angle, 2.0, -1.0, 2.0),
        low + spread * _trapezoid(angle, 4.0, -1.0, 2.0),
    )


@triton.jit
def _blended(value, other, strength):
    return _unit(other + strength * (value - other))


@triton.jit
def _changed(red, green, blue, operation, strength, mean):
    """Apply one operation to pixels; `mean` is what contrast blends with."""
    if operation == 0:
        red, green, blue = _unit(red * strength), _unit(green * strength), _unit(blue * strength)
    if operation == 1:
        red, green, blue = (
            _blended(red, mean, strength),
            _blended(green, mean, strength),
            _blended(blue, mean, strength),
        )
    if operation == 2:
        other = _luminance(red, green, blue)
        red, green, blue = (
            _blended(red, other, strength), _blended(green, other, strength), _blended(blue, other, strength),
        )  # fmt: skip
    if operation == 3:
        red, green, blue = _turned(red, green, blue, strength)
    return red, green, blue


@triton.jit
def _pixels(image, start, plane, BLOCK: tl.constexpr):
    """Return a block of an image's three channels, their places, and which of these are inside."""
    places = start + tl.arange(0, BLOCK)
    inside = places < plane
    red = tl.load(image + places, mask=inside, other=0.0)
    green = tl.load(image + plane + places, mask=inside, other=0.0)
    blue = tl.load(image + 2 * plane + places, mask=inside, other=0.0)
    return red, green, blue, places, inside


@triton.jit
def _changed_in_order(red, green, blue, numbers, end, mean):
    """Apply the operations in the places before `end`."""
    for place in tl.static_range(4):
        if place < end:
            operation = tl.load(numbers + place).to(tl.int32)
            strength = tl.load(numbers + 4 + tl.maximum(operation, 0))
            red, green, blue = _changed(red, green, blue, operation, strength, mean)
    return red, green, blue


@triton.jit
def _jitter(images, packed, plane, BLOCK: tl.constexpr):
    """One image a program; what contrast sees is averaged first, by doing what comes before it."""
    numbers = packed + tl.program_id(0) * 9
    image = images + tl.program_id(0).to(tl.int64) * 3 * plane
    contrast = 4
    for place in tl.static_range(4):
        if tl.load(numbers + place) == 1.0:
            contrast = place
    mean = 0.0
    if contrast < 4:
        total = 0
        for start in range(0, plane, BLOCK):
            red, green, blue, places, inside = _pixels(image, start, plane, BLOCK)
            red, green, blue = _changed_in_order(red, green, blue, numbers, contrast, 0.0)
            levels = tl.floor(_luminance(red, green, blue) * 255.0 + 0.5).to(tl.int32)
            total += tl.sum(tl.where(inside, levels, 0))
        mean = tl.floor(total * 1.0 / plane + 0.5) / 255.0
    grey = tl.load(numbers + 8)
    for start in range(0, plane, BLOCK):
        red, green, blue, places, inside = _pixels(image, start, plane, BLOCK)
        red, green, blue = _changed_in_order(red, green, blue, numbers, 4, mean)
        if grey > 0.0:
            red = _luminance(red, green, blue)
            green = red
            blue = red
        tl.store(image + places, red, mask=inside)
        tl.store(image + plane + places, green, mask=inside)
        tl.store(image + 2 * plane + places, blue, mask=inside)
