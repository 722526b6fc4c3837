"""Taking up what a model thinks: guesses, an order of similar images, nearest neighbours, labels that are suspect.

Heavy, so it runs in the command's own process; the server only reads what is stored here.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barlowmatch.arrays import Floats, Ids, Labels, Rows
from barlowmatch.embeddings.folder import Embeddings, read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.words import count
from labeling.embeddings.columns import classes_of_columns
from labeling.embeddings.leading import leading
from labeling.embeddings.ordering import similarity_order
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

GUESSES = 3
NEIGHBOURS = 3
_BLOCK = 4096
"""Rows that are read at a time: of half a million images neither vectors nor probabilities are all held in memory."""
_ASKED = 8192
"""Images whose neighbours are looked for in one reading of those that are labeled."""


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
        classes = _class_columns(db, source) if source.probabilities is not None else []
        guessed = _guess(source, images, rows)
        row_of = dict(zip(images.tolist(), rows.tolist(), strict=True))
        neighbours = list(_neighbours(db, source, row_of))
        suspects = suspects_among_labels(db, row_of, source.unit_vectors)
        with transaction(db):
            run = add_run(db, os.fsencode(embeddings.absolute()), source.meta.get("stage", "embed"))
        if guessed is not None:
            store_in_parts(db, guessed.predictions(classes), lambda part: put_predictions(db, run, part))
        store_in_parts(db, neighbours, lambda part: _put_neighbours(db, part))
        with transaction(db):
            if guessed is not None:
                put_setting(db, LEARNED, latest_event(db) if learned is None else learned)
            put_suspects(db, suspects)
        return Taken(0 if guessed is None else len(images), len(neighbours), len(suspects))


def _put_neighbours(db: Database, found: Sequence[tuple[int, int, list[tuple[int, float]]]]) -> None:
    for request, image, near in found:
        put_neighbours(db, request, image, near)


def match_images(db: Database, source: Embeddings) -> tuple[Ids, Rows]:
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


@dataclass(frozen=True, eq=False)
class _Guessed:
    """What a network thinks of N images, held as arrays: of a large project the records alone would be gigabytes.

    Attributes:
        images: (N,) ids.
        columns: (N, 3) of the likeliest classes, best first; fewer where there are no three.
        shares: (N, 3) their probabilities.
        places: (N,) among images predicted alike.
    """

    images: Ids
    columns: Labels
    shares: Floats
    places: Rows

    def predictions(self, classes: list[int]) -> Iterator[NewPrediction]:
        """Yield a record for each image; `classes` are those of the columns."""
        found = zip(self.images, self.columns, self.shares, self.places, strict=True)
        for image, columns, shares, place in found:
            pairs = zip(columns.tolist(), shares.tolist(), strict=True)
            guesses = tuple(Guess(classes[column], share) for column, share in pairs)
            yield NewPrediction(int(image), guesses, int(place))


def _guess(source: Embeddings, images: Ids, rows: Rows) -> _Guessed | None:
    """Return what the network thinks of images, None where it is no classifier."""
    width = min(GUESSES, len(source.classes))
    columns, shares = np.empty((len(rows), width), np.int64), np.empty((len(rows), width), np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        probabilities = source.shares(rows[part])
        if probabilities is None:
            return None
        columns[part], shares[part] = leading(probabilities, GUESSES)
    order = similarity_order(lambda places: source.unit_vectors(rows[places]), columns[:, 0])
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return _Guessed(images, columns, shares, places)


def _neighbours(
    db: Database, source: Embeddings, row_of: dict[int, int]
) -> Iterator[tuple[int, int, list[tuple[int, float]]]]:
    """Yield each request and image it asks about, with the labeled images that lie nearest."""
    labeled = [image.id for image in all_images(db) if image.label.state == "labeled" and image.id in row_of]
    asked = [(request, image) for request, image in open_images(db) if image in row_of]
    if not labeled or not asked:
        return
    known = np.array([row_of[image] for image in labeled], np.int64)
    for start in range(0, len(asked), _ASKED):
        part = asked[start : start + _ASKED]
        rows = np.array([row_of[image] for _, image in part], np.int64)
        places, similarities = _nearest(source, rows, known)
        for (request, image), near, similar in zip(part, places.tolist(), similarities.tolist(), strict=True):
            pairs = zip(near, similar, strict=True)
            yield request, image, [(labeled[place], similarity) for place, similarity in pairs]


def _nearest(source: Embeddings, rows: Rows, known: Rows) -> tuple[Rows, Floats]:
    """Return the places in `known` of the rows nearest to each of `rows`, and their cosines, (n, NEIGHBOURS)."""
    vectors = source.unit_vectors(rows)
    places, best = np.empty((len(rows), 0), np.int64), np.empty((len(rows), 0), np.float32)
    for start in range(0, len(known), _BLOCK):
        columns, similar = leading(vectors @ source.unit_vectors(known[start : start + _BLOCK]).T, NEIGHBOURS)
        whole = np.hstack([places, columns + start])
        kept, best = leading(np.hstack([best, similar]), NEIGHBOURS)  # the nearest so far stand first
        places = np.take_along_axis(whole, kept, 1)
    return places, best
