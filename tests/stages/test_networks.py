"""What a network starts from: a classifier from the rows of classes known before, pretraining from its projector."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from barlowmatch.checkpoints import Checkpoint
from barlowmatch.configs.training import FixMatchConfig, PretrainConfig
from barlowmatch.data.classes import ImageClass, class_id
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Event, Said
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Architecture, seeded_network
from barlowmatch.stages.images import Images, load_images
from barlowmatch.stages.networks import Origin, build_classifying_network, build_pretraining_network
from tests.stages.small_datasets import pictures

BACKBONE = Architecture(
    backbone="resnet18_quarter", stem="small", image_size=16, fit="pad", mean=(0.5,) * 3, std=(0.2,) * 3
)
CAT, DOG = ImageClass(class_id("cat"), "cat"), ImageClass(class_id("dog"), "dog")


def numbered(*names: str) -> list[ImageClass]:
    return [ImageClass(number, name) for number, name in enumerate(names)]


def loaded(home: Path) -> tuple[FixMatchConfig, Images]:
    """Return the images in `home`'s folder `data`."""
    config = FixMatchConfig(dataset_folder=home / "data", cache_folder=home / "cache")
    compute = Compute(torch.device("cpu"), torch.float32, autocast=False)
    return config, load_images(read_dataset(config), config, compute, lambda event: None)


def classifying(classes: list[ImageClass]) -> Checkpoint:
    """Return the checkpoint of a network that nobody has trained, of images of 8 bits."""
    architecture = replace(BACKBONE, classifier_width=32)
    network = seeded_network(architecture, len(classes), 7)
    assert network.classifier is not None
    return {
        "architecture": architecture.to_dict(), "classes": [{"id": item.id, "name": item.name} for item in classes],
        "backbone": network.backbone.state_dict(), "classifier": network.classifier.state_dict(),
    }  # fmt: skip


def pretraining(width: int) -> Checkpoint:
    """Return the checkpoint of a network with a projector that nobody has trained."""
    network = seeded_network(replace(BACKBONE, projector_width=width), 0, 7)
    return {"architecture": network.architecture.to_dict(), "classes": [], **network.parts()}


@pytest.mark.parametrize(("width", "kept"), [(64, True), (32, False)])
def test_pretraining_goes_on_with_the_projector_it_had_where_that_is_as_wide(
    width: int, kept: bool, tmp_path: Path
) -> None:
    pictures(tmp_path / "data", "a.png", "b.png")
    base, images = loaded(tmp_path)
    config = PretrainConfig(dataset_folder=base.dataset_folder, cache_folder=base.cache_folder, projector_width=64)
    checkpoint = pretraining(width)
    projector = build_pretraining_network(config, Origin(checkpoint, Path("p.pt")), images).parts()["projector"]
    assert all(torch.equal(checkpoint["projector"][name], value) for name, value in projector.items()) == kept


@pytest.mark.parametrize(
    ("known", "today", "rows"),
    [
        (numbered("cat", "dog"), numbered("dog", "cat"), [1, 0]),
        (numbered("cat", "dog"), numbered("kitty", "dog", "cow"), [0, 1, None]),
        (numbered("cat", "dog"), numbered("cow", "cat"), [None, 0]),
        ([CAT, DOG], numbered("dog", "cow", "cat"), [1, None, 0]),
        ([CAT, DOG], [DOG, ImageClass(CAT.id, "kitty")], [1, 0]),
    ],
)
def test_a_class_starts_from_the_row_it_had(
    known: list[ImageClass], today: list[ImageClass], rows: list[int | None], tmp_path: Path
) -> None:
    pictures(tmp_path / "data", "a.png", "b.png")
    config, images = loaded(tmp_path)
    checkpoint = classifying(known)
    events: list[Event] = []
    origin = Origin(checkpoint, tmp_path / "c.pt")
    started = build_classifying_network(config, origin, images, today, events.append)
    assert started.classifier is not None
    before, after = checkpoint["classifier"], started.classifier.last
    same = [[torch.equal(row, old) for old in before["last.weight"]] for row in after.weight]
    assert same == [[place == row for place in range(len(known))] for row in rows]
    assert [after.bias[row].item() for row, place in enumerate(rows) if place is not None] == [
        float(before["last.bias"][place]) for place in rows if place is not None
    ]
    said = [event.message for event in events if isinstance(event, Said)]
    new = f"1 of {len(today)} classes are new to the classifier and start fresh"
    assert said == ([new] if None in rows else [])


def test_the_range_of_deep_pictures_is_kept_where_training_on_them_began(tmp_path: Path) -> None:
    """Measured anew on each folder, it would have the same picture look different to the same network."""
    (tmp_path / "data").mkdir()
    for number in range(2):
        levels = np.linspace(500, 3000 + number, 256, dtype=np.uint16).reshape(16, 16)
        Image.fromarray(levels).save(tmp_path / "data" / f"{number}.png")
    config, images = loaded(tmp_path)
    origin = Origin(classifying(numbered("cat", "dog")), tmp_path / "c.pt")
    started = build_classifying_network(config, origin, images, numbered("cat", "dog"), lambda event: None)
    low, high = started.architecture.sixteen_bit_range or (0.0, 0.0)
    assert (low, high) == images.pixels.sixteen_bit_range
    assert 400 <= low <= 500
    assert 3000 <= high <= 3200
