"""Each operation of the views, pixel by pixel, against torchvision's with the same parameters on the same photographs.

`levels` is the largest difference in levels of 255 from Pillow, whose results are rounded to whole levels: half a level
is all that rounding alone explains, one where Pillow cuts instead of rounding, one and a half where it does both.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as TF

from barlowmatch.data import color, resampling
from barlowmatch.data.randaugment import OPERATIONS, cutout
from barlowmatch.data.resampling import blur, crop_and_resize
from barlowmatch.data.views import shift
from barlowmatch.randomness import SampleRandom
from tests.data.photos import photos

COUNT, SIZE = 8, 64
BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC


def images() -> Tensor:
    return photos(COUNT, SIZE)


def unit(values: Tensor) -> Tensor:
    return values.float() / 255


def by_pillow(operation: Callable[..., Image.Image], *parameters: Tensor) -> Tensor:
    """Apply torchvision's operation to each image with its parameters, through Pillow, and return floats."""
    results = []
    for place, image in enumerate(images()):
        own = [float(values[place]) for values in parameters]
        results.append(TF.pil_to_tensor(operation(TF.to_pil_image(image), *own)))
    return unit(torch.stack(results))


def by_tensor(operation: Callable[..., Tensor], *parameters: Tensor) -> Tensor:
    """Apply torchvision's operation to each image as a float tensor."""
    return torch.stack(
        [operation(unit(image), *[float(values[n]) for values in parameters]) for n, image in enumerate(images())]
    )


