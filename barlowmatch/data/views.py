"""The views: what a stage does to images before the network sees them, in batches, on the device.

A view takes square uint8 images (B, 3, H, H) and their randomness and returns float32 images (B, 3, size, size) in
[0, 1]. Every choice is an image's own, and an operation that happens to some images is applied to those only. Choices
are drawn on the CPU: give it a `SampleRandom` that lives there, and the host never waits for an accelerator.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from barlowmatch.configs.shared import RunOptions, Views
from barlowmatch.configs.training import PretrainConfig
from barlowmatch.data import color
from barlowmatch.data.partial import change_some
from barlowmatch.data.randaugment import OPERATIONS, cutout, randaugment
from barlowmatch.data.resampling import blur, crop_and_resize
from barlowmatch.machine.transfer import send
from barlowmatch.randomness import SampleRandom

View = Callable[[Tensor, SampleRandom], Tensor]

SMALL_IMAGE = 48
"""Up to this side there is no blur: at 32 px it would leave nothing to see."""


@dataclass(frozen=True)
class Family:
    """What leaves a picture's class alone.

    Attributes:
        flip_x: mirrored left to right.
        half_turns: turned upside down.
        quarter_turns: turned by 90°; only where half turns are allowed too.
        hue: strength of the hue jitter; 0 = colour means something.
        grey: probability of losing the colour.
        solarize: probability of inverting the bright parts of the second view.
        smallest_crop: smallest share of the area a crop keeps.
        operations: of RandAugment.
    """

    flip_x: bool
    half_turns: bool
    quarter_turns: bool
    hue: float
    grey: float
    solarize: float
    smallest_crop: float
    operations: tuple[str, ...]


_NATURAL = tuple(name for name in OPERATIONS if name != "tilt")
_RECOLORING = {"color", "equalize", "posterize", "solarize"}
_MICROSCOPE = tuple(name for name in _NATURAL if name not in _RECOLORING)
_DIGITS = tuple(name for name in OPERATIONS if name != "rotate")
FAMILIES: dict[Views, Family] = {
    "natural": Family(True, False, False, 0.1, 0.2, 0.2, 0.08, _NATURAL),
    "microscope": Family(True, True, True, 0.0, 0.0, 0.0, 0.2, _MICROSCOPE),
    "digits": Family(False, False, False, 0.0, 0.0, 0.0, 0.4, _DIGITS),
}


def family_of(options: RunOptions) -> Family:
    """Return what leaves a picture's class alone: as `views` has it, but for what is said of single changes."""
    family = FAMILIES[options.views]
    flip_x = _said(options.flip_x, family.flip_x)
    half_turns = options.quarter_turns == 1 or _said(options.half_turns, family.half_turns)  # two quarters are a half
    quarter_turns = half_turns and _said(options.quarter_turns, family.quarter_turns)
    family = replace(family, flip_x=flip_x, half_turns=half_turns, quarter_turns=quarter_turns)
    if options.recolor is not None:
        family = _recolored(family) if options.recolor else _with_own_colors(family)
    return family


def pretraining_family(config: PretrainConfig) -> Family:
    """Return it as pretraining wants it: the smallest crop may be its own."""
    family = family_of(config)
    return family if config.smallest_crop is None else replace(family, smallest_crop=config.smallest_crop)


def _said(answer: int | None, default: bool) -> bool:
    return default if answer is None else bool(answer)


def _recolored(family: Family) -> Family:
    """Return a family whose colors are changed as natural photos' are."""
    photos = FAMILIES["natural"]
    operations = tuple(name for name in OPERATIONS if name in {*family.operations, *_RECOLORING})
    return replace(family, hue=photos.hue, grey=photos.grey, solarize=photos.solarize, operations=operations)


def _with_own_colors(family: Family) -> Family:
    """Return a family whose colors are left alone; only brightness and contrast change, as lighting does."""
    operations = tuple(name for name in family.operations if name not in _RECOLORING)
    return replace(family, hue=0.0, grey=0.0, solarize=0.0, operations=operations)


def barlow_views(of: Family, size: int) -> tuple[View, View]:
    """Return the two views of Barlow Twins (2103.03230, section 2.2; BYOL's appendix B).

    Flips, a random resized crop, colour jitter with probability 0.8 and losing colour with 0.2; above 48 px a blur
    always on the first view and with probability 0.1 on the second; solarization with probability 0.2 on the second.
    """
    blurs = (0.0, 0.0) if size <= SMALL_IMAGE else (1.0, 0.1)
    return _barlow_view(of, size, blurs[0], 0.0), _barlow_view(of, size, blurs[1], of.solarize)


