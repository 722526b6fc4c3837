"""Pictures, and their pixels by way of a cache."""

from pathlib import Path

import numpy as np
from PIL import Image

from barlowmatch.configs.shared import ImageOptions
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import Pixels, load_pixels
from barlowmatch.events import Event, Progress


def write_pictures(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)
    for number in range(count):
        Image.fromarray(noise[number]).save(folder / f"{number}.png")


def load(folder: Path, home: Path, heard: list[Event] | None = None, **options: object) -> Pixels:
    wanted = ImageOptions(dataset_folder=folder, cache_folder=home, **options)
    emit = (lambda event: None) if heard is None else heard.append
    return load_pixels(read_dataset(wanted), wanted, emit)


def works(heard: list[Event]) -> set[str]:
    return {event.work for event in heard if isinstance(event, Progress)}
