"""The views as the stages use them: shapes, whose choices they are, families, and distributions against torchvision."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as TF

from barlowmatch.configs.fields import parameters
from barlowmatch.configs.shared import Views
from barlowmatch.configs.training import PretrainConfig
from barlowmatch.data import views
from barlowmatch.data.randaugment import randaugment
from barlowmatch.data.resampling import BLUR_RADIUS
from barlowmatch.data.views import FAMILIES, View, barlow_views, strong_view, weak_view
from barlowmatch.randomness import SampleRandom
from tests.data.photos import photos

ALL = [(family, size) for family in get_args(Views) for size in (32, 64)]


def source(count: int, start: int = 0) -> SampleRandom:
    return SampleRandom(5, 9, torch.arange(start, start + count))


def all_views(family: Views, size: int) -> list[View]:
    of = FAMILIES[family]
    return [*barlow_views(of, size), weak_view(of, size), strong_view(of, size)]


@pytest.mark.parametrize(("family", "size"), ALL)
def test_a_view_is_a_batch_of_images_of_its_own(family: Views, size: int) -> None:
    images = photos(20, size)
    before = images.clone()
    for view in all_views(family, size):
        result = view(images, source(20))
        assert result.shape == (20, 3, size, size)
        assert result.dtype == torch.float32
        assert result.min() >= 0
        assert result.max() <= 1
        assert torch.equal(result, view(images, source(20))), "the same numbers give the same view"
        assert not torch.equal(result, view(images, source(20).child("other")))
        assert not torch.equal(result, view(images, SampleRandom(5, 10, torch.arange(20))))
        assert torch.equal(images, before), "the images themselves stay"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("family", "size"), [*ALL, ("natural", 160)])
def test_a_view_does_not_depend_on_the_batch_around_it(family: Views, size: int, threads: int) -> None:
    """Bit for bit: any number of processes, any order, any batch."""
    count = 24 if size < 160 else 10
    images, before = photos(count, size), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for view in all_views(family, size):
            whole = view(images, source(count))
            order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
            assert torch.equal(view(images[order], source(count).of(order)), whole[order])
            for part in (slice(0, 1), slice(5, 8), slice(8, None)):
                assert torch.equal(view(images[part], source(count).of(torch.arange(count)[part])), whole[part])
    finally:
        torch.set_num_threads(before)


def test_the_two_views_of_small_images_are_not_blurred_and_one_is_solarized() -> None:
    image = photos(1, 32).expand(2000, -1, -1, -1)
    first, second = barlow_views(FAMILIES["natural"], 32)
    random = source(2000)
    one, other = first(image, random), second(image, random)
    same = (one == other).flatten(1).all(1)
    # With one source the two differ where the second is solarized (and an image has bright parts), and nowhere else.
    assert same.float().mean().item() == pytest.approx(0.8, abs=0.04)
    inverted = random.happens("solarize", 0.2)
    assert not (~same & ~inverted).any()
    assert torch.equal(other[inverted], torch.where(one >= 0.5, 1 - one, one)[inverted])


def test_families_leave_alone_what_carries_the_class() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).mul(8).view(1, 1, 1, 32).expand(400, 3, 32, 32)
    digits = barlow_views(FAMILIES["digits"], 32)
    rightward = [view(ramp, source(400))[:, 0].diff(dim=2).mean((1, 2)) > 0 for view in digits]
    assert all(direction.all() for direction in rightward), "digits are not flipped"
    assert weak_view(FAMILIES["digits"], 32)(ramp, source(400))[:, 0, :, 10:20].diff(dim=2).mean((1, 2)).gt(0).all()
    red = torch.tensor([200, 60, 20], dtype=torch.uint8).view(1, 3, 1, 1).expand(400, 3, 64, 64)
    for view in barlow_views(FAMILIES["microscope"], 64):
        result = view(red, source(400))
        assert (result[:, 0] > result[:, 1] + 0.05).all(), "no hue, no grey, no inversion under the microscope"
        assert (result[:, 1] > result[:, 2]).all()
    assert not FAMILIES["natural"].half_turns
    assert "rotate" not in FAMILIES["digits"].operations


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ({"flip_x": 0}, {(0, False)}),
        ({"flip_x": 1}, {(0, False), (0, True)}),
        ({"flip_x": 0, "half_turns": 1}, {(0, False), (2, False)}),
        ({"flip_x": 0, "quarter_turns": 1}, {(turns, False) for turns in range(4)}),
        ({"flip_x": 1, "half_turns": 1}, {(turns, mirrored) for turns in (0, 2) for mirrored in (False, True)}),
        ({"quarter_turns": 1}, {(turns, mirrored) for turns in range(4) for mirrored in (False, True)}),
        ({"views": "microscope", "half_turns": 0}, {(0, False), (0, True)}),
    ],
)
def test_what_is_said_of_mirroring_and_turning_is_what_torchvision_would_do(
    said: dict[str, Any], ways: set[tuple[int, bool]]
) -> None:
    corners = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2)
    expected = {
        bytes(TF.rotate(TF.hflip(corners) if mirrored else corners, 90 * turns).numpy().tobytes())
        for turns, mirrored in ways
    }
    images = corners.repeat(800, 1, 1, 1)
    found = views.turn(images, source(800), views.family_of(PretrainConfig(**said)))
    assert torch.equal(images, corners.expand(800, -1, -1, -1)), "the images themselves stay"
    seen, counts = np.unique(found.flatten(1).numpy(), axis=0, return_counts=True)
    assert {row.tobytes() for row in seen} == expected
    assert len(ways) == 1 or stats.chisquare(counts).pvalue > 1e-4


def test_what_is_said_of_colors_overrules_the_family() -> None:
    natural = FAMILIES["natural"]
    assert views.family_of(PretrainConfig()) == natural
    own = views.family_of(PretrainConfig(recolor=0))
    red = torch.tensor([200, 60, 20], dtype=torch.uint8).view(1, 3, 1, 1).expand(400, 3, 64, 64)
    for view in barlow_views(own, 64):
        result = view(red, source(400))
        assert (result[:, 0] > result[:, 1] + 0.05).all(), "red stays red"
    assert not {"color", "equalize", "posterize", "solarize"} & set(own.operations)
    assert views.family_of(PretrainConfig(recolor=1)) == natural
    digits = views.family_of(PretrainConfig(views="digits", recolor=1))
    changed = natural.hue, natural.grey, natural.solarize
    assert (digits.hue, digits.grey, digits.solarize) == changed
    assert digits.operations == FAMILIES["digits"].operations


def test_microscope_pictures_are_seen_all_eight_ways_equally_often() -> None:
    corners = torch.zeros(4000, 1, 2, 2, dtype=torch.uint8)
    corners[:, 0] = torch.tensor([[0, 1], [2, 3]])
    turned = views.turn(corners, source(4000), FAMILIES["microscope"]).flatten(1).long()
    counts = np.unique((turned * torch.tensor([64, 16, 4, 1])).sum(1).numpy(), return_counts=True)[1]
    assert len(counts) == 8
    assert stats.chisquare(counts).pvalue > 1e-4


MANY = 1500


def features(images: Tensor) -> dict[str, Tensor]:
    """What is compared of each image (N, 3, H, W): moments, colours, quantiles, structure and place."""
    grey = images.mean(1)
    values = images.flatten(1)
    weights = torch.linspace(-1, 1, images.shape[3])
    # Pillow's levels are whole, ours are not: quantiles are dithered by a few levels, or rounding alone would tell.
    dither = torch.rand(len(images), generator=torch.Generator().manual_seed(len(images))) * 8 / 255
    return {
        "mean": values.mean(1),
        "std": values.std(1),
        "red": images[:, 0].mean((1, 2)),
        "blue": images[:, 2].mean((1, 2)),
        "saturation": (images.amax(1) - images.amin(1)).mean((1, 2)),
        "dark": values.quantile(0.05, 1) + dither,
        "bright": values.quantile(0.95, 1) + dither,
        "edges x": grey.diff(dim=2).abs().mean((1, 2)),
        "edges y": grey.diff(dim=1).abs().mean((1, 2)),
        "left to right": (grey * weights).mean((1, 2)),
        "top to bottom": (grey * weights.view(-1, 1)).mean((1, 2)),
    }


def assert_same_distribution(found: Tensor, expected: Tensor) -> None:
    """Kolmogorov-Smirnov on every feature, and means and spreads within five standard errors."""
    theirs = features(expected)
    for name, mine in features(found).items():
        assert stats.ks_2samp(mine.numpy(), theirs[name].numpy()).pvalue > 1e-4, name
        error = float((mine.var() / len(mine) + theirs[name].var() / len(expected)).sqrt())
        assert abs(float(mine.mean() - theirs[name].mean())) <= 5 * error + 1e-3, name
        assert float(mine.std()) == pytest.approx(float(theirs[name].std()), rel=0.2, abs=2e-3), name


def by_torchvision(transform: Callable[..., object], size: int, seed: int = 0) -> Tensor:
    """Apply a random transform of torchvision to one photograph, through Pillow, many times."""
    image = TF.to_pil_image(photos(2, size)[1])
    torch.manual_seed(seed)
    return torch.stack([TF.to_tensor(transform(image)) for _ in range(MANY)])


def repeated(size: int) -> Tensor:
    return photos(2, size)[1:].expand(MANY, -1, -1, -1)


def test_crops_are_distributed_as_torchvisions() -> None:
    crop = T.RandomResizedCrop(32, interpolation=InterpolationMode.BICUBIC)
    found = views.random_resized_crop(repeated(32), source(MANY), 32, 0.08)
    assert_same_distribution(found, by_torchvision(crop, 32))


def test_jitter_is_distributed_as_torchvisions() -> None:
    found = repeated(32).float() / 255
    views.recolor(found, source(MANY), replace(FAMILIES["natural"], grey=0.0))
    expected = T.RandomApply([T.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)], p=0.8)
    assert_same_distribution(found, by_torchvision(expected, 32))


@pytest.mark.parametrize("size", [32, pytest.param(64, marks=pytest.mark.slow)])
def test_the_views_of_barlow_twins_are_distributed_as_published(size: int) -> None:
    def published(blur: float, solarize: float) -> T.Compose:
        return T.Compose(
            [
                T.RandomResizedCrop(size, interpolation=InterpolationMode.BICUBIC),
                T.RandomHorizontalFlip(0.5),
                T.RandomApply([T.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)], p=0.8),
                T.RandomGrayscale(0.2),
                T.RandomApply([T.GaussianBlur(2 * BLUR_RADIUS + 1, (0.1, 2.0))], p=blur),
                T.RandomSolarize(128, solarize),
            ]
        )

    blurs = (1.0, 0.1) if size > views.SMALL_IMAGE else (0.0, 0.0)
    for view, blur, solarize in zip(barlow_views(FAMILIES["natural"], size), blurs, (0.0, 0.2), strict=True):
        assert_same_distribution(view(repeated(size), source(MANY)), by_torchvision(published(blur, solarize), size))


def test_the_weak_view_is_fixmatchs() -> None:
    published = T.Compose([T.RandomHorizontalFlip(), T.RandomCrop(32, padding=4, padding_mode="reflect")])
    found = weak_view(FAMILIES["natural"], 32)(repeated(32), source(MANY))
    expected = by_torchvision(published, 32)
    assert_same_distribution(found, expected)
    # Exactly 2 · 9 · 9 views there are, and each is one of them.
    assert set(map(bytes, (found * 255).byte().flatten(1).numpy())) <= all_weak_views()


def all_weak_views() -> set[bytes]:
    image = photos(2, 32)[1]
    result = set()
    for flipped in (image, image.flip(2)):
        padded = TF.pad(flipped, [4], padding_mode="reflect")
        result |= {
            bytes(padded[:, top : top + 32, left : left + 32].flatten().numpy())
            for top in range(9)
            for left in range(9)
        }
    return result


def test_randaugment_draws_operations_and_magnitudes_evenly() -> None:
    """Against the paper's table 12, one image at a time through Pillow."""
    found = repeated(32).float() / 255
    found = found.clone()
    randaugment(found, source(MANY), FAMILIES["natural"].operations)
    generator = np.random.default_rng(3)
    grey = [127, 127, 127]
    bilinear = InterpolationMode.BILINEAR

    def affine(image: object, **changes: object) -> object:
        plain = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
        return TF.affine(image, **{**plain, **changes}, interpolation=bilinear, fill=grey)

    def shear() -> float:
        return float(np.degrees(np.arctan(generator.uniform(-0.3, 0.3))))

    def pixels() -> int:
        return round(generator.uniform(-0.3, 0.3) * 32)

    table: list[Callable[[object], object]] = [
        TF.autocontrast, TF.equalize, lambda image: image,
        lambda image: TF.adjust_brightness(image, generator.uniform(0.05, 0.95)),
        lambda image: TF.adjust_saturation(image, generator.uniform(0.05, 0.95)),
        lambda image: TF.adjust_contrast(image, generator.uniform(0.05, 0.95)),
        lambda image: TF.adjust_sharpness(image, generator.uniform(0.05, 0.95)),
        lambda image: TF.posterize(image, int(generator.integers(4, 9))),
        lambda image: TF.solarize(image, generator.uniform(0, 255)),
        lambda image: TF.rotate(image, generator.uniform(-30, 30), bilinear, fill=grey),
        lambda image: affine(image, shear=[shear(), 0.0]), lambda image: affine(image, shear=[0.0, shear()]),
        lambda image: affine(image, translate=[pixels(), 0]), lambda image: affine(image, translate=[0, pixels()]),
    ]  # fmt: skip
    assert len(table) == len(FAMILIES["natural"].operations)

    def augment(image: object) -> object:
        for _ in range(2):
            image = table[generator.integers(len(table))](image)
        return image

    assert_same_distribution(found, by_torchvision(augment, 32))


@pytest.mark.parametrize("kind", get_args(Views))
def test_help_tells_the_smallest_crop_of_each_family(kind: Views) -> None:
    told = {parameter.name: parameter.help for parameter in parameters(PretrainConfig)}["smallest_crop"]
    own = views.pretraining_family(PretrainConfig(views=kind))
    assert f"{kind} {own.smallest_crop:g}" in told
    assert own == FAMILIES[kind]
    assert views.pretraining_family(PretrainConfig(views=kind, smallest_crop=0.3)).smallest_crop == 0.3