def levels(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    return float((found - expected).abs().max()) * 255


def spread(low: float, high: float) -> Tensor:
    return torch.linspace(low, high, COUNT)


BOXES = torch.tensor(
    [
        [0, 0, SIZE, SIZE], [3, 5, 40, 50], [10, 0, 54, 64], [0, 20, 17, 13],
        [63, 63, 1, 1], [30, 1, 2, 60], [7, 9, 33, 31], [1, 1, 62, 63],
    ]
)  # fmt: skip


@pytest.mark.parametrize("size", [24, 64, 96])
@pytest.mark.parametrize("way", [crop_and_resize, resampling._crop_and_resize_at_once])
def test_crop_and_resize_is_pillows(way: Callable[..., Tensor], size: int) -> None:
    """The CPU's way within a level (twice rounded), an accelerator's within one and a half (not rounded between)."""
    expected = torch.stack(
        [
            unit(TF.pil_to_tensor(TF.resized_crop(TF.to_pil_image(image), *box, [size, size], BICUBIC)))
            for image, box in zip(images(), BOXES.tolist(), strict=True)
        ]
    )
    found = way(images(), BOXES, size)
    assert levels(found, expected) <= 1.5
    assert (found - expected).abs().mean() * 255 < 0.3


@pytest.mark.parametrize("low", [0.6, 0.05])
def test_brightness_contrast_and_saturation_are_pillows(low: float) -> None:
    factors = spread(low, 1.4)
    pixels = unit(images())
    assert levels(color.brightness(pixels, factors), by_pillow(TF.adjust_brightness, factors)) <= 1.01
    assert levels(color.contrast(pixels, factors), by_pillow(TF.adjust_contrast, factors)) <= 1.01
    assert levels(color.saturation(pixels, factors), by_pillow(TF.adjust_saturation, factors)) <= 1.5


def test_hue_is_exact() -> None:
    """Torchvision on floats to rounding; Pillow's HSV has 256 hues and saturations, which costs it a level or two."""
    turns = spread(-0.5, 0.5)
    found = color.hue(unit(images()), turns)
    assert levels(found, by_tensor(TF.adjust_hue, turns)) < 0.01
    assert (found - by_pillow(TF.adjust_hue, turns)).abs().mean() * 255 < 1.5


def test_hue_leaves_grey_grey_and_a_whole_turn_leaves_all() -> None:
    pixels = unit(images())
    grey = color.grey(pixels).expand_as(pixels)
    assert levels(color.hue(grey, spread(-0.5, 0.5)), grey) < 1e-3
    assert levels(color.hue(pixels, torch.ones(COUNT)), pixels) < 0.01


def test_grey_is_pillows() -> None:
    assert levels(color.grey(unit(images())), by_pillow(TF.to_grayscale)) <= 0.51


def test_solarize_and_posterize_are_pillows() -> None:
    pixels = unit(images())
    thresholds = torch.arange(COUNT) * 36.0
    assert levels(color.solarize(pixels, thresholds / 255), by_pillow(TF.solarize, thresholds)) < 1e-3
    assert levels(color.solarize(pixels, 0.5), by_pillow(TF.solarize, torch.full((COUNT,), 128.0))) < 1e-3
    bits = torch.arange(COUNT) % 8 + 1
    expected = by_pillow(lambda image, count: TF.posterize(image, int(count)), bits)
    assert levels(color.posterize(pixels, bits), expected) < 1e-3


def test_autocontrast_equalize_and_sharpness_are_pillows() -> None:
    pixels = unit(images())
    assert levels(color.autocontrast(pixels), by_pillow(TF.autocontrast)) <= 1.01
    assert levels(color.equalize(pixels), by_pillow(TF.equalize)) < 1e-3
    factors = spread(0.05, 0.95)
    assert levels(color.sharpness(pixels, factors), by_pillow(TF.adjust_sharpness, factors)) <= 1.5


@pytest.mark.parametrize("operations", [4, 3])  # with hue and without
@pytest.mark.parametrize(("height", "width"), [(5, 7), (64, 33)])
def test_jitter_is_its_operations_in_each_images_order(height: int, width: int, operations: int) -> None:
    torch.manual_seed(0)
    before = torch.rand(30, 3, height, width)
    before[0], before[1], before[2] = 0, 0.5, 1
    order = torch.rand(30, operations).argsort(1)
    order[::5] = color.NONE
    strengths = torch.tensor([0.6, 0.6, 0.8, -0.1]) + torch.tensor([0.8, 0.8, 0.4, 0.2]) * torch.rand(30, 4)
    numbers = order, strengths[:, :operations], torch.rand(30) < 0.3
    expected, found = before.clone(), before.clone()

    color.one_by_one(expected, *numbers)
    color.jitter(found, *numbers)

    assert levels(found, expected) < 1e-3
    assert (found - before).abs().mean() > 0.05


def test_flat_images_stay() -> None:
    flat = torch.full((2, 3, SIZE, SIZE), 100 / 255)
    for operation in (color.autocontrast, color.equalize):
        assert levels(operation(flat), flat) < 1e-3


def blur_at_once(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur as an accelerator without a kernel for it does."""
    return resampling._filter_at_once(images, resampling._gaussians(sigma))


@pytest.mark.parametrize("way", [blur, blur_at_once])
@pytest.mark.parametrize(("height", "width"), [(SIZE, SIZE), (9, 70), (33, 64), (100, 31)])
def test_blur_is_torchvisions(way: Callable[..., Tensor], height: int, width: int) -> None:
    pixels = torch.rand(COUNT, 3, height, width, generator=torch.Generator().manual_seed(1))
    kernel = 2 * resampling.BLUR_RADIUS + 1
    found = way(pixels, spread(0.1, 2.0))
    for place, sigma in enumerate(spread(0.1, 2.0).tolist()):
        assert levels(found[place], TF.gaussian_blur(pixels[place], [kernel, kernel], [sigma, sigma])) < 0.01


GEOMETRY: dict[str, Callable[[Tensor, float], Tensor]] = {
    "rotate": lambda image, m: around_grey(image, angle=30 - 60 * m),
    "tilt": lambda image, m: around_grey(image, angle=15 - 30 * m),
    "shear x": lambda image, m: sheared(image, m, 0),
    "shear y": lambda image, m: sheared(image, m, 1),
    "translate x": lambda image, m: moved(image, m, 0),
    "translate y": lambda image, m: moved(image, m, 1),
}


def around_grey(image: Tensor, **changes: Any) -> Tensor:
    """Fill with grey by filling the image less grey with zeros; torchvision's own `fill` counts the border twice."""
    plain: dict[str, Any] = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    return TF.affine(image - 0.5, **{**plain, **changes}, interpolation=BILINEAR) + 0.5


def sheared(image: Tensor, magnitude: float, axis: int) -> Tensor:
    degrees = [0.0, 0.0]
    degrees[axis] = math.degrees(math.atan(-0.3 + 0.6 * magnitude))
    return around_grey(image, shear=degrees)


def moved(image: Tensor, magnitude: float, axis: int) -> Tensor:
    """Torchvision moves by whole pixels only; `magnitude` is chosen so."""
    pixels = [0, 0]
    pixels[axis] = -round((-0.3 + 0.6 * magnitude) * SIZE)
    return around_grey(image, translate=pixels)


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_is_torchvisions(name: str) -> None:
    magnitudes = spread(0, 0.99)
    if name.startswith("translate"):
        magnitudes = (torch.arange(COUNT) * 5 - 17) / SIZE / 0.6 + 0.5
    expected = by_tensor(GEOMETRY[name], magnitudes)
    assert levels(OPERATIONS[name](unit(images()), magnitudes), expected) < 0.1


COLOR: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "autocontrast": lambda image, _: TF.autocontrast(image),
    "brightness": lambda image, m: TF.adjust_brightness(image, 0.05 + 0.9 * m),
    "color": lambda image, m: TF.adjust_saturation(image, 0.05 + 0.9 * m),
    "contrast": lambda image, m: TF.adjust_contrast(image, 0.05 + 0.9 * m),
    "equalize": lambda image, _: TF.equalize(image),
    "identity": lambda image, _: image,
    "posterize": lambda image, m: TF.posterize(image, 4 + int(5 * m)),
    "sharpness": lambda image, m: TF.adjust_sharpness(image, 0.05 + 0.9 * m),
    "solarize": lambda image, m: TF.solarize(image, math.ceil(256 * m * 255 / 256)),
}


@pytest.mark.parametrize("name", COLOR)
def test_randaugments_colors_are_pillows(name: str) -> None:
    magnitudes = spread(0, 0.99)
    assert levels(OPERATIONS[name](unit(images()), magnitudes), by_pillow(COLOR[name], magnitudes)) <= 1.5


def test_every_operation_of_randaugment_is_tested() -> None:
    assert set(OPERATIONS) == set(GEOMETRY) | set(COLOR)


def test_shift_is_padding_by_reflection_and_cropping() -> None:
    random, most = SampleRandom(1, 2, torch.arange(COUNT)), 8
    found = shift(images(), random, most)
    rows, columns = (random.integers(name, 2 * most + 1) - most for name in ("down", "right"))
    for place, image in enumerate(images()):
        padded = TF.pad(image, [most], padding_mode="reflect")
        top, left = most - int(rows[place]), most - int(columns[place])
        assert torch.equal(found[place], padded[:, top : top + SIZE, left : left + SIZE])


def test_cutout_greys_one_square_of_at_most_half_the_side() -> None:
    random = SampleRandom(1, 2, torch.arange(500))
    hidden = (cutout(torch.zeros(500, 3, 32, 32), random) == 0.5).all(1)
    sides = torch.stack([hidden.any(2).sum(1), hidden.any(1).sum(1)])
    assert torch.equal(hidden.sum((1, 2)), sides[0] * sides[1])
    assert sides.max() <= 16
    inside = hidden[:, 0].any(1) | hidden[:, -1].any(1) | hidden[:, :, 0].any(1) | hidden[:, :, -1].any(1)
    assert ((sides[0] - sides[1]).abs()[~inside] <= 1).all(), "squares that lie wholly inside are squares"
    assert 0.1 < hidden[:, 16, 16].float().mean() < 0.15
