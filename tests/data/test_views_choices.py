"""What an image draws is what becomes of it: crops, blurs, shifts, jitter, RandAugment and cutout, one by one."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms import functional as TF

from barlowmatch.configs.shared import Views
from barlowmatch.data import views
from barlowmatch.data.randaugment import OPERATIONS, cutout, randaugment
from barlowmatch.data.resampling import BLUR_RADIUS
from barlowmatch.data.views import FAMILIES, barlow_views, strong_view, weak_view
from barlowmatch.randomness import SampleRandom
from tests.data.photos import photos


def source(count: int) -> SampleRandom:
    return SampleRandom(5, 9, torch.arange(count))


def ramps(count: int, size: int) -> Tensor:
    """Return images whose red grows to the right and whose green grows downward, a level of 255 / size a pixel."""
    level = torch.arange(size).mul(256 // size).to(torch.uint8)
    image = torch.stack([level.expand(size, size), level.unsqueeze(1).expand(size, size), level.expand(size, size)])
    return image.expand(count, -1, -1, -1)


@pytest.mark.parametrize(("family", "smallest"), [("natural", 0.08), ("microscope", 0.2), ("digits", 0.4)])
def test_a_crop_keeps_as_much_as_the_family_asks(family: Views, smallest: float) -> None:
    of, count, size = FAMILIES[family], 2000, 64
    random = source(count)
    view = barlow_views(of, 32)[0](ramps(count, size), random)
    alone = ~random.happens("jitter", 0.8) & ~random.happens("grey", of.grey)
    ends = view[alone].amax((2, 3)) - view[alone].amin((2, 3))
    wide, high = (ends[:, channel] * 255 / 4 + 1 for channel in (0, 1))
    area, ratio = wide * high / size**2, wide / high
    assert len(area) > 300
    assert 0.85 * smallest < area.min() < 1.2 * smallest + 0.02
    assert area.max() > 0.95
    assert 0.7 < ratio.min() < 0.78
    assert 1.28 < ratio.max() < 1.43
    assert ((wide > size - 0.5) & (high > size - 0.5)).float().mean() < 0.02, "of ten draws hardly ever none fits"


def test_crops_lie_anywhere_with_no_side_preferred() -> None:
    found = views.random_resized_crop(ramps(20_000, 8), source(20_000), 8, 0.5)
    for channel, dim in ((0, 3), (1, 2)):
        places = found[:, channel].mean((1, 2)) * 255 / 32
        error = float(places.std()) / len(places) ** 0.5
        assert abs(float(places.mean()) - 3.5) < 4.5 * error + 5e-3, dim


def test_above_48_pixels_the_first_view_is_always_blurred_and_the_second_seldom() -> None:
    of = FAMILIES["microscope"]  # which solarizes nothing: with one source the views differ by the blur alone
    for size, alike in ((48, 1.0), (49, 0.1)):
        images, random = photos(2, size)[1:].expand(250, -1, -1, -1), source(250)
        first, second = (view(images, random) for view in barlow_views(of, size))
        same = (first == second).flatten(1).all(1)
        assert float(same.float().mean()) == pytest.approx(alike, abs=0.06)
    sigma, kernel = random.between("sigma", 0.1, 2.0), 2 * BLUR_RADIUS + 1
    for place in torch.nonzero(~same).flatten()[:15].tolist():
        width = float(sigma[place])
        torch.testing.assert_close(
            first[place], TF.gaussian_blur(second[place], [kernel, kernel], [width, width]), atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(("size", "most"), [(4, 1), (16, 2), (64, 8)])
def test_weak_views_move_by_up_to_an_eighth_of_the_side(size: int, most: int) -> None:
    found = weak_view(FAMILIES["digits"], size)(ramps(600, size), source(600))
    middle = (found[:, :2, size // 2, size // 2] * 255 / (256 // size)).round().long() - size // 2
    for moves in middle.unbind(1):
        assert moves.unique().tolist() == list(range(-most, most + 1))


def test_jitter_is_torchvisions_with_what_the_image_drew() -> None:
    """A factor of each operation, and the order in which they follow each other."""
    count, of = 60, FAMILIES["natural"]
    before, random = photos(count, 24).float() / 255, source(count)
    found = before.clone()
    views.recolor(found, random, of)
    operations: list[tuple[str, float, float, Callable[[Tensor, float], Tensor]]] = [
        ("brightness", 0.6, 1.4, TF.adjust_brightness), ("contrast", 0.6, 1.4, TF.adjust_contrast),
        ("saturation", 0.8, 1.2, TF.adjust_saturation), ("hue", -0.1, 0.1, TF.adjust_hue),
    ]  # fmt: skip
    factors = [random.between(name, low, high).tolist() for name, low, high, _ in operations]
    order, jittered, grey = random.permutations("order", 4), random.happens("jitter", 0.8), random.happens("grey", 0.2)
    for place in range(count):
        image = before[place]
        for number in order[place].tolist() if jittered[place] else ():
            image = operations[number][3](image, factors[number][place])
        image = TF.rgb_to_grayscale(image, 3) if grey[place] else image
        assert float((found[place] - image).abs().max()) < 0.005


def test_randaugment_is_its_operations_with_what_the_image_drew() -> None:
    names = FAMILIES["natural"].operations
    before, random = photos(80, 24).float() / 255, source(80)
    found = before.clone()
    randaugment(found, random, names)
    drawn, magnitudes = random.integers("operation", len(names), 2), random.uniform("magnitude", 2)
    for place in range(80):
        image = before[place : place + 1]
        for turn in range(2):
            image = OPERATIONS[names[int(drawn[place, turn])]](image, magnitudes[place : place + 1, turn])
        torch.testing.assert_close(found[place], image[0], atol=1e-6, rtol=0)


def test_a_strong_view_is_the_weak_one_augmented_and_cut_out() -> None:
    of, images, random = FAMILIES["digits"], photos(20, 32), source(20)
    expected = weak_view(of, 32)(images, random)
    randaugment(expected, random, of.operations)
    assert torch.equal(strong_view(of, 32)(images, random), cutout(expected, random))


def test_cutouts_lie_anywhere_and_are_of_any_size() -> None:
    count, size = 4000, 64
    hidden = (cutout(torch.zeros(count, 1, size, size), source(count)) == 0.5)[:, 0]
    half = source(count).uniform("cutout size", 1).double().numpy() * size / 4
    middles, pixels = source(count).uniform("cutout place", 2).double().numpy() * size, np.arange(size) + 0.5
    for place in range(50):
        near = [np.abs(pixels - middle) <= half[place] for middle in middles[place]]
        assert (hidden[place].numpy() == np.outer(*near)).all()
    rows, columns = hidden.any(2), hidden.any(1)
    inside = ~(rows[:, 0] | rows[:, -1] | columns[:, 0] | columns[:, -1])
    sides = rows[inside].sum(1).double()
    chance = stats.uniform(0, size / 2)
    weights = (1 - sides.numpy() / size) ** -2  # a larger square lies more seldom wholly inside
    shares = np.histogram(sides.numpy(), [0, 8, 16, 24, 33], weights=weights)[0]
    np.testing.assert_allclose(shares / shares.sum(), np.diff(chance.cdf([0, 8, 16, 24, 32])), atol=0.04)
    places = torch.arange(size) + 0.5
    top, left = ((hit[inside] * places).sum(1) / hit[inside].sum(1).clamp_min(1) for hit in (rows, columns))
    seen = sides > 0
    assert abs(float(np.corrcoef(top[seen], left[seen])[0, 1])) < 4.5 / float(seen.sum()) ** 0.5
    for middle in (top[seen], left[seen]):
        assert abs(float(middle.mean()) - size / 2) < 4.5 * float(middle.std()) / float(seen.sum()) ** 0.5
