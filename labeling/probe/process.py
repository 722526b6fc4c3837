"""The probe's process: waits for twenty answers, fits, updates guesses, orders what waits; at rest it judges labels.

It lives beside the server, which starts it at a label, and ends when nobody has labeled for a while or the server is
gone. It writes little and in short transactions, so that a label never waits for long: the guesses of what is in
front of people and of what comes next, not of all images.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barlowmatch.arrays import Floats, Rows
from barlowmatch.embeddings.folder import Embeddings, read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.guessing.guesser import Guesser
from barlowmatch.guessing.guesser import learn as learn_guesses
from barlowmatch.guessing.linear_probe import Space, Take
from barlowmatch.guessing.propagation import NODES, Graph
from barlowmatch.words import count
from labeling.embeddings.importing import match_images
from labeling.embeddings.newest import newest_embeddings
from labeling.embeddings.ordering import similarity_order
from labeling.embeddings.suspecting import suspects_among_labels
from labeling.probe.ranking import covered, doubt, herd
from labeling.project import ProjectFolder, writing
from storage import probing as store
from storage.database import Database, transaction
from storage.parts import store_in_parts
from storage.predictions import NewPrediction, add_run, put_predictions
from storage.records import Guess
from storage.requests import latest_event
from storage.suspects import put_suspects

EVERY = 20
"""Answers between two fits."""
CANDIDATES = 1000
"""Items among which the next ones are chosen, those asked for first."""
TURNS = 100
"""Items that are put in order: more than all people take until the next fit."""
ANCHORS = 1024
QUIET = 10.0
"""Seconds without a label after which labels are judged: it may take as long as several fits."""
_LOOK = 0.2
"""Seconds between two looks at the database."""


@dataclass(frozen=True)
class Refit:
    """What a fit did: labels learned from, seconds of the fit alone, guesses written and items put in order."""

    labels: int
    seconds: float
    guesses: int
    turns: int


class Learner:
    """Embeddings, read where they are needed, and what is made of them with the labels of the moment.

    Args:
        db: the project, open for writing.
        folder: the embeddings.
    """

    def __init__(self, db: Database, folder: Path) -> None:
        self.folder = folder
        source = read_embeddings(folder)
        images, rows = match_images(db, source)
        self._row_of = dict(zip(images.tolist(), range(len(images)), strict=True))
        self._space = Space.read(len(rows), lambda some: source.unit_vectors(rows[some]), _shares(source, rows))
        drawn = np.random.default_rng(0).permutation(len(rows))
        self._anchors = np.sort(drawn[:ANCHORS])
        self._graph = Graph.of(self._space, np.sort(drawn[:NODES]))
        self._places = store.places_of(db)
        if not self._row_of.keys() <= self._places.keys():
            order = similarity_order(self._space.vectors, np.zeros(len(rows), np.int64))
            images_in_order = images[order].tolist()
            self._places = {image: place for place, image in enumerate(images_in_order)} | self._places

    def refit(self, db: Database) -> Refit | None:
        """Fit with the labels of this moment and store what follows; None where there is nothing to learn from."""
        event = latest_event(db)
        labels = [(self._row_of[image], label) for image, label in store.labels_to_learn_from(db) if self._knows(image)]
        if not labels:
            return None
        known, targets = np.array(labels, np.int64).T
        started = time.perf_counter()
        guesser = learn_guesses(self._graph, known, targets)
        seconds = time.perf_counter() - started
        on_hand = [image for image in store.images_on_hand(db) if self._knows(image)]
        waiting = [(request, image) for request, image in store.waiting_items(db, CANDIDATES) if self._knows(image)]
        turns = self._order(guesser, known, on_hand, waiting)
        fresh = dict.fromkeys([*on_hand, *(image for _, image in turns), *(image for _, image in waiting)])
        guesses = list(self._guesses(guesser, list(fresh)))
        with transaction(db):
            run = add_run(db, os.fsencode(self.folder / "probe"), "probe", event)
            store.set_turns(db, turns)
            store.note_fit(db, store.Fitted(event, len(labels)))
        store_in_parts(db, guesses, lambda part: put_predictions(db, run, part))
        return Refit(len(labels), seconds, len(fresh), len(turns))

    def look_for_suspects(self, db: Database) -> int:
        """Store which labels of this moment are suspect, and return how many."""
        suspects = suspects_among_labels(db, self._row_of, self._space.vectors)
        with transaction(db):
            put_suspects(db, suspects)
        return len(suspects)

    def _knows(self, image: int) -> bool:
        return image in self._row_of

    def _rows(self, images: list[int]) -> Rows:
        return np.array([self._row_of[image] for image in images], np.int64)

    def _order(
        self, guesser: Guesser, known: Rows, on_hand: list[int], waiting: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """Return which waiting items come next: they stand for what neither labels nor images on hand stand for."""
        if not waiting:
            return []
        anchors = self._space.vectors(self._anchors)
        spoken_for = np.concatenate([known, self._rows(on_hand)])
        weights = doubt(guesser.probabilities(self._anchors))
        candidates = self._space.vectors(self._rows([image for _, image in waiting]))
        known_to = covered(anchors, self._space.vectors, spoken_for)
        places = herd(candidates, anchors, weights, known_to, TURNS)
        return [waiting[place] for place in places.tolist()]

    def _guesses(self, guesser: Guesser, images: list[int]) -> Iterator[NewPrediction]:
        if not images:
            return
        probabilities = guesser.probabilities(self._rows(images))
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
        for at, image in enumerate(images):
            found = ((int(guesser.classes[column]), float(probabilities[at, column])) for column in best[at].tolist())
            yield NewPrediction(image, tuple(Guess(*guess) for guess in found), self._places[image])


def _shares(source: Embeddings, rows: Rows) -> Take | None:
    if source.probabilities is None:
        return None

    def take(some: Rows) -> Floats:
        shares = source.shares(rows[some])
        assert shares is not None
        return shares

    return take


def learn(project: Path, idle: float, say: Callable[[str], None]) -> None:
    """Fit after every `EVERY` answers until nobody has labeled for `idle` seconds, or whoever started this is gone.

    Raises:
        InputError: there are no embeddings of the project's images.
    """
    parent = os.getppid()
    paths = ProjectFolder(project).need()
    with writing(project) as db:
        learner = _newest(paths, db, None)
        fitted = store.newest_fit(db)
        event, since = fitted.event if fitted else 0, time.monotonic()
        seen, judged = -1, -1  # answers may be older than this process
        say(f"{learner.folder}: waiting for labels")
        while time.monotonic() - since < idle and os.getppid() == parent:
            newest = latest_event(db)
            if newest != seen:
                seen = newest
                if store.answers_since(db, event) >= EVERY:
                    event = newest
                    learner = _newest(paths, db, learner)
                    say(_told(learner.refit(db)))
                since = time.monotonic()  # a fit on a busy machine is no rest
            elif store.answers_since(db, judged) and time.monotonic() - since > QUIET:
                judged, learner = newest, _newest(paths, db, learner)
                say(count(learner.look_for_suspects(db), "suspect label"))
            time.sleep(_LOOK)


def _newest(paths: ProjectFolder, db: Database, present: Learner | None) -> Learner:
    """Return a learner of the newest embeddings, the present one where they are its own."""
    embedded = newest_embeddings(paths, db)
    if embedded is None:
        if present is not None:
            return present
        raise InputError(f"{paths.folder}: no embeddings, which the probe learns from; run a round first")
    return present if present is not None and present.folder == embedded.folder else Learner(db, embedded.folder)


def _told(done: Refit | None) -> str:
    if done is None:
        return "no label to learn from yet"
    guesses, turns = count(done.guesses, "guess", "guesses"), count(done.turns, "item")
    return f"{count(done.labels, 'label')} in {done.seconds:.3f} s: {guesses}, {turns} in a new order"
