"""What a classifier starts from: the rows of the classes that an earlier one knew."""

from pathlib import Path

import pytest
import torch

from barlowmatch.compute import Compute
from barlowmatch.configs.training import FixMatchConfig
from barlowmatch.data.classes import ImageClass, class_id
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Event, Said
from barlowmatch.models.network import Architecture, seeded_network
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import Origin, build_classifying_network
from tests.stages.small_datasets import pictures

CAT, DOG = ImageClass(class_id("cat"), "cat"), ImageClass(class_id("dog"), "dog")


def numbered(*names: str) -> list[ImageClass]:
    return [ImageClass(number, name) for number, name in enumerate(names)]


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
    config = FixMatchConfig(dataset_folder=tmp_path / "data", cache_folder=tmp_path / "cache")
    compute = Compute(torch.device("cpu"), torch.float32, autocast=False)
    images = load_images(read_dataset(config), config, compute, lambda event: None)
    architecture = Architecture(
        backbone="resnet18_quarter", stem="small", image_size=16, fit="pad", mean=(0.5,) * 3, std=(0.2,) * 3,
        classifier_width=32,
    )  # fmt: skip
    network = seeded_network(architecture, len(known), 7)
    assert network.classifier is not None
    checkpoint = {
        "architecture": architecture.to_dict(), "classes": [{"id": item.id, "name": item.name} for item in known],
        "backbone": network.backbone.state_dict(), "classifier": network.classifier.state_dict(),
    }  # fmt: skip
    events: list[Event] = []
    origin = Origin(checkpoint, tmp_path / "c.pt")
    started = build_classifying_network(config, origin, images, today, events.append)
    assert started.classifier is not None
    before, after = network.classifier.last, started.classifier.last
    same = [[torch.equal(row, old) for old in before.weight] for row in after.weight]
    assert same == [[place == row for place in range(len(known))] for row in rows]
    assert [float(after.bias[row]) for row, place in enumerate(rows) if place is not None] == [
        float(before.bias[place]) for place in rows if place is not None
    ]
    said = [event.message for event in events if isinstance(event, Said)]
    new = f"1 of {len(today)} classes are new to the classifier and start fresh"
    assert said == ([new] if None in rows else [])
