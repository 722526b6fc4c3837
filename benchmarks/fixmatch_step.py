"""FixMatch, from image files to updated weights: this project against the stock loop of public code, fp32, 2 workers.

Both train ResNet-18 (3×3 stem) with the same classifier on the same files of CIFAR-10. The other side is how public
PyTorch code writes it: torchvision's RandAugment on Pillow images in DataLoaders, all views in one batch, SGD, an
averaged model.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

from barlowmatch.configs.training import FixMatchConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import silent
from barlowmatch.machine.compute import choose_compute
from barlowmatch.models.backbones import build_backbone
from barlowmatch.models.heads import Classifier
from barlowmatch.stages.fixmatch import FixMatch
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import Origin, build_classifying_network
from benchmarks.datasets import write_cifar10_flat
from benchmarks.measuring import table
from benchmarks.sides import Figures, Side, middle, plain, ratios, serve, take_turns
from benchmarks.steps import time_loop, time_trainer

THREADS = WORKERS = 2
IMAGES = 4000
WIDTH = 512
MU = 7
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


def ours(folder: Path, batch: int, steps: int) -> Callable[[], Figures]:
    """Return our side: the stage's own task in the only training loop, its images decoded into the cache."""
    config = FixMatchConfig(
        dataset_folder=folder, cache_folder=folder.with_name("cache"), threads=THREADS, val_share=0.0,
        batch_size=batch, mu=MU, classifier_width=WIDTH, dropout=0.0,
    )  # fmt: skip
    compute = choose_compute(config)
    dataset = read_dataset(config)
    images = load_images(dataset, config, compute, silent)
    network = build_classifying_network(config, Origin(), images, dataset.classes, silent)
    return time_trainer(FixMatch(network, images, config, compute), config, compute, folder.with_name("run"), steps)


class WeakAndStrong:
    """The transform of the unlabeled images: both views of a picture."""

    def __init__(self) -> None:
        weak = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4, padding_mode="reflect")]
        last = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        self.weak = transforms.Compose([*weak, *last])
        self.strong = transforms.Compose([*weak, transforms.RandAugment(2, 10), *last, transforms.RandomErasing(1.0)])

    def __call__(self, picture: Image.Image) -> tuple[Tensor, Tensor]:
        """Return the weak and the strong view."""
        return self.weak(picture), self.strong(picture)


class BothLoaders:
    """Batches of labeled and of unlabeled images side by side."""

    def __init__(self, folder: Path, batch: int, steps: int) -> None:
        views = WeakAndStrong()
        self._loaders = [
            self._loader(ImageFolder(str(folder), views.weak), batch, steps),
            self._loader(ImageFolder(str(folder), views), batch * MU, steps),
        ]

    @staticmethod
    def _loader(images: Any, batch: int, steps: int) -> DataLoader[Any]:
        sampler = RandomSampler(images, replacement=True, num_samples=batch * (steps + 8))
        return DataLoader(images, batch_size=batch, sampler=sampler, num_workers=WORKERS // 2, drop_last=True)

    def __iter__(self) -> Iterator[Any]:
        return zip(*self._loaders, strict=True)


def stock(folder: Path, batch: int, steps: int) -> Callable[[], Figures]:
    """Return the stock loop."""
    torch.set_num_threads(THREADS)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = build_backbone("resnet18", 32, "small")
            self.classifier = Classifier(512, WIDTH, 10, 0.0)

        def forward(self, images: Tensor) -> Tensor:
            result: Tensor = self.classifier(self.backbone(images))
            return result

    model = Model()
    average = get_ema_multi_avg_fn(0.999)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9, nesterov=True, weight_decay=1e-3)

    def step(found: tuple[tuple[Tensor, Tensor], tuple[tuple[Tensor, Tensor], Tensor]]) -> None:
        (images, labels), ((weak, strong), _) = found
        logits = model(torch.cat([images, weak, strong]))
        labeled, guess, consistent = logits.split([len(images), len(weak), len(strong)])
        confidence, pseudo = guess.detach().softmax(1).max(1)
        sure = (confidence >= 0.95).float()
        unlabeled = (F.cross_entropy(consistent, pseudo, reduction="none") * sure).mean()
        loss = F.cross_entropy(labeled, labels) + unlabeled
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        averaged.update_parameters(model)

    return time_loop(BothLoaders(folder, batch, steps), step, steps)


SIDES = {"ours": ours, "stock": stock}


def compare(batch: int, steps: int, turns: int, home: Path) -> dict[str, Any]:
    """Return the figures of both sides."""
    folder = home / "images"
    write_cifar10_flat(folder / "train", IMAGES, 32)
    mine_words = (str(folder), str(batch), str(steps))
    theirs_words = (str(folder / "train"), str(batch), str(steps))
    with Side("fixmatch_step", "ours", *mine_words) as mine, Side("fixmatch_step", "stock", *theirs_words) as theirs:
        found = take_turns({"ours": mine, "stock": theirs}, turns)
    images = batch * (1 + MU)
    return plain(
        ratio_vs_stock=ratios(found["stock"], found["ours"], "seconds"),
        ratio_of_processor_time=ratios(found["stock"], found["ours"], "processor_seconds"),
        stall_share=middle(found["ours"], "stall_share"),
        images_per_second=images / middle(found["ours"], "seconds"),
        stock_images_per_second=images / middle(found["stock"], "seconds"),
    )


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the ratio."""
    parser = argparse.ArgumentParser(prog="benchmarks fixmatch-step", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=32, help="labeled images in a batch; seven unlabeled ones to each")
    parser.add_argument("--steps", type=int, default=2, help="steps timed in a turn, after one that is not")
    parser.add_argument("--turns", type=int, default=3, help="turns of each side; the median counts")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        found = compare(options.batch, options.steps, options.turns, Path(home))
    print(table(("figure", "value"), [(name.replace("_", " "), str(value)) for name, value in found.items()]))
    return found


if __name__ == "__main__":
    side, images_folder, *numbers = sys.argv[1:]
    serve(SIDES[side](Path(images_folder), *map(int, numbers)))
