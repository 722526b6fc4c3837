"""An example to try the workbench on: scikit-learn's 1,797 handwritten digits as a project that asks for 200 of them.

`python -m labeling.example FOLDER` writes the images to `FOLDER/images` and the project to `FOLDER/digits`. A few
digits are labeled; the rest get guesses from their nearest labeled neighbours, and the 200 that lie farthest from
everything labeled are asked for.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import Doc

from barlowmatch.command_line.flags import read_flags
from barlowmatch.errors import InputError
from barlowmatch.files import whole_folder
from labeling.dataset.indexing import init_project
from labeling.project import ProjectFolder, writing
from storage.classes import class_ids
from storage.database import Database, transaction
from storage.images import all_images
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess, NewItem
from storage.records import Image as Record
from storage.requests import add_request, put_neighbours

CELLS = 10
"""Pixels of a digit's side, a margin of one included: the digits touch the edges of their 8 by 8."""
ENLARGED = 8
"""Times that a digit is enlarged, so that a person can read it."""
LABELED = 60
VALIDATION = 100
REQUESTED = 200
NEIGHBOURS = 4


@dataclass(frozen=True, kw_only=True)
class ExampleConfig:
    """Write the handwritten digits as a labeling project; one that is there already is left as it is."""

    folder: Annotated[tyro.conf.Positional[Path], Doc("Where to; `images` and `digits` are made in it.")] = Path(
        "example"
    )


def write_example(folder: Path) -> Path:
    """Write the example unless it is there, and return its project folder.

    Args:
        folder: gets `images/` and the project `digits/`.

    Raises:
        InputError: the folder cannot be written.
    """
    images, project = folder / "images", folder / "digits"
    if not images.exists():
        with whole_folder(images) as partial:
            _write_images(partial)
    if not ProjectFolder(project).exists:
        init_project(project, dataset_folder=images)
        with writing(project) as db, transaction(db):
            _ask(db, images)
    return project


def _write_images(folder: Path) -> None:
    """Write the digits, dark on white: a few in `train/<digit>/` and `val/<digit>/`, the rest in `unlabeled/`."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    for place, row in enumerate(order):
        split = "val" if place < VALIDATION else "train" if place < VALIDATION + LABELED else "unlabeled"
        target = folder / split / ("" if split == "unlabeled" else str(digits.target[row])) / f"{row:04d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        paper = np.pad(255 - digits.images[row] * (255 / 16), 1, constant_values=255)
        small = Image.fromarray(paper.astype(np.uint8))
        small.resize((CELLS * ENLARGED, CELLS * ENLARGED), Image.Resampling.BICUBIC).save(target)


def _ask(db: Database, images: Path) -> None:
    """Enter guesses for the unlabeled digits and ask for those farthest from all labeled ones."""
    records = list(all_images(db))
    labeled = [record for record in records if record.split == "train" and record.label.class_id is not None]
    pool = [record for record in records if record.split == "unlabeled"]
    known, unknown = _pixels(images, labeled), _pixels(images, pool)
    near = unknown @ known.T
    run = add_run(db, b"example", "neighbours")
    put_predictions(db, run, _predictions(pool, labeled, near, sorted(class_ids(db))))
    items = [
        NewItem(pool[row].id, "k-center", score, "farthest from everything labeled or asked for")
        for row, score in _farthest(unknown, near.max(axis=1), REQUESTED)
    ]
    request = add_request(db, items, purpose="train", strategy="k-center")
    rows = {record.id: row for row, record in enumerate(pool)}
    for item in items:
        similarities = near[rows[item.image]]
        nearest = np.argsort(-similarities)[:NEIGHBOURS]
        put_neighbours(db, request.id, item.image, [(labeled[one].id, float(similarities[one])) for one in nearest])


def _pixels(images: Path, records: list[Record]) -> NDArray[np.float32]:
    """Return the images as unit vectors of ink, one a row."""
    rows = []
    for record in records:
        with Image.open(images / record.path.decode()) as image:
            rows.append(255 - np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX), dtype=np.float32).ravel())
    pixels = np.stack(rows)
    unit: NDArray[np.float32] = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    return unit


def _predictions(
    pool: list[Record], labeled: list[Record], near: NDArray[np.float32], classes: list[int]
) -> Iterator[NewPrediction]:
    """Yield a prediction for each image: a softmax over its greatest similarity to a labeled image of each class."""
    of_class = np.array([record.label.class_id for record in labeled])
    best = np.stack([near[:, of_class == one].max(axis=1, initial=0.0) for one in classes], axis=1)
    odds = np.exp(60 * (best - best.max(axis=1, keepdims=True)))
    shares = odds / odds.sum(axis=1, keepdims=True)
    surest_first = np.argsort(np.argsort(-shares.max(axis=1)))
    for row, record in enumerate(pool):
        order = np.argsort(-shares[row])[:3]
        guesses = tuple(Guess(classes[one], float(shares[row, one])) for one in order)
        yield NewPrediction(record.id, guesses, int(surest_first[row]))


def _farthest(points: NDArray[np.float32], nearest: NDArray[np.float32], count: int) -> Iterator[tuple[int, float]]:
    """Yield rows that are each farthest from all labeled and earlier ones (k-center), with their cosine distances."""
    nearest = nearest.copy()
    for _ in range(count):
        row = int(nearest.argmin())
        yield row, round(float(1 - nearest[row]), 4)
        nearest = np.maximum(nearest, points @ points[row])


def main() -> int:
    """Write the example and say how to open it; return the exit status."""
    try:
        project = write_example(read_flags(ExampleConfig, sys.argv[1:], prog="python -m labeling.example").folder)
    except InputError as error:
        print(f"labeling.example: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 2
    print(f"{project}: ready; open it with: python app.py --project {project}")  # noqa: T201 - the command's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
