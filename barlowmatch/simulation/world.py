"""The world of a simulation: images with labels that nobody has asked for yet, and test images apart."""

import hashlib
from dataclasses import dataclass

import numpy as np

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.data.dataset import judging, labeled_in
from barlowmatch.embeddings.folder import Embeddings
from barlowmatch.errors import InputError
from barlowmatch.selection.copies import repeats

TEST_SHARE = 0.2
JUNK = -2
"""The answer to an image that shows nothing."""


@dataclass(frozen=True, eq=False)
class World:
    """Images, and what is known of them to the simulation alone.

    Attributes:
        files: names of the images that may be asked for (n,).
        vectors: their embeddings (n, D), raw.
        truth: their classes (n,), `JUNK` of images that show nothing.
        answers: what the human says (n,), wrong here and there.
        test_files: names of the test images (m,), never asked for.
        test_vectors: their embeddings (m, D).
        test_labels: their classes (m,).
        class_names: the classes in order.
        copies: how many images were left out since they repeat a test image or one that may be asked for.
    """

    files: tuple[str, ...]
    vectors: Floats
    truth: Labels
    answers: Labels
    test_files: tuple[str, ...]
    test_vectors: Floats
    test_labels: Labels
    class_names: tuple[str, ...]
    copies: int = 0

    @property
    def fingerprint(self) -> str:
        """The sha256, in hex, of everything."""
        digest = hashlib.sha256(
            "\0".join((*self.files, *self.test_files, *self.class_names)).encode("utf-8", "replace")
        )
        for array in (self.vectors, self.truth, self.answers, self.test_vectors, self.test_labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def build_world(
    embeddings: Embeddings,
    labels: Labels,
    *,
    imbalance: float = 1.0,
    junk: float = 0.0,
    label_noise: float = 0.0,
    seed: int = 0,
) -> World:
    """Make the world from embeddings whose labels are known.

    Labeled images of test (else val) are the test images; without such a split a fifth is held out. Copies of test
    images, and all but the first of each other, are left out of the pool.

    Args:
        embeddings: the folder.
        labels: class of each row, -1 where not known; such rows are left out.
        imbalance: largest over smallest class of the pool; the order of the classes is random.
        junk: share of the pool's images made to show nothing: their embeddings are mixed from many images' features.
        label_noise: share of answers that name another class.
        seed: of all of it.

    Raises:
        InputError: fewer than two classes have labels.
    """
    random = np.random.default_rng([seed, 77])
    pool, test, copies = _parts(embeddings, labels, random)
    if len(np.unique(labels[pool])) < 2:
        raise InputError(
            f"{embeddings.folder}: {len(pool)} images outside val and test have labels, of "
            f"{len(np.unique(labels[pool]))} classes; a simulation needs labels to hide"
        )
    pool = _unbalanced(pool, labels, imbalance, random)
    vectors = embeddings.vectors.take(pool).astype(np.float32)
    truth = labels[pool].copy()
    answers = _answers(truth, len(embeddings.classes), label_noise, random)
    nothing = random.choice(len(pool), round(junk * len(pool)), replace=False)
    vectors[nothing] = _mixed(vectors, len(nothing), random)
    truth[nothing] = answers[nothing] = JUNK
    files = embeddings.table.files
    return World(
        tuple(files[row] for row in pool), vectors, truth, answers,
        tuple(files[row] for row in test), embeddings.vectors.take(test).astype(np.float32), labels[test],
        tuple(item.name for item in embeddings.classes), copies,
    )  # fmt: skip


def _parts(embeddings: Embeddings, labels: Labels, random: np.random.Generator) -> tuple[Rows, Rows, int]:
    """Return the rows of the pool, those of the test images, and how many copies are in neither."""
    pool = np.flatnonzero((labels >= 0) & ~judging(embeddings.splits))
    parts = (labeled_in(split, embeddings.splits, labels) for split in ("test", "val"))
    test = next((rows for rows in parts if len(rows)), np.empty(0, np.int64))
    copies = repeats(embeddings.table.sha256, embeddings.vectors, test, pool)
    pool = pool[~copies]
    if len(test):
        return pool, test, int(copies.sum())
    order = random.permutation(pool)
    held = max(1, round(TEST_SHARE * len(order))) if len(order) else 0
    return np.sort(order[held:]), np.sort(order[:held]), int(copies.sum())


def _unbalanced(pool: Rows, labels: Labels, ratio: float, random: np.random.Generator) -> Rows:
    """Return the pool with class sizes falling geometrically by `ratio` from the first to the last."""
    if ratio == 1:
        return pool
    classes = random.permutation(np.unique(labels[pool]))
    largest = min(int((labels[pool] == item).sum()) for item in classes)
    kept = []
    for rank, item in enumerate(classes):
        size = max(1, round(largest * ratio ** (-rank / max(1, len(classes) - 1))))
        kept.append(random.choice(pool[labels[pool] == item], size, replace=False))
    return np.sort(np.concatenate(kept))


def _answers(truth: Labels, classes: int, noise: float, random: np.random.Generator) -> Labels:
    """Return the truth with a share of it moved to another class."""
    answers = truth.copy()
    wrong = random.choice(len(truth), round(noise * len(truth)), replace=False)
    answers[wrong] = (truth[wrong] + random.integers(1, classes, size=len(wrong))) % classes
    return answers


def _mixed(vectors: Floats, count: int, random: np.random.Generator) -> Floats:
    """Return vectors each feature of which comes from an image drawn at random."""
    rows = random.integers(len(vectors), size=(count, vectors.shape[1]))
    mixed: Floats = vectors[rows, np.arange(vectors.shape[1])[None]]
    return mixed
