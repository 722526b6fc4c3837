"""Crop, resize and blur, a kernel each (a blur: two), where torch builds matrices and copies planes for them."""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from barlowmatch.machine.transfer import send

BLOCK = 256
"""Pixels that a program works on."""


def crop_and_resize(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Bring a part of each image to `size`; see `resampling.crop_and_resize`."""
    images = images.contiguous()
    count, channels, height, width = images.shape
    result = torch.empty(count, channels, size, size, device=images.device)
    # A filter of four pixels, wider where the line shrinks; a part's line shrinks at most as much as the whole one.
    taps = math.ceil(4 * max(1, height / size, width / size)) + (max(height, width) > size)
    grid = (count, triton.cdiv(size * size, BLOCK))
    _crop[grid](images, send(boxes, images.device), result, height, width, size, channels, taps, BLOCK)
    return result


def blur(images: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Blur each image by a Gaussian of its own `sigma`; see `resampling.blur`."""
    images = images.contiguous()
    count, channels, height, width = images.shape
    along_x, along_y = torch.empty_like(images), torch.empty_like(images)
    grid = (count * channels, triton.cdiv(height * width, BLOCK))
    _blur[grid](images, sigma, along_x, height, width, 1, width, channels, radius, BLOCK)
    _blur[grid](along_x, sigma, along_y, height, width, width, height, channels, radius, BLOCK)
    return along_y


@triton.jit
def _cubic(distance):
    """Keys' cubic filter with a = −1/2, as `resampling._cubic`."""
    x = tl.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return tl.where(x < 1.0, near, tl.where(x < 2.0, far, 0.0))


@triton.jit
def _filter(place, start, length, size):
    """Return for places of a line of `size`: centre and widening of the filter, and the pixels it takes: first, end."""
    scale = length.to(tl.float32) / size
    wide = tl.maximum(scale, 1.0)
    centre = start.to(tl.float32) + (place.to(tl.float32) + 0.5) * scale
    first = tl.floor(centre - 2.0 * wide + 0.5).to(tl.int32)
    end = tl.floor(centre + 2.0 * wide + 0.5).to(tl.int32)
    return centre, wide, tl.maximum(first, start), tl.minimum(end, start + length)


@triton.jit
def _unit(value):
    return tl.minimum(tl.maximum(value, 0.0), 1.0)


@triton.jit
def _crop(images, boxes, result, height, width, size, channels, TAPS: tl.constexpr, BLOCK: tl.constexpr):
    """A block of an image's output pixels: lines along x, cut to [0, 1] as Pillow does, then along y."""
    image = tl.program_id(0).to(tl.int64)
    places = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = places < size * size
    box = boxes + image * 4
    top, left = tl.load(box).to(tl.int32), tl.load(box + 1).to(tl.int32)
    high, wide = tl.load(box + 2).to(tl.int32), tl.load(box + 3).to(tl.int32)
    centre_y, wide_y, first_y, end_y = _filter(places // size, top, high, size)
    centre_x, wide_x, first_x, end_x = _filter(places % size, left, wide, size)
    for channel in range(channels):
        plane = images + (image * channels + channel) * height * width
        total = tl.zeros([BLOCK], tl.float32)
        weights = tl.zeros([BLOCK], tl.float32)
        for tap_y in tl.static_range(TAPS):
            y = first_y + tap_y
            line = tl.zeros([BLOCK], tl.float32)
            line_weights = tl.zeros([BLOCK], tl.float32)
            for tap_x in tl.static_range(TAPS):
                x = first_x + tap_x
                there = inside & (y < end_y) & (x < end_x)
                weight = tl.where(x < end_x, _cubic((x.to(tl.float32) + 0.5 - centre_x) / wide_x), 0.0)
                line += weight * tl.load(plane + y * width + x, mask=there, other=0).to(tl.float32)
                line_weights += weight
            weight = tl.where(y < end_y, _cubic((y.to(tl.float32) + 0.5 - centre_y) / wide_y), 0.0)
            total += weight * _unit(line / (line_weights * 255.0))
            weights += weight
        out = result + (image * channels + channel) * size * size
        tl.store(out + places, _unit(total / weights), mask=inside)


@triton.jit
def _blur(
    images, sigma, result, height, width, stride, length, channels, RADIUS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """A block of a plane's pixels along lines of `length` pixels, `stride` numbers apart."""
    plane = tl.program_id(0).to(tl.int64)
    places = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = places < height * width
    deviation = tl.load(sigma + plane // channels)
    source = images + plane * height * width
    place = (places // stride) % length
    total = tl.zeros([BLOCK], tl.float32)
    weights = 0.0
    for tap in tl.static_range(2 * RADIUS + 1):
        offset = (tap - RADIUS) / deviation
        weight = tl.exp(-0.5 * offset * offset)
        mirrored = tl.abs(place + (tap - RADIUS))
        mirrored = tl.where(mirrored >= length, 2 * (length - 1) - mirrored, mirrored)
        total += weight * tl.load(source + places + (mirrored - place) * stride, mask=inside, other=0.0)
        weights += weight
    tl.store(result + plane * height * width + places, _unit(total / weights), mask=inside)
