"""The views: what a stage does to images before the network sees them, in batches, on the device.

A view takes uint8 images (B, 3, H, W) and their randomness and returns float images (B, 3, size, size) in [0, 1].
Every choice is an image's own. An operation that happens to some images is applied to those only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from barlowmatch.configs.shared import Views
from barlowmatch.data import color
from barlowmatch.data.randaugment import OPERATIONS, cutout, randaugment
from barlowmatch.data.resampling import BICUBIC, apply_lines, blur_matrix, resize_matrix
from barlowmatch.randomness import SampleRandom

View = Callable[[Tensor, SampleRandom], Tensor]

SMALL_IMAGE = 48
"""Up to this side there is no blur: at 32 px it would leave nothing to see."""


@dataclass(frozen=True)
class Family:
    """What leaves a picture's class alone.

    Attributes:
        flip_x: mirrored left to right.
        flip_y: mirrored top to bottom.
        quarter_turns: turned by 90°, 180°, 270°.
        hue: strength of the hue jitter; 0 = colour means something.
        grey: probability of losing the colour.
        solarize: probability of inverting the bright parts of the second view.
        smallest_crop: smallest share of the area a crop keeps.
        operations: of RandAugment.
    """

    flip_x: bool
    flip_y: bool
    quarter_turns: bool
    hue: float
    grey: float
    solarize: float
    smallest_crop: float
    operations: tuple[str, ...]


_COLOR_SAFE = tuple(name for name in OPERATIONS if name not in {"solarize", "posterize", "equalize"})
FAMILIES: dict[str, Family] = {
    "natural": Family(True, False, False, 0.1, 0.2, 0.2, 0.08, tuple(OPERATIONS)),
    "microscope": Family(True, True, True, 0.0, 0.0, 0.0, 0.2, _COLOR_SAFE),
    "digits": Family(False, False, False, 0.0, 0.0, 0.0, 0.4, tuple(OPERATIONS)),
}


def barlow_views(family: Views, size: int) -> tuple[View, View]:
    """Return the two views of Barlow Twins (2103.03230, section 2.2; BYOL's appendix B).

    A random resized crop, flips, colour jitter with probability 0.8 and losing colour with 0.2; above 48 px a blur
    always on the first view and with probability 0.1 on the second; solarization with probability 0.2 on the second.
    """
    of = FAMILIES[family]
    blurs = (0.0, 0.0) if size <= SMALL_IMAGE else (1.0, 0.1)

    def view(blur: float, solarize: float) -> View:
        def apply(images: Tensor, random: SampleRandom) -> Tensor:
            result = random_resized_crop(images, random, size, of)
            result = _sometimes(result, random, 0.8, "jitter", lambda part, own: jitter(part, own, of.hue))
            result = _sometimes(result, random, of.grey, "grey", lambda part, _: color.grey(part).expand_as(part))
            result = _sometimes(result, random, blur, "blur", gaussian_blur)
            return _sometimes(
                result, random, solarize, "solarize",
                lambda part, _: color.solarize(part, part.new_full((len(part),), 128 / 255)),
            )  # fmt: skip

        return apply

    return view(blurs[0], 0.0), view(blurs[1], of.solarize)


def weak_view(family: Views, size: int) -> View:
    """Return FixMatch's weak view: flips, and a shift of up to an eighth of the side with mirrored borders."""
    of = FAMILIES[family]

    def apply(images: Tensor, random: SampleRandom) -> Tensor:
        turned = turn(images.float() / 255, random, of)
        return shift(turned, random, max(1, size // 8))

    return apply


def strong_view(family: Views, size: int) -> View:
    """Return FixMatch's strong view: the weak one, then RandAugment of two operations, then a cutout."""
    of, weak = FAMILIES[family], weak_view(family, size)

    def apply(images: Tensor, random: SampleRandom) -> Tensor:
        return cutout(randaugment(weak(images, random), random, of.operations), random)

    return apply


def random_resized_crop(images: Tensor, random: SampleRandom, size: int, family: Family) -> Tensor:
    """Crop a random part of each image and bring it to `size`, flipped as the family allows (torchvision's draw).

    The area is uniform in [smallest, 1] of the image, the aspect ratio log-uniform in [3/4, 4/3]; of ten draws the
    first that fits is taken, else the whole image.
    """
    height, width = images.shape[2:]
    area = random.between("area", family.smallest_crop, 1.0, 10) * (height * width)
    ratio = random.between("ratio", math.log(3 / 4), math.log(4 / 3), 10).exp()
    wide, high = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    any_fits = fits.any(1)
    wide = torch.where(any_fits, wide.gather(1, first).squeeze(1), float(width))
    high = torch.where(any_fits, high.gather(1, first).squeeze(1), float(height))
    left = (random.uniform("left") * (width - wide + 1)).floor()
    top = (random.uniform("top") * (height - high + 1)).floor()
    vertical = resize_matrix(top, high, height, size, BICUBIC)
    horizontal = resize_matrix(left, wide, width, size, BICUBIC)
    if family.flip_x:
        horizontal = torch.where(random.happens("flip x", 0.5).view(-1, 1, 1), horizontal.flip(1), horizontal)
    if family.flip_y:
        vertical = torch.where(random.happens("flip y", 0.5).view(-1, 1, 1), vertical.flip(1), vertical)
    result = apply_lines(images.float() / 255, vertical, horizontal).clamp_(0, 1)
    return quarter_turn(result, random) if family.quarter_turns else result


def turn(images: Tensor, random: SampleRandom, family: Family) -> Tensor:
    """Flip and turn each image as the family allows."""
    if family.flip_x:
        images = torch.where(random.happens("flip x", 0.5).view(-1, 1, 1, 1), images.flip(3), images)
    if family.flip_y:
        images = torch.where(random.happens("flip y", 0.5).view(-1, 1, 1, 1), images.flip(2), images)
    return quarter_turn(images, random) if family.quarter_turns else images


def quarter_turn(images: Tensor, random: SampleRandom) -> Tensor:
    """Transpose every second image at random: with both flips these are all quarter turns."""
    return torch.where(random.happens("transpose", 0.5).view(-1, 1, 1, 1), images.transpose(2, 3), images)


def shift(images: Tensor, random: SampleRandom, most: int) -> Tensor:
    """Move each image by up to `most` pixels each way; what comes in is its mirror image."""
    size = images.shape[2:]
    moves = [random.integers(name, 2 * most + 1) - most for name in ("down", "right")]
    places = []
    for move, length in zip(moves, size, strict=True):
        place = (torch.arange(length, device=images.device) + move.view(-1, 1)).abs()
        places.append(torch.where(place >= length, 2 * (length - 1) - place, place))
    count = torch.arange(len(images), device=images.device).view(-1, 1, 1)
    moved = images.permute(0, 2, 3, 1)[count, places[0].unsqueeze(2), places[1].unsqueeze(1)]
    return moved.permute(0, 3, 1, 2)


def jitter(images: Tensor, random: SampleRandom, hue: float) -> Tensor:
    """Change brightness and contrast by up to 0.4, saturation by 0.2, and hue, in an order of each image's own."""
    operations: list[tuple[str, Callable[[Tensor, Tensor], Tensor], float, float]] = [
        ("brightness", color.brightness, 1.0, 0.4),
        ("contrast", color.contrast, 1.0, 0.4),
        ("saturation", color.saturation, 1.0, 0.2),
    ]
    if hue:
        operations.append(("hue", color.hue, 0.0, hue))
    factors = [random.between(name, middle - reach, middle + reach) for name, _, middle, reach in operations]
    order = random.permutations("order", len(operations))
    for place in range(len(operations)):
        result = torch.empty_like(images)
        for number, (_, function, _, _) in enumerate(operations):
            chosen = (order[:, place] == number).nonzero().squeeze(1)
            if len(chosen):
                result[chosen] = function(images[chosen], factors[number][chosen])
        images = result
    return images


def gaussian_blur(images: Tensor, random: SampleRandom) -> Tensor:
    """Blur each image by a Gaussian of 0.1 to 2 pixels."""
    sigma = random.between("sigma", 0.1, 2.0)
    return apply_lines(images, blur_matrix(sigma, images.shape[2]), blur_matrix(sigma, images.shape[3])).clamp_(0, 1)


def _sometimes(
    images: Tensor,
    random: SampleRandom,
    probability: float,
    name: str,
    operation: Callable[[Tensor, SampleRandom], Tensor],
) -> Tensor:
    """Apply `operation` to each image with `probability`."""
    if probability <= 0:
        return images
    chosen = random.happens(name, probability).nonzero().squeeze(1)
    if len(chosen) == 0:
        return images
    own = SampleRandom(random.seed, random.step, random.index[chosen], (*random.path, name))
    result = images.clone()
    result[chosen] = operation(images[chosen], own)
    return result
