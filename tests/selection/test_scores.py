"""The strategies without a peer, against their formulas in float64 and brute force."""

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from barlowmatch.evaluation import expected_calibration_error
from barlowmatch.selection import covering, typiclust
from barlowmatch.selection.auto import Auto
from barlowmatch.selection.configs import AutoConfig, MaxHerdingConfig, RandomConfig, TypiClustConfig, UHerdingConfig
from barlowmatch.selection.covering import Coverage, cover_greedily
from barlowmatch.selection.loading import create_strategy
from barlowmatch.selection.maxherding import MaxHerding
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.random import Random
from barlowmatch.selection.representing import ball, draw_places, gaussian
from barlowmatch.selection.typiclust import TypiClust, most_typical, visits
from barlowmatch.selection.uherding import UHerding, best_temperature, tempered
from tests.selection.scenes import Array, LargestMade, Scene, clustered, distances, unit


@pytest.fixture(scope="module")
def scene() -> Scene:
    return clustered(600, 16, classes=6, labeled=40, seed=3)


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence"])
def test_uncertainty_scores_are_their_formulas(name: str, scene: Scene) -> None:
    shares = scene.probabilities.astype(np.float64)
    shares /= shares.sum(1, keepdims=True)
    ordered = np.sort(shares, 1)
    scores = {
        "margin": 1 - (ordered[:, -1] - ordered[:, -2]),
        "entropy": scipy.stats.entropy(shares, axis=1) / np.log(6),
        "least-confidence": 1 - ordered[:, -1],
    }[name]
    unlabeled = np.flatnonzero(scene.labels < 0)
    expected = unlabeled[np.argsort(-scores[unlabeled], kind="stable")[:100]]
    selection = create_strategy(name).select(scene.pool, 100)
    assert selection.rows.tolist() == expected.tolist()
    np.testing.assert_allclose(selection.scores, scores[expected], rtol=1e-9)


def test_every_image_is_as_likely_at_random(scene: Scene) -> None:
    counts = np.zeros(600)
    for seed in range(300):
        counts[Random(RandomConfig()).select(scene.pool, 56, seed).rows] += 1
    assert counts[scene.labels >= 0].sum() == 0
    assert scipy.stats.chisquare(counts[scene.labels < 0]).pvalue > 0.001


def greedy(points: Array, weights: Array, start: Array, sigma: float, count: int) -> list[int]:
    """Return facility location's picks by plain greedy search."""
    similar = np.exp(-(distances(points, points) ** 2) / (2 * sigma**2))
    best = np.exp(-(distances(points, start) ** 2) / (2 * sigma**2)).max(1) if len(start) else np.zeros(len(points))
    picks: list[int] = []
    for _ in range(count):
        gains = np.maximum(similar - best[None], 0) @ weights
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        best = np.maximum(best, similar[picks[-1]])
    return picks


def test_uncertainty_herding_equals_plain_greedy(scene: Scene) -> None:
    points = unit(scene.points)
    unlabeled, labeled = np.flatnonzero(scene.labels < 0), points[scene.labels >= 0]
    between = distances(labeled, labeled) + 10 * np.eye(len(labeled))
    ordered = np.sort(scene.probabilities[unlabeled].astype(np.float64), 1)
    doubt = 1 - (ordered[:, -1] - ordered[:, -2])
    expected = greedy(points[unlabeled], doubt / doubt.sum(), labeled, between.min(), 60)
    selection = UHerding(UHerdingConfig()).select(scene.pool, 60)
    assert selection.rows.tolist() == unlabeled[expected].tolist()


def test_a_labeled_copy_makes_the_kernel_no_narrower(scene: Scene) -> None:
    twin = np.flatnonzero(scene.labels >= 0)[0]
    points, labels = np.vstack([scene.points, scene.points[twin]]), np.append(scene.labels, scene.labels[twin])
    shares = np.vstack([scene.probabilities, scene.probabilities[twin]])
    pool = Pool.from_arrays(points, labels, files=[*scene.files, "unlabeled/twin.png"], probabilities=shares)
    expected = UHerding(UHerdingConfig()).select(scene.pool, 60)
    assert UHerding(UHerdingConfig()).select(pool, 60).rows.tolist() == expected.rows.tolist()


def test_lazy_search_equals_plain_greedy(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covering, "ROWS", 50)
    monkeypatch.setattr(covering, "ANCHOR_ROWS", 70)
    monkeypatch.setattr(covering, "SMALLEST_BLOCK", 3)
    monkeypatch.setattr(covering, "LARGEST_BLOCK", 11)
    points = unit(scene.points)[:500]
    vectors = Pool.from_arrays(points, np.full(500, -1)).unlabeled
    weights = np.random.default_rng(0).random(500)
    coverage = Coverage(torch.from_numpy(points), torch.from_numpy(weights / weights.sum()), gaussian(0.5))
    places, gains = cover_greedily(coverage, vectors, torch.arange(500), 200)
    assert places.tolist() == greedy(points, weights / weights.sum(), points[:0], 0.5, 200)
    assert float(coverage.best @ coverage.weights) == pytest.approx(float(gains.sum()))


