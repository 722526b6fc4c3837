"""ProbCover: its picks against scikit-activeml's, its radius against brute force in float64.

On purpose ours differ: it goes on with the farthest images once all is covered, and radii are exact, not of a grid.
"""

import warnings

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skactiveml.pool import ProbCover as PeerProbCover

from barlowmatch.selection.clustering import kmeans
from barlowmatch.selection.configs import ProbCoverConfig
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.probcover import ProbCover, pure_radius
from barlowmatch.selection.representing import draw_places
from tests.selection.scenes import Array, Scene, clustered, distances, missing, unit

BUDGET = 40


@pytest.fixture(scope="module")
def scene() -> Scene:
    return clustered(1000, 32, classes=8, labeled=30, seed=11)


@pytest.mark.parametrize("radius", [0.6, 0.9])
def test_prob_cover(scene: Scene, radius: float) -> None:
    """Each pick covers as many new images as any could; ties, which the peer breaks by chance, change little."""
    points = unit(scene.points)
    ours = ProbCover(ProbCoverConfig(radius=radius)).select(scene.pool, BUDGET)
    values = []
    for seed in range(5):
        peer = PeerProbCover(deltas=[radius], n_classes=8, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the purity of a radius that is given
            theirs = peer.query(points, missing(scene), batch_size=BUDGET)
        values.append(covered(points, scene, theirs, radius))
    assert covered(points, scene, ours.rows, radius) >= 0.995 * np.mean(values)
    inside = distances(points, points) <= radius
    is_covered = inside[scene.labels >= 0].any(0)
    for row, score in zip(ours.rows, ours.scores, strict=True):
        gains = (inside & ~is_covered)[:, scene.labels < 0].sum(1)[scene.labels < 0]
        assert (
            round(max(0, score) * len(scene.pool)) == gains.max() == (inside[row] & ~is_covered)[scene.labels < 0].sum()
        )
        is_covered |= inside[row]
    assert ours.reasons[0] == f"covers another {ours.scores[0]:.2%} of the pool within {radius:.3f}"


def covered(points: Array, scene: Scene, rows: npt.NDArray[np.int64], radius: float) -> float:
    centres = np.concatenate([points[scene.labels >= 0], points[rows]])
    return float((distances(points, centres).min(1) <= radius).mean())


def test_prob_cover_goes_on_when_all_is_covered(scene: Scene) -> None:
    """The peer's (and the authors') picks have no meaning then; ours are k-center's after the covering ones."""
    few = np.where(np.cumsum(scene.labels >= 0) <= 2, scene.labels, -1)
    selection = ProbCover(ProbCoverConfig(radius=1.3)).select(Pool.from_arrays(scene.points, few), 30)
    covering = sum(score > 0 for score in selection.scores)
    assert 0 < covering < 20
    points, taken = unit(scene.points), [*np.flatnonzero(few >= 0), *selection.rows[:covering]]
    for row, reason in zip(selection.rows[covering:], selection.reasons[covering:], strict=True):
        nearest = distances(points, points[taken]).min(1)
        assert row == int(nearest.argmax())
        assert reason == f"{nearest[row]:.3f} from the nearest labeled or chosen image"
        taken.append(row)


@pytest.mark.parametrize(
    ("classes", "clusters", "purity", "anchors", "wanted"),
    [(8, None, 0.95, 5000, 8), (1, None, 0.95, 5000, 20), (8, 5, 0.95, 5000, 5), (8, None, 0.7, 300, 8)],
)
def test_prob_covers_own_radius_is_that_of_pure_balls_in_the_pool(
    scene: Scene, classes: int, clusters: int | None, purity: float, anchors: int, wanted: int
) -> None:
    pool = Pool.from_arrays(scene.points, scene.labels, class_names=[str(place) for place in range(classes)])
    config = ProbCoverConfig(clusters=clusters, purity=purity, anchors=anchors)
    random = np.random.default_rng(3)
    part = pool.unlabeled.only(draw_places(len(pool), anchors, random))
    owners = kmeans(part, wanted, random).owners
    expected = pure_radius(part, owners, purity)
    said: list[str] = []
    ProbCover(config).select(pool, 1, seed=3, emit=lambda event: said.append(str(event)))
    assert f"probcover: radius {expected:.3f}, at which {purity:.0%} of a ball are of one cluster" in said[0]


def test_the_radius_is_the_largest_pure_one(scene: Scene) -> None:
    vectors = scene.pool.vectors
    points = vectors.take(np.arange(len(vectors))).numpy()
    clusters = torch.from_numpy(np.random.default_rng(0).integers(3, size=len(points)) * (points[:, 0] > 0))
    radius = pure_radius(vectors, clusters, 0.9)
    between = distances(points, points)
    alike = clusters.numpy()[:, None] == clusters.numpy()[None]

    def purity(value: float) -> float:
        inside = between <= value
        return float(((inside & alike).sum(1) / inside.sum(1)).mean())

    assert purity(radius) >= 0.9 > purity(radius * 1.00001)
    assert pure_radius(vectors, clusters * 0, 0.9) == pytest.approx(2), "all are of one cluster"
    copies = Pool.from_arrays(np.ones((20, 4), np.float32), np.full(20, -1)).vectors
    assert pure_radius(copies, torch.arange(20), 0.9) == 1e-6, (
        "of copies none covers another cluster's more than it must"
    )
