"""The order of similar images: clusters stay together, and what is read block by block is what is held in memory."""

import numpy as np
import numpy.typing as npt
import pytest

from labeling.embeddings import ordering
from labeling.embeddings.ordering import PAGE, similarity_order

Floats = npt.NDArray[np.float64]


def test_the_order_keeps_groups_together_and_neighbours_near() -> None:
    """Well separated clusters of a page each come out one after the other, none torn apart."""
    draw = np.random.default_rng(2)
    clusters = np.repeat(np.arange(8), PAGE)
    centres = draw.normal(size=(8, 16)) * 10
    vectors = (centres[clusters] + draw.normal(size=(len(clusters), 16))).astype(np.float32)
    shuffled = draw.permutation(len(clusters))
    groups = (clusters[shuffled] >= 4).astype(np.int64)
    order = similarity_order(vectors[shuffled].__getitem__, groups)
    assert sorted(order.tolist()) == list(range(len(clusters)))
    assert (np.diff(groups[order]) >= 0).all()
    found = clusters[shuffled][order]
    pages = found.reshape(-1, PAGE)
    purity = np.mean([np.bincount(page).max() / PAGE for page in pages])
    assert purity > 0.9
    assert np.mean([np.bincount(clusters[shuffled][draw.permutation(len(order))][:PAGE]).max() / PAGE]) < 0.4


def test_images_that_are_all_alike_have_an_order_too() -> None:
    order = similarity_order(np.ones((200, 4), np.float32).__getitem__, np.zeros(200, np.int64))
    assert sorted(order.tolist()) == list(range(200))


def dense_order(vectors: Floats, groups: npt.NDArray[np.int64]) -> list[int]:
    """Return the order by the principal direction that power iteration comes to, all of it in memory."""
    found: list[int] = []
    for group in np.unique(groups):
        waiting = [np.flatnonzero(groups == group)]
        while waiting:
            rows = waiting.pop()
            centred = vectors[rows] - vectors[rows].mean(0)
            direction = centred[np.argmax((centred**2).sum(1))]
            for _ in range(8):
                direction = centred.T @ (centred @ direction)
                direction = direction / np.linalg.norm(direction)
            along = rows[np.argsort(centred @ direction, kind="stable")]
            half = PAGE * max(1, round(len(rows) / (2 * PAGE)))
            if len(rows) <= PAGE:
                found += along.tolist()
            else:
                waiting += [along[half:], along[:half]]
    return found


@pytest.mark.parametrize(("held", "block"), [(2**14, 2**12), (200, 64), (60, 1), (60, 7)])
def test_the_order_is_the_same_however_little_is_held(monkeypatch: pytest.MonkeyPatch, held: int, block: int) -> None:
    """In doubles, in which no rounding turns two of them round."""
    monkeypatch.setattr(ordering, "_HELD", held)
    monkeypatch.setattr(ordering, "_BLOCK", block)
    draw = np.random.default_rng(4)
    vectors = draw.normal(size=(900, 6)) * np.arange(1, 7)
    groups = draw.choice([3, 5, 9], 900, p=[0.8, 0.19, 0.01])
    most = 0

    def take(rows: npt.NDArray[np.int64]) -> Floats:
        nonlocal most
        most = max(most, len(rows))
        return vectors[rows]

    assert similarity_order(take, groups).tolist() == dense_order(vectors, groups)
    assert most <= max(held, block)
