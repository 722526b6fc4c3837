"""FixMatch's strong augmentation: RandAugment with random magnitudes, then a cutout (2001.07685, section 2.3 and D)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from barlowmatch.data import color
from barlowmatch.data.partial import change_some
from barlowmatch.data.resampling import affine
from barlowmatch.machine.transfer import send
from barlowmatch.randomness import SampleRandom

Operation = Callable[[Tensor, Tensor], Tensor]
"""Takes images (n, 3, H, W) and magnitudes (n,) uniform in [0, 1)."""


def _between(low: float, high: float, function: Operation) -> Operation:
    return lambda images, magnitude: function(images, low + (high - low) * magnitude)


def _rotate(images: Tensor, degrees: Tensor) -> Tensor:
    angle = degrees * (math.pi / 180)
    return affine(images, _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos()))


def _shear_x(images: Tensor, slope: Tensor) -> Tensor:
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return affine(images, _matrix(one, slope, zero, one))


def _shear_y(images: Tensor, slope: Tensor) -> Tensor:
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return affine(images, _matrix(one, zero, slope, one))


def _translate_x(images: Tensor, share: Tensor) -> Tensor:
    return _translate(images, share * images.shape[3], torch.zeros_like(share))


def _translate_y(images: Tensor, share: Tensor) -> Tensor:
    return _translate(images, torch.zeros_like(share), share * images.shape[2])


def _translate(images: Tensor, right: Tensor, down: Tensor) -> Tensor:
    one, zero = torch.ones_like(right), torch.zeros_like(right)
    matrix = _matrix(one, zero, zero, one)
    matrix[:, 0, 2], matrix[:, 1, 2] = right, down
    return affine(images, matrix)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    zero = torch.zeros_like(a)
    return torch.stack([torch.stack([a, b, zero], 1), torch.stack([c, d, zero], 1)], 1)


OPERATIONS: dict[str, Operation] = {
    "autocontrast": lambda images, _magnitude: color.autocontrast(images),
    "brightness": _between(0.05, 0.95, color.brightness),
    "color": _between(0.05, 0.95, color.saturation),
    "contrast": _between(0.05, 0.95, color.contrast),
    "equalize": lambda images, _magnitude: color.equalize(images),
    "identity": lambda images, _magnitude: images,
    "posterize": lambda images, magnitude: color.posterize(images, 4 + (magnitude * 5).floor()),
    "rotate": _between(-30, 30, _rotate),
    "sharpness": _between(0.05, 0.95, color.sharpness),
    "shear x": _between(-0.3, 0.3, _shear_x),
    "shear y": _between(-0.3, 0.3, _shear_y),
    "solarize": _between(0, 1, color.solarize),
    "tilt": _between(-15, 15, _rotate),
    "translate x": _between(-0.3, 0.3, _translate_x),
    "translate y": _between(-0.3, 0.3, _translate_y),
}
"""The paper's table 12, and `tilt`, a small `rotate` for what changes its meaning when it lies down."""


def randaugment(images: Tensor, random: SampleRandom, operations: tuple[str, ...]) -> None:
    """Apply two operations, in place, drawn for each image from `operations`, each at a random magnitude."""
    drawn = random.integers("operation", len(operations), 2)
    magnitudes = random.uniform("magnitude", 2)
    for place in range(2):
        for number, name in enumerate(operations):
            change_some(images, drawn[:, place] == number, OPERATIONS[name], magnitudes[:, place])


def cutout(images: Tensor, random: SampleRandom) -> Tensor:
    """Return images with a grey square of up to half of the side, centred anywhere (DeVries and Taylor 2017)."""
    height, width = images.shape[2:]
    half = random.uniform("cutout size", 1) * min(height, width) / 4
    centre = random.uniform("cutout place", 2)
    rows = (torch.arange(height) + 0.5 - centre[:, :1] * height).abs() <= half
    columns = (torch.arange(width) + 0.5 - centre[:, 1:] * width).abs() <= half
    hidden = send(rows, images.device)[:, None, :, None] & send(columns, images.device)[:, None, None, :]
    return images.masked_fill_(hidden, 0.5)
