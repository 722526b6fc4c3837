"""Taking up what a model thinks: guesses, an order of similar images, nearest neighbours, labels that are suspect.

Heavy, so it runs in the command's own process; the server only reads what is stored here.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barlowmatch.data.dataset import Rows
from barlowmatch.embeddings.folder import Embeddings, read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.linear_probe import Floats
from barlowmatch.words import count
from labeling.embeddings.columns import classes_of_columns
from labeling.embeddings.suspecting import suspects_among_labels
from labeling.project import writing
from storage.database import Database, transaction
from storage.images import all_images
from storage.parts import store_in_parts
from storage.predictions import LEARNED, NewPrediction, add_run, put_predictions
from storage.records import Guess
from storage.requests import latest_event, open_images, put_neighbours
from storage.settings import put_setting
from storage.suspects import put_suspects

PAGE = 48
"""Images of a leaf of the order: about a page of the grid."""
NEIGHBOURS = 3
_BLOCK = 2048
_STEPS = 8


@dataclass(frozen=True)
class Taken:
    """How many predictions were stored, of how many asked-for images the neighbours, how many labels are suspect."""

    predictions: int
    neighbours: int
    suspects: int


def import_embeddings(folder: Path, embeddings: Path, learned: int | None = None) -> Taken:
    """Store what an embeddings folder says about the images of a project.

    Args:
        folder: of the project.
        embeddings: what is taken up.
        learned: label event at which their network was trained, None where unknown: it counts as knowing all labels.

    Raises:
        InputError: it is damaged, of other images, or its classes are not the project's.
    """
    source = read_embeddings(embeddings)
    with writing(folder) as db:
        images, rows = match_images(db, source)
        probabilities = source.shares(rows)
        predictions: list[NewPrediction] = []
        if probabilities is not None:
            columns = _class_columns(db, source)
            predictions = list(_predictions(images, probabilities, source.unit_vectors(rows), columns))
        row_of = dict(zip(images.tolist(), rows.tolist(), strict=True))
        neighbours = list(_neighbours(db, source, row_of))
        suspects = suspects_among_labels(db, row_of, source.unit_vectors)
        with transaction(db):
            run = add_run(db, os.fsencode(embeddings.absolute()), source.meta.get("stage", "embed"))
        store_in_parts(db, predictions, lambda part: put_predictions(db, run, part))
        store_in_parts(db, neighbours, lambda part: _put_neighbours(db, part))
        with transaction(db):
            if predictions:
                put_setting(db, LEARNED, latest_event(db) if learned is None else learned)
            put_suspects(db, suspects)
        return Taken(len(predictions), len(neighbours), len(suspects))


def _put_neighbours(db: Database, found: Sequence[tuple[int, int, list[tuple[int, float]]]]) -> None:
    for request, image, near in found:
        put_neighbours(db, request, image, near)


def match_images(db: Database, source: Embeddings) -> tuple[Rows, Rows]:
    """Return image ids and rows of the embeddings that are of the same content (or, without hashes, name)."""
    by_hash: dict[str, list[int]] = {}
    by_name: dict[str, int] = {}
    for image in all_images(db):
        if image.present:
            by_hash.setdefault(image.sha256, []).append(image.id)
            by_name[os.fsdecode(image.path)] = image.id
    pairs: dict[int, int] = {}
    for row, (file, sha256) in enumerate(zip(source.table.files, source.table.sha256, strict=True)):
        named = by_name.get(file) or by_name.get(file.removeprefix("dataset/"))
        for number in by_hash.get(sha256, []) if sha256 else ([named] if named else []):
            pairs[number] = row
    if not pairs:
        raise InputError(
            f"{source.folder}: none of its {count(len(source), 'image')} is in the project; embed the project's images"
        )
    return np.array(list(pairs), np.int64), np.array(list(pairs.values()), np.int64)


def _class_columns(db: Database, source: Embeddings) -> list[int]:
    """Return the project's class of each column of the probabilities."""
    columns = []
    for found, column in zip(classes_of_columns(db, source.classes), source.classes, strict=True):
        if found is None:
            told = f'predicts the class "{column.name}", which the project does not have; add it first'
            raise InputError(f"{source.folder}: {told}")
        columns.append(found)
    return columns


def _predictions(images: Rows, probabilities: Floats, vectors: Floats, columns: list[int]) -> Iterator[NewPrediction]:
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
    order = similarity_order(vectors, best[:, 0])
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    for at, image in enumerate(images.tolist()):
        guesses = tuple(Guess(columns[column], float(probabilities[at, column])) for column in best[at].tolist())
        yield NewPrediction(image, guesses, int(place[at]))


def similarity_order(vectors: Floats, groups: Rows) -> Rows:
    """Return an order of rows, group by group, in which similar rows of a group lie close to each other.

    Each group is halved along the direction in which it spreads most, again and again, until a part fits a page.

    Args:
        vectors: (N, D), unit length.
        groups: (N,) what belongs together.
    """
    found: list[Rows] = []
    for group in np.unique(groups):
        waiting = [np.flatnonzero(groups == group)]
        while waiting:
            rows = waiting.pop()
            along = rows[np.argsort(_spread(vectors[rows]), kind="stable")]
            if len(rows) <= PAGE:
                found.append(along)
            else:
                half = PAGE * max(1, round(len(rows) / (2 * PAGE)))
                waiting += [along[half:], along[:half]]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _spread(vectors: Floats) -> Floats:
    """Return the coordinate of each row along the direction of greatest spread (power iteration)."""
    centred = vectors - vectors.mean(0)
    direction = centred[np.argmax((centred**2).sum(1))]
    for _ in range(_STEPS):
        direction = centred.T @ (centred @ direction)
        length = float(np.linalg.norm(direction))
        if length == 0.0:
            return np.zeros(len(vectors), np.float32)
        direction = direction / length
    coordinates: Floats = centred @ direction
    return coordinates


def _neighbours(
    db: Database, source: Embeddings, row_of: dict[int, int]
) -> Iterator[tuple[int, int, list[tuple[int, float]]]]:
    """Yield each request and image it asks about, with the labeled images that lie nearest."""
    labeled = [image.id for image in all_images(db) if image.label.state == "labeled" and image.id in row_of]
    asked = [(request, image) for request, image in open_images(db) if image in row_of]
    if not labeled or not asked:
        return
    known = source.unit_vectors(np.array([row_of[image] for image in labeled], np.int64))
    for start in range(0, len(asked), _BLOCK):
        part = asked[start : start + _BLOCK]
        similarity = source.unit_vectors(np.array([row_of[image] for _, image in part], np.int64)) @ known.T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
        for at, (request, image) in enumerate(part):
            yield request, image, [(labeled[column], float(similarity[at, column])) for column in nearest[at].tolist()]