def test_of_more_images_than_are_looked_at_random_ones_are(scene: Scene) -> None:
    """The best of the drawn candidates by what they add to the drawn anchors."""
    said: list[str] = []
    config = MaxHerdingConfig(anchors=100, candidates=100)
    pool, points = Pool.from_arrays(scene.points, np.full(600, -1)), unit(scene.points)
    selection = MaxHerding(config).select(pool, 20, seed=4, emit=lambda event: said.append(str(event)))
    random = np.random.default_rng(4)
    anchors, candidates = (draw_places(600, 100, random).numpy() for _ in range(2))
    similar = np.exp(-(distances(points[candidates], points[anchors]) ** 2) / 2)
    best = np.zeros(100)
    for row, score in zip(selection.rows.tolist(), selection.scores, strict=True):
        gains = np.maximum(similar - best, 0).mean(1)
        assert (row, score) == (candidates[gains.argmax()], pytest.approx(gains.max()))
        best = np.maximum(best, similar[gains.argmax()])
    assert "choosing among 100 of 600 images, averaged over 100; both random" in said[0]
    assert not any("nothing more to gain" in line for line in said)
    few = MaxHerding(MaxHerdingConfig(candidates=1)).select(pool, 20, emit=lambda event: said.append(str(event)))
    assert len(few.rows) == 20
    assert any("choosing among 80 of 600" in line for line in said), "four for each that is wanted"


def test_drawn_places_are_different_in_order_and_each_as_likely() -> None:
    counts = np.zeros(300)
    for seed in range(300):
        places = draw_places(300, 60, np.random.default_rng(seed)).numpy()
        assert (np.diff(places) > 0).all()
        counts[places] += 1
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
    assert draw_places(60, 60, np.random.default_rng(0)).tolist() == list(range(60))


