"""k-means and k-center against brute force in float64, and the kernels beneath them against their definitions."""

import numpy as np
import pytest
import torch

from barlowmatch.selection import clustering, farthest_first, vectors
from barlowmatch.selection.clustering import half_gaps, kmeans, lloyd
from barlowmatch.selection.configs import KCenterConfig, KMeansConfig
from barlowmatch.selection.d2_sampling import d2_sample
from barlowmatch.selection.distances import largest
from barlowmatch.selection.k_center import KCenter
from barlowmatch.selection.kmeans import KMeans
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.spaces import Euclidean
from tests.selection.scenes import Array, Scene, clustered, distances, unit


def farthest_by_brute_force(pool_points: Array, labeled: Array, count: int) -> list[int]:
    """Return k-center's picks by one dense pass a pick; ties by place."""
    nearest = distances(pool_points, labeled).min(1)
    picks: list[int] = []
    for _ in range(count):
        masked = np.round(nearest, 10)
        masked[picks] = -1
        picks.append(int(masked.argmax()))
        nearest = np.minimum(nearest, np.sqrt(((pool_points - pool_points[picks[-1]]) ** 2).sum(1)))
    return picks


@pytest.fixture(scope="module")
def scene() -> Scene:
    return clustered(2000, 64, classes=10, labeled=100, seed=4)


@pytest.mark.parametrize("copies", [False, True])
def test_k_center_equals_brute_force(scene: Scene, copies: bool) -> None:
    points = scene.points.copy()
    if copies:
        points[1000:] = points[:1000]
    pool = Pool.from_arrays(points, scene.labels)
    unlabeled = np.flatnonzero(scene.labels < 0)
    expected = farthest_by_brute_force(unit(points)[unlabeled], unit(points)[scene.labels >= 0], 1200)
    selection = KCenter(KCenterConfig()).select(pool, 1200)
    assert selection.rows.tolist() == unlabeled[expected].tolist()


