"""Colour jitter on a CPU: each image is changed in its own order while the processor's cache holds it, in threads.

Operation by operation (`barlowmatch.data.color`) the same goes through the memory of the whole batch a dozen times.
"""

import numpy as np
import torch
from torch import Tensor

from barlowmatch.fast.loops.compiling import compiled
from barlowmatch.fast.loops.threads import in_threads

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
RED, GREEN, BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)
LEVELS = np.float32(255)
SIXTH, SIX, TINY = np.float32(1 / 6), np.float32(6), np.float32(1e-12)
TWO, THREE, FOUR = np.float32(2), np.float32(3), np.float32(4)


def jitter(images: Tensor, order: Tensor, strengths: Tensor, grey_ones: Tensor) -> None:
    """Change the colours of images in place; see `color.jitter`. They have to be contiguous."""
    assert images.is_contiguous()
    pixels = images.view(len(images), 3, -1).numpy()
    numbers = order.numpy(), strengths.numpy(), grey_ones.numpy()
    threads = torch.get_num_threads()
    in_threads(lambda first: _jitter(pixels, *numbers, first, threads), list(range(threads)))


@compiled
def _jitter(images, order, strengths, grey_ones, first, step):
    """Change every `step`-th image from the one numbered `first` on."""
    for i in range(first, len(images), step):
        red, green, blue = images[i, 0], images[i, 1], images[i, 2]
        for place in range(order.shape[1]):
            operation = order[i, place]
            if operation < 0:
                continue
            strength = strengths[i, operation]
            if operation == 0:
                _blend(red, green, blue, strength, ZERO)
            elif operation == 1:
                _blend(red, green, blue, strength, _mean_luminance(red, green, blue))
            elif operation == 2:
                _blend_with_grey(red, green, blue, strength)
            else:
                _turn_hue(red, green, blue, strength)
        if grey_ones[i]:
            _blend_with_grey(red, green, blue, ZERO)


@compiled
def _blend(red, green, blue, strength, other):
    """Move each number from `other` to `strength` times its distance, within [0, 1]."""
    for p in range(len(red)):
        red[p] = min(max(other + strength * (red[p] - other), ZERO), ONE)
        green[p] = min(max(other + strength * (green[p] - other), ZERO), ONE)
        blue[p] = min(max(other + strength * (blue[p] - other), ZERO), ONE)


@compiled
def _mean_luminance(red, green, blue):
    """Return the mean of the luminance in whole levels of 255, itself rounded to one."""
    total = np.int32(0)
    for p in range(len(red)):
        total += np.int32(np.rint((RED * red[p] + GREEN * green[p] + BLUE * blue[p]) * LEVELS))
    return np.floor(np.float32(total) / np.float32(len(red)) + HALF) / LEVELS


@compiled
def _blend_with_grey(red, green, blue, strength):
    """Move each pixel from its luminance to `strength` times its distance, within [0, 1]."""
    for p in range(len(red)):
        other = RED * red[p] + GREEN * green[p] + BLUE * blue[p]
        red[p] = min(max(other + strength * (red[p] - other), ZERO), ONE)
        green[p] = min(max(other + strength * (green[p] - other), ZERO), ONE)
        blue[p] = min(max(other + strength * (blue[p] - other), ZERO), ONE)


@compiled
def _turn_hue(red, green, blue, shift):
    """Turn the hue by `shift` of a circle, as `barlowmatch.data.color.hue` does."""
    for p in range(len(red)):
        r, g, b = red[p], green[p], blue[p]
        high, low = max(r, g, b), min(r, g, b)
        spread = high - low
        scale = ONE / max(spread, TINY)
        of_green = (b - r) * scale + TWO
        of_blue = (r - g) * scale + FOUR
        angle = of_green if g == high else of_blue
        angle = (g - b) * scale if r == high else angle
        angle += SIX * shift
        angle -= SIX * np.floor(angle * SIXTH)
        red[p] = low + spread * min(max(abs(angle - THREE) - ONE, ZERO), ONE)
        green[p] = low + spread * min(max(TWO - abs(angle - TWO), ZERO), ONE)
        blue[p] = low + spread * min(max(TWO - abs(angle - FOUR), ZERO), ONE)