def _barlow_view(of: Family, size: int, blurred: float, solarized: float) -> View:
    def apply(images: Tensor, random: SampleRandom) -> Tensor:
        random = random.on("cpu")
        result = random_resized_crop(turn(images, random, of), random, size, of.smallest_crop)
        recolor(result, random, of)
        if blurred:
            change_some(result, random.happens("blur", blurred), blur, random.between("sigma", 0.1, 2.0))
        if solarized:
            # Half a level below 128: there the 8-bit values of the original begin.
            change_some(result, random.happens("solarize", solarized), lambda part: color.solarize(part, 0.5))
        return result

    return apply


def weak_view(of: Family, size: int) -> View:
    """Return FixMatch's weak view: flips, and a shift of up to an eighth of the side with mirrored borders."""
    most = max(1, size // 8)

    def apply(images: Tensor, random: SampleRandom) -> Tensor:
        random = random.on("cpu")
        return shift(turn(images, random, of), random, most).float().div_(255)

    return apply


def strong_view(of: Family, size: int) -> View:
    """Return FixMatch's strong view: the weak one, then RandAugment of two operations, then a cutout."""
    weak = weak_view(of, size)

    def apply(images: Tensor, random: SampleRandom) -> Tensor:
        random = random.on("cpu")
        result = weak(images, random)
        randaugment(result, random, of.operations)
        return cutout(result, random)

    return apply


def turn(images: Tensor, random: SampleRandom, family: Family) -> Tensor:
    """Return each image mirrored and turned as the family allows, every way equally likely: up to eight of them.

    Where mirroring is allowed, a flip stands for the half turn and a transposition for the quarter turn: together with
    the mirroring they are the same ways, and copy less.
    """
    mirrors = family.flip_x
    if family.flip_x or family.half_turns or family.quarter_turns:
        images = images.clone()
    if mirrors:
        change_some(images, random.happens("flip x", 0.5), lambda part: part.flip(3))
    if family.half_turns:
        change_some(images, random.happens("flip y", 0.5), lambda part: part.flip(2) if mirrors else part.flip((2, 3)))
    if family.quarter_turns:
        change_some(
            images, random.happens("transpose", 0.5),
            lambda part: part.transpose(2, 3) if mirrors else part.rot90(1, (2, 3)),
        )  # fmt: skip
    return images


def random_resized_crop(images: Tensor, random: SampleRandom, size: int, smallest: float) -> Tensor:
    """Crop a random part of each image and bring it to `size`, as torchvision draws it; uint8 → float32 in [0, 1].

    The area is uniform in [smallest, 1] of the image, the aspect ratio log-uniform in [3/4, 4/3]; of ten draws the
    first that fits is taken, else the whole image.
    """
    height, width = images.shape[2:]
    area = random.between("area", smallest, 1.0, 10) * (height * width)
    ratio = random.between("ratio", math.log(3 / 4), math.log(4 / 3), 10).exp()
    wide, high = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
    fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
    first = fits.int().argmax(1, keepdim=True)
    wide = torch.where(fits.any(1), wide.gather(1, first).squeeze(1), width)
    high = torch.where(fits.any(1), high.gather(1, first).squeeze(1), height)
    left = (random.uniform("left") * (width - wide + 1)).long()
    top = (random.uniform("top") * (height - high + 1)).long()
    return crop_and_resize(images, torch.stack([top, left, high, wide], 1), size)


def shift(images: Tensor, random: SampleRandom, most: int) -> Tensor:
    """Return each image moved by up to `most` pixels each way; what comes in is its mirror image."""
    height, width = images.shape[2:]
    rows = _mirrored(random.integers("down", 2 * most + 1) - most, height)
    columns = _mirrored(random.integers("right", 2 * most + 1) - most, width)
    rows, columns = send(rows, images.device), send(columns, images.device)
    places = (rows.unsqueeze(2) * width + columns.unsqueeze(1)).flatten(1).unsqueeze(1)
    return images.flatten(2).gather(2, places.expand(-1, images.shape[1], -1)).view_as(images)


def _mirrored(move: Tensor, length: int) -> Tensor:
    """Return which pixel of a line of `length` stands at each place (B, length) once it is moved by `move` (B,)."""
    place = (torch.arange(length) - move.view(-1, 1)).abs()
    return torch.where(place >= length, 2 * (length - 1) - place, place)


def recolor(images: Tensor, random: SampleRandom, family: Family) -> None:
    """Jitter the colors of four images in five, in place, in an order of each image's own; then some lose their color.

    Brightness and contrast change by up to 0.4, saturation by up to 0.2, hue by up to the family's share of a circle.
    """
    ranges = {"brightness": (0.6, 1.4), "contrast": (0.6, 1.4), "saturation": (0.8, 1.2)}
    if family.hue:
        ranges["hue"] = (-family.hue, family.hue)
    strengths = torch.stack([random.between(name, *limits) for name, limits in ranges.items()], 1)
    left_alone = ~random.happens("jitter", 0.8)
    order = random.permutations("order", len(ranges)).masked_fill_(left_alone.unsqueeze(1), color.NONE)
    color.jitter(images, order, strengths, random.happens("grey", family.grey))
