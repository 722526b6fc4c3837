"""A request beside one that is still open asks for other kinds of images."""

import numpy as np
import pytest

from barlowmatch.selection.loading import create_strategy
from tests.selection.scenes import clustered

LIKE_LABELED = {"k-center": (), "maxherding": (), "probcover": ("radius=0.9",)}


@pytest.mark.parametrize("name", LIKE_LABELED)
def test_images_that_wait_for_a_label_cover_as_much_as_labeled_ones(name: str) -> None:
    scene = clustered(300, 16, classes=5, labeled=20)
    asked = np.flatnonzero(scene.labels < 0)[::10]
    strategy = create_strategy(name, LIKE_LABELED[name])
    waiting = strategy.select(scene.besides(asked), 40)
    scene.labels[asked] = scene.truth[asked]
    assert waiting.files == strategy.select(scene.pool, 40).files
    scene.labels[asked] = -1
    assert waiting.files != strategy.select(scene.pool, 40).files


@pytest.mark.parametrize("name", ["typiclust", "auto", *LIKE_LABELED])
def test_two_requests_together_find_all_groups_of_images(name: str) -> None:
    """Groups lie far apart; the first request finds half of them, the second, before any answer, the others."""
    scene = clustered(400, 64, classes=10, labeled=0, spread=0.1)
    strategy = create_strategy(name)
    first = strategy.select(scene.pool, 5)
    assert len(set(scene.truth[first.rows].tolist())) == 5
    second = strategy.select(scene.besides(first.rows), 5)
    assert len(set(scene.truth[[*first.rows, *second.rows]].tolist())) == 10


def test_auto_takes_the_labels_that_will_come_for_missing_ones() -> None:
    """Of five classes one lacks three of its five labels; three are asked for, so it asks for uncertain images."""
    scene = clustered(300, 16, classes=5, labeled=0)
    for label in range(5):
        scene.labels[np.flatnonzero(scene.truth == label)[: 2 if label == 0 else 5]] = label
    asked = np.flatnonzero(scene.labels < 0)[:3]
    auto, uncertain = create_strategy("auto"), create_strategy("uherding")
    pool = scene.besides(asked)
    assert auto.select(pool, 20).files == uncertain.select(pool, 20).files
    assert auto.select(scene.pool, 20).reasons[0].startswith("typical")