def test_k_center_in_float32_covers_as_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "EXACT_NUMBERS", 0)
    pool = scene.pool
    assert pool.vectors.dtype == torch.float32
    picks = KCenter(KCenterConfig()).select(pool, 300)
    unlabeled, labeled = np.flatnonzero(scene.labels < 0), unit(scene.points)[scene.labels >= 0]
    expected = unlabeled[farthest_by_brute_force(unit(scene.points)[unlabeled], labeled, 300)]

    def radius(rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> float:
        chosen = np.concatenate([labeled, unit(scene.points)[rows]])
        return float(distances(unit(scene.points)[unlabeled], chosen).min(1).max())

    assert radius(picks.rows) <= radius(expected) * (1 + 1e-5)


def test_k_center_without_labels_starts_in_the_middle(scene: Scene) -> None:
    points = unit(scene.points)
    first = int(np.linalg.norm(points - points.mean(0), axis=1).argmin())
    expected = [first, *farthest_by_brute_force(points, points[[first]], 49)]
    selection = KCenter(KCenterConfig()).select(Pool.from_arrays(scene.points, np.full(2000, -1)), 50)
    assert selection.rows.tolist() == expected


@pytest.mark.parametrize("exact", [True, False])
def test_kmeans_equals_brute_force(scene: Scene, exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores are those of a plain search in float64 over the same centroids, also where blocks are float32."""
    if not exact:
        monkeypatch.setattr(vectors, "EXACT_NUMBERS", 0)
    pool, strategy = scene.pool, KMeans(KMeansConfig())
    centres = strategy.cluster(pool, np.random.default_rng(7), lambda event: None).centres.double().numpy()
    unlabeled = np.flatnonzero(scene.labels < 0)
    points = unit(scene.points)[unlabeled] if exact else pool.unlabeled.take(np.arange(len(pool))).double().numpy()
    nearest = distances(points, centres).min(1)
    expected = np.lexsort((unlabeled, -np.round(nearest, 10)))[:500]
    selection = strategy.select(pool, 500, seed=7)
    assert selection.rows.tolist() == unlabeled[expected].tolist()
    np.testing.assert_allclose(selection.scores, nearest[expected], rtol=1e-12)


def test_ties_of_kmeans_go_by_file_name(scene: Scene) -> None:
    points = scene.points.copy()
    unlabeled = np.flatnonzero(scene.labels < 0)
    points[unlabeled[50:90]] = -points[scene.labels >= 0].sum(0)
    selection = KMeans(KMeansConfig()).select(Pool.from_arrays(points, scene.labels), 60)
    copies = [row for row in selection.rows.tolist() if row in unlabeled[50:90]]
    assert copies == unlabeled[50:90].tolist()


def test_the_papers_rule_finds_the_class_without_labels() -> None:
    scene = clustered(3000, 32, classes=10, labeled=300, seed=2, spread=0.3)
    labels = np.where(scene.truth == 7, -1, scene.labels)
    pool = Pool.from_arrays(scene.points, labels, class_names=[str(place) for place in range(10)])
    rows = KMeans(KMeansConfig()).select(pool, 100).rows
    assert (scene.truth[rows] == 7).mean() > 0.9
    chance = (scene.truth[labels < 0] == 7).mean()
    assert chance < 0.15


def test_the_number_of_clusters_is_said(scene: Scene) -> None:
    said: list[str] = []
    few = np.where(np.cumsum(scene.labels >= 0) <= 4, scene.labels, -1)
    KMeans(KMeansConfig()).select(
        Pool.from_arrays(scene.points, few, class_names=["x"] * 10), 5, emit=lambda event: said.append(str(event))
    )
    assert "kmeans: 4 clusters of 4 labeled images (one a label)" in said[0]


def test_lloyd_equals_the_plain_algorithm(scene: Scene) -> None:
    """Bounds may spare distances; they must not change the result."""
    points = Pool.from_arrays(scene.points, scene.labels).vectors
    plain = points.take(np.arange(len(points))).numpy()
    start = plain[:25].copy()
    centres = start.copy()
    for _ in range(12):
        owners = distances(plain, centres).argmin(1)
        centres = np.array([plain[owners == place].mean(0) for place in range(25)])
    result = lloyd(points, torch.from_numpy(start), 12)
    assert result.passes == 12
    np.testing.assert_allclose(result.centres.numpy(), centres, atol=1e-10)


def test_kmeans_is_as_good_as_scikit_learns() -> None:
    from sklearn.cluster import KMeans as Peer

    scene = clustered(6000, 32, classes=60, labeled=0, seed=8)
    pool = Pool.from_arrays(scene.points, scene.labels)
    ours = np.mean([kmeans(pool.vectors, 60, np.random.default_rng(seed)).inertia(pool.vectors) for seed in range(5)])
    theirs = np.mean([Peer(60, n_init=1, random_state=seed).fit(unit(scene.points)).inertia_ for seed in range(5)])
    assert ours <= 1.01 * theirs


def test_an_empty_cluster_starts_anew() -> None:
    points = np.concatenate([np.eye(8)] * 5).astype(np.float32)
    pool = Pool.from_arrays(points, np.full(40, -1))
    start = torch.cat([torch.eye(8)[:3], torch.full((2, 8), 9.0)]).double()
    result = lloyd(pool.vectors, start, 50)
    assert len(torch.unique(result.owners)) == 5


def test_d2_sampling_follows_its_law() -> None:
    """The second pick after the first: frequencies match d² / Σ d² although distances are stale within a block."""
    points = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    pool = Pool.from_arrays(points, np.full(6, -1))
    space = Euclidean(pool.unlabeled)
    exact = space.among(torch.arange(6)).numpy()
    pairs = np.zeros((6, 6))
    random = np.random.default_rng(1)
    for _ in range(6000):
        minima = torch.from_numpy(exact[0].copy())
        places, _ = d2_sample(space, minima, 2, random)
        pairs[places[0], places[1]] += 1
    expected = np.zeros((6, 6))
    for first in range(1, 6):
        left = np.minimum(exact[0], exact[first])
        expected[first] = exact[0, first] / exact[0].sum() * left / left.sum()
    assert np.abs(pairs / 6000 - expected).max() < 0.02


def test_d2_sampling_goes_on_among_near_points_until_copies_are_left() -> None:
    """Block after block; each value is the distance to the nearest that was chosen before."""
    random = np.random.default_rng(0)
    points = np.repeat(np.array([1.0, 0, 0]) + 0.03 * random.normal(size=(300, 3)), 2, 0)
    space = Euclidean(Pool.from_arrays(points, np.full(600, -1)).unlabeled)
    exact = distances(unit(points), unit(points)) ** 2
    places, squares = d2_sample(space, torch.from_numpy(exact[0].copy()), 599, random)
    chosen = [0, *places.tolist()]
    assert len(chosen) == 300
    expected = [exact[place, chosen[:number]].min() for number, place in enumerate(chosen) if number]
    np.testing.assert_allclose(squares, expected, atol=1e-14)


def test_blocks_do_not_matter(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = KCenter(KCenterConfig()).select(scene.pool, 200).rows
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 97)
    monkeypatch.setattr(farthest_first, "SMALLEST_BLOCK", 4)
    monkeypatch.setattr(farthest_first, "LARGEST_BLOCK", 16)
    monkeypatch.setattr(clustering, "FEW", 10)
    np.testing.assert_array_equal(KCenter(KCenterConfig()).select(scene.pool, 200).rows, expected)


def test_largest_takes_ties_by_place() -> None:
    places, outside = largest(torch.tensor([1.0, 3.0, 2.0, 3.0, 2.0, 2.0], dtype=torch.float64), 4)
    assert places.tolist() == [1, 3, 2, 4]
    assert outside == 2


def test_half_the_gap_to_the_nearest_centre_is_that_of_all_pairs() -> None:
    centres = torch.from_numpy(np.random.default_rng(0).normal(size=(2500, 6)))
    apart = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    assert torch.allclose(half_gaps(centres), apart.amin(1) / 2, rtol=1e-9)