def test_gains_of_anchors_are_those_of_any_candidates(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the tiles serve for both, with some anchors represented already, uneven weights and a zero vector."""
    monkeypatch.setattr(covering, "ANCHOR_ROWS", 70)
    points = torch.from_numpy(unit(scene.points)[:500])
    points[7] = 0
    weights = torch.from_numpy(np.random.default_rng(0).random(500))
    for kernel in (gaussian(0.5), ball(0.8)):
        coverage = Coverage(points, weights / weights.sum(), kernel)
        coverage.best = torch.from_numpy(np.random.default_rng(1).random(500) / 2)
        torch.testing.assert_close(coverage.gains_of_anchors(points), coverage.gains(points), rtol=1e-12, atol=1e-15)


def test_the_temperature_calibrates() -> None:
    random = np.random.default_rng(0)
    logits = torch.from_numpy(2 * random.normal(size=(4000, 5)))
    labels = torch.multinomial(logits.softmax(1), 1, generator=torch.Generator().manual_seed(0)).squeeze(1)
    overconfident = (logits * 3).softmax(1)
    right = (overconfident.argmax(1) == labels).numpy()
    temperature = best_temperature(overconfident, labels)
    assert temperature == pytest.approx(3, rel=0.15)
    assert expected_calibration_error(tempered(overconfident, temperature).amax(1).numpy(), right) < 0.03
    assert expected_calibration_error(overconfident.amax(1).numpy(), right) > 0.1


def typical(points: Array, count: int, neighbours: int) -> tuple[list[int], list[float]]:
    """Return the most typical points by the authors' procedure, recomputed after each pick without it, and how much."""
    left = list(range(len(points)))
    picks: list[int] = []
    values: list[float] = []
    for _ in range(count):
        near = np.sort(distances(points[left], points[left]), 1)
        width = min(neighbours, len(left) // 2)
        scores = np.array([1 / row[1 : width + 1].mean() for row in near]) if width else np.ones(len(left))
        values.append(float(np.round(scores, 5).max()))
        picks.append(left.pop(int(np.round(scores, 5).argmax())))
    return picks, values


def test_typicality_is_the_authors(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typiclust, "ROWS", 40)
    points = unit(scene.points)[:90]
    expected, values = typical(points, 90, 20)
    chosen, scores = most_typical(torch.from_numpy(points), 90, 20)
    assert chosen == expected
    assert scores == pytest.approx(values, abs=1.1e-5)


def test_a_pick_has_only_those_measured_anew_that_it_was_a_neighbour_of() -> None:
    points = torch.from_numpy(clustered(1000, 16, classes=3, labeled=0, seed=3).points)
    with LargestMade() as made:
        most_typical(points, 300, 20)
    assert made.together < 300 * 1000 * 320, "all neighbours of all, once a pick"


def test_many_images_of_few_clusters_are_each_clusters_most_typical() -> None:
    """No more clusters than `clusters`, in turn; each pick has the score and the reason of its own cluster."""
    scene = clustered(300, 16, classes=3, labeled=12, seed=3, spread=0.1)
    unlabeled = np.flatnonzero(scene.labels < 0)
    chosen = TypiClust(TypiClustConfig(clusters=3)).select(scene.pool, 30)
    for kin in range(3):
        own = unlabeled[scene.truth[unlabeled] == kin]
        picks, values = typical(unit(scene.points)[own], 10, 20)
        found = scene.truth[chosen.rows] == kin
        assert chosen.rows[found].tolist() == own[picks].tolist()
        assert chosen.scores[found].tolist() == pytest.approx(values, abs=1.1e-5)
        size, labels = (scene.truth == kin).sum(), (scene.labels == kin).sum()
        reasons = {reason for reason, mine in zip(chosen.reasons, found, strict=True) if mine}
        assert reasons == {f"typical of a cluster of {size} images with {labels} labels"}


def test_of_very_many_images_all_get_the_cluster_that_a_part_of_them_makes() -> None:
    scene = clustered(12_000, 8, classes=5, labeled=0, seed=3, spread=0.1)
    owners = typiclust.assign_clusters(scene.pool.vectors, 5, np.random.default_rng(0), lambda event: None)
    assert adjusted_rand_score(scene.truth, owners) == 1


def test_clusters_are_as_tight_as_scikit_learns_and_the_seeds_own(scene: Scene) -> None:
    vectors, points = scene.pool.vectors, scene.pool.vectors.whole().numpy()

    def inertia(owners: npt.NDArray[np.int64]) -> float:
        return sum(float(((part - part.mean(0)) ** 2).sum()) for part in (points[owners == n] for n in range(40)))

    found = [
        typiclust.assign_clusters(vectors, 40, np.random.default_rng(seed), lambda event: None) for seed in range(5)
    ]
    theirs = [KMeans(40, n_init=1, random_state=seed).fit(points).labels_ for seed in range(5)]
    assert np.mean([inertia(owners) for owners in found]) <= 1.005 * np.mean([inertia(owners) for owners in theirs])
    assert adjusted_rand_score(found[0], found[1]) < 1


def test_of_a_large_cluster_some_are_drawn_and_what_is_chosen_is_typical_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typiclust, "LARGE", 500)
    scene = clustered(6000, 16, classes=2, labeled=0, seed=3)
    pool, config = Pool.from_arrays(scene.points, scene.labels), TypiClustConfig(clusters=2)
    with LargestMade() as made:
        chosen = TypiClust(config).select(pool, 2, seed=1)
    assert made.numbers < 2 * 500**2
    for row in chosen.rows:
        kin = unit(scene.points)[scene.truth == scene.truth[row]]
        near = np.sort(distances(np.array([unit(scene.points)[row], *kin[:200]]), kin), 1)[:, 1:21].mean(1)
        assert near[0] < np.quantile(near, 0.1)
    assert TypiClust(config).select(pool, 2, seed=1).rows.tolist() == chosen.rows.tolist()
    others = [TypiClust(config).select(pool, 2, seed).rows.max() for seed in range(2, 6)]
    assert max(others) > 3000, "drawn from the whole of the cluster"
    monkeypatch.setattr(typiclust, "LARGE", 20)
    assert len(TypiClust(config).select(pool, 60).rows) == 60, "more are drawn where more are wanted"


def test_clusters_without_labels_come_first_then_the_larger() -> None:
    sizes, labels = np.array([50, 80, 30, 4, 60]), np.array([0, 1, 0, 0, 0])
    available = np.array([50, 79, 2, 4, 60])
    assert visits(sizes, labels, available, 12).tolist() == [4, 0, 2, 1, 4, 0, 2, 1, 4, 0, 1, 4]
    assert np.bincount(visits(sizes, labels, available, 195)).tolist() == available.tolist()
    # As in the authors' code clusters of five are outliers, which come when the others have run out, those of six not.
    assert visits(np.array([5, 6]), np.array([0, 1]), np.array([5, 2]), 4).tolist() == [1, 1, 0, 0]


def test_auto_goes_from_typical_to_uncertain(scene: Scene) -> None:
    enough = scene.in_order(np.arange(600))
    assert Auto(AutoConfig()).missing_labels(enough) <= 5
    few = np.full(600, -1)
    few[:6] = scene.truth[:6]
    pool = Pool.from_arrays(scene.points, few, class_names=[str(place) for place in range(6)])
    missing = Auto(AutoConfig()).missing_labels(pool)
    counts = np.bincount(few[few >= 0], minlength=6)
    assert missing == sum(max(0, 5 - count) for count in counts)
    reasons = Auto(AutoConfig()).select(pool, missing + 10).reasons
    assert all(reason.startswith("typical") for reason in reasons[:missing])
    assert all("doubtful" in reason for reason in reasons[missing:])
    nothing = Pool.from_arrays(scene.points, np.full(600, -1))
    assert all(reason.startswith("typical") for reason in Auto(AutoConfig()).select(nothing, 20).reasons)


def test_typical_images_touch_most_digits() -> None:
    """Cold start, on pixels alone: ten requests over ten digits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    centred = (digits.data - digits.data.mean(0)).astype(np.float32)
    pool = Pool.from_arrays(centred, np.full(len(centred), -1))
    touched = [len(set(digits.target[Auto(AutoConfig()).select(pool, 10, seed).rows])) for seed in range(10)]
    assert np.mean(touched) >= 8
