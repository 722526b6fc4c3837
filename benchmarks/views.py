"""Pairs of views made in a second: this project's, torchvision's and kornia's, on the same real images.

On the CPU seconds of processor time on one thread count, so that other work on the machine weighs less; on a GPU the
time until it is done, without the sides that need Pillow.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms import functional as pillow

from barlowmatch.data.resampling import BLUR_RADIUS
from barlowmatch.data.views import FAMILIES, SMALL_IMAGE, barlow_views, strong_view, weak_view
from barlowmatch.randomness import SampleRandom
from benchmarks.measuring import table

BICUBIC = InterpolationMode.BICUBIC
KERNEL = 2 * BLUR_RADIUS + 1
BATCHES = {32: 256, 96: 64, 224: 16}
GPU_BATCH = 512

Side = Callable[[Tensor], object]
"""Makes two views of each of a batch of uint8 images."""


def photographs(count: int, size: int) -> Tensor:
    """Return pieces of scikit-learn's two sample photographs, uint8 (count, 3, size, size)."""
    from sklearn.datasets import load_sample_images

    pictures = [torch.from_numpy(np.array(picture)).permute(2, 0, 1) for picture in load_sample_images().images]
    random = np.random.default_rng(0)
    pieces = []
    for number in range(count):
        side = int(random.integers(max(size, 100), 420))
        top, left = int(random.integers(0, 427 - side)), int(random.integers(0, 640 - side))
        piece = pictures[number % 2][:, top : top + side, left : left + side]
        pieces.append(pillow.resize(piece, [size, size], antialias=True))
    return torch.stack(pieces)


def ours(views: tuple[Callable[[Tensor, SampleRandom], Tensor], ...]) -> Side:
    """Return our views of a batch."""
    steps = iter(range(10**9))

    def run(images: Tensor) -> object:
        random = SampleRandom(0, next(steps), torch.arange(len(images)))
        return [view(images, random.child(str(number))) for number, view in enumerate(views)]

    return run


def image_by_image(
    first: Callable[..., Any], second: Callable[..., Any], prepare: Callable[[Tensor], object] = pillow.to_pil_image
) -> Side:
    """Return the original's way: one image after the other, through Pillow unless `prepare` says otherwise."""

    def run(images: Tensor) -> object:
        pictures = [prepare(image) for image in images]
        return [torch.stack([view(picture) for picture in pictures]) for view in (first, second)]

    return run


def whole_batch(first: Callable[..., Any], second: Callable[..., Any]) -> Side:
    """Return transforms that take a batch."""
    return lambda images: [first(images), second(images)]


def barlow_sides(size: int) -> dict[str, Side]:
    """Return who makes the two views of Barlow Twins."""
    import kornia.augmentation as kornia

    blurs = (1.0, 0.1) if size > SMALL_IMAGE else (0.0, 0.0)

    def pillow_blur(picture: Image.Image) -> Image.Image:
        return picture.filter(ImageFilter.GaussianBlur(float(torch.rand(())) * 1.9 + 0.1))

    def published(blur: float, solarize: float) -> Callable[..., Any]:
        composed: Callable[..., Any] = transforms.Compose(
            [
                transforms.RandomResizedCrop(size, interpolation=BICUBIC),
                transforms.RandomHorizontalFlip(),
                transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
                transforms.RandomGrayscale(0.2),
                transforms.RandomApply([pillow_blur], p=blur),
                transforms.RandomSolarize(128, solarize),
                transforms.ToTensor(),
            ]
        )
        return composed

    def batched(blur: float, solarize: float) -> Callable[..., Any]:
        composed: Callable[..., Any] = v2.Compose(
            [
                v2.RandomResizedCrop(size, interpolation=BICUBIC, antialias=True),
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomApply([v2.GaussianBlur(KERNEL, (0.1, 2.0))], p=blur),
                v2.RandomSolarize(128, solarize),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )
        return composed

    def on_tensors(blur: float, solarize: float) -> Callable[..., Any]:
        steps = [
            kornia.RandomResizedCrop((size, size), scale=(0.08, 1.0), resample="bicubic"),
            kornia.RandomHorizontalFlip(p=0.5),
            kornia.ColorJitter(0.4, 0.4, 0.2, 0.1, p=0.8),
            kornia.RandomGrayscale(p=0.2),
            kornia.RandomGaussianBlur((KERNEL, KERNEL), (0.1, 2.0), p=blur),
            kornia.RandomSolarize(thresholds=(0.5, 0.5), additions=(0.0, 0.0), p=solarize),
        ]
        composed = kornia.AugmentationSequential(*steps, data_keys=["input"])
        return lambda images: composed(images.float() / 255)

    return {
        "ours": ours(barlow_views(FAMILIES["natural"], size)),
        "torchvision, Pillow": image_by_image(published(blurs[0], 0.0), published(blurs[1], 0.2)),
        "torchvision v2, image by image": image_by_image(
            batched(blurs[0], 0.0), batched(blurs[1], 0.2), prepare=lambda image: image
        ),
        "torchvision v2, one draw a batch": whole_batch(batched(blurs[0], 0.0), batched(blurs[1], 0.2)),
        "kornia": whole_batch(on_tensors(blurs[0], 0.0), on_tensors(blurs[1], 0.2)),
    }


def fixmatch_sides(size: int) -> dict[str, Side]:
    """Return who makes a weak and a strong view."""
    weak = [
        transforms.RandomHorizontalFlip(),
        transforms.RandomCrop(size, padding=max(1, size // 8), padding_mode="reflect"),
    ]
    strong = [*weak, transforms.RandAugment(2, 10), transforms.ToTensor(), transforms.RandomErasing(1.0)]
    return {
        "ours": ours((weak_view(FAMILIES["natural"], size), strong_view(FAMILIES["natural"], size))),
        "torchvision, Pillow": image_by_image(
            transforms.Compose([*weak, transforms.ToTensor()]), transforms.Compose(strong)
        ),
    }


def measure(sides: dict[str, Side], images: Tensor, rounds: int) -> dict[str, float]:
    """Return the median pairs a second of each side; the sides take turns."""
    for side in sides.values():
        side(images)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            started = _now(images.device)
            side(images)
            rates[name].append(len(images) / (_now(images.device) - started))
    return {name: round(statistics.median(values), 1) for name, values in rates.items()}


def _now(device: torch.device) -> float:
    """Return the seconds that count on `device`."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table and return pairs a second by method, size and side, and our ratio to the next."""
    parser = argparse.ArgumentParser(prog="benchmarks views", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(BATCHES), help="sides of the images in px")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each side; the median counts")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    on_cpu = options.device == "cpu"
    figures: dict[str, Any] = {"barlow": {}, "fixmatch": {}}
    rows = []
    for size in options.sizes:
        images = photographs(BATCHES.get(size, 32) if on_cpu else GPU_BATCH, size).to(options.device)
        for method, sides in (("barlow", barlow_sides(size)), ("fixmatch", fixmatch_sides(size))):
            able = {name: side for name, side in sides.items() if on_cpu or "Pillow" not in name}
            rates = measure(able, images, options.rounds)
            # One draw for a whole batch is another method: shown, not compared.
            others = [rate for name, rate in rates.items() if name not in {"ours", "torchvision v2, one draw a batch"}]
            ratio = {"ratio_vs_best": round(rates["ours"] / max(others), 2)} if others else {}
            figures[method][f"{size}px"] = rates | ratio
            rows += [[method, f"{size} px", name, f"{rate:,.0f}"] for name, rate in rates.items()]
    print(table(["views of", "size", "side", "pairs/s a core" if on_cpu else "pairs/s"], rows))
    return figures
