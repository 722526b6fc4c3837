"""The strategies that scikit-activeml has too, on 1,000 vectors of 32 numbers: the same picks, or as good ones.

On purpose ours differ: TypiClust's distances are true and its neighbours at most half of the cluster, as in the paper.
"""

import warnings

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Badge as PeerBadge
from skactiveml.pool import CoreSet
from skactiveml.pool import DropQuery as PeerDropQuery
from skactiveml.pool import MaxHerding as PeerMaxHerding
from skactiveml.pool import TypiClust as PeerTypiClust
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.linear_model import LogisticRegression

from barlowmatch.selection import badge, typiclust
from barlowmatch.selection.badge import Badge, Gradients
from barlowmatch.selection.configs import (
    BadgeConfig,
    DropQueryConfig,
    KCenterConfig,
    MaxHerdingConfig,
    TypiClustConfig,
)
from barlowmatch.selection.dropquery import DropQuery, dropped
from barlowmatch.selection.head import LinearHead, fit_head
from barlowmatch.selection.k_center import KCenter
from barlowmatch.selection.maxherding import MaxHerding
from barlowmatch.selection.pool import Pool
from barlowmatch.selection.typiclust import TypiClust
from tests.selection.scenes import Array, Scene, clustered, distances, missing, unit

BUDGET = 40


@pytest.fixture(scope="module")
def scene() -> Scene:
    return clustered(1000, 32, classes=8, labeled=30, seed=11)


def test_core_set(scene: Scene) -> None:
    theirs = CoreSet(random_state=0).query(unit(scene.points), missing(scene), batch_size=BUDGET)
    ours = KCenter(KCenterConfig()).select(scene.pool, BUDGET)
    assert ours.rows.tolist() == theirs.tolist()


@pytest.mark.parametrize("labeled", [True, False])
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_max_herding(scene: Scene, sigma: float, labeled: bool) -> None:
    labels = scene.labels if labeled else np.full(1000, -1)
    peer = PeerMaxHerding(metric="rbf", metric_dict={"gamma": 0.5 / sigma**2}, random_state=0)
    theirs = peer.query(scene.points.astype(np.float64), np.where(labels < 0, np.nan, labels), batch_size=BUDGET)
    ours = MaxHerding(MaxHerdingConfig(sigma=sigma)).select(Pool.from_arrays(scene.points, labels), BUDGET)
    assert ours.rows.tolist() == theirs.tolist()
    assert ours.reasons[0] == f"adds {ours.scores[0]:.2%} to how well the pool is represented"


class OurClusters(ClusterMixin, BaseEstimator):
    """Hands the peer the clusters that ours found, so that the rest can be compared."""

    owners: npt.NDArray[np.int64]

    def __init__(self, n_clusters: int = 8) -> None:
        self.n_clusters = n_clusters

    def fit_predict(self, X: Array, y: None = None) -> npt.NDArray[np.int64]:
        return type(self).owners


def test_typi_clust(scene: Scene) -> None:
    budget, pool = 12, scene.pool
    owners = typiclust.assign_clusters(pool.vectors, 30 + budget, np.random.default_rng(2), lambda event: None)
    order = np.concatenate([np.flatnonzero(scene.labels >= 0), pool.rows])
    OurClusters.owners = np.empty(1000, np.int64)
    OurClusters.owners[order] = owners
    labeled = set(OurClusters.owners[scene.labels >= 0].tolist())
    sizes = np.bincount(OurClusters.owners, minlength=42)
    free = sorted((sizes[cluster] for cluster in range(42) if cluster not in labeled), reverse=True)
    assert len(free) >= budget
    assert free[budget - 1] >= 10  # half of the cluster is at least the 5 neighbours of both
    peer = PeerTypiClust(cluster_algo=OurClusters, k=5, random_state=0)
    theirs = peer.query(unit(scene.points), missing(scene), batch_size=budget)
    ours = TypiClust(TypiClustConfig(neighbours=5)).select(pool, budget, seed=2)
    tied = {cluster for cluster in range(42) if sizes[cluster] == free[budget - 1]}

    def untied(rows: npt.NDArray[np.int64]) -> set[int]:
        return {int(row) for row in rows if OurClusters.owners[row] not in tied}

    assert untied(ours.rows) == untied(theirs)
    assert len(untied(ours.rows)) >= budget // 2


class Fixed(LogisticRegression):
    """A classifier that answers the given probabilities, so that the peer sees what ours sees."""

    def __init__(self, probabilities: Array | None = None, points: Array | None = None) -> None:
        self.probabilities, self.points = probabilities, points
        super().__init__()

    def predict_proba(self, X: Array) -> Array:
        assert self.probabilities is not None
        assert self.points is not None
        return np.array([self.probabilities[int(np.abs(self.points - row).sum(1).argmin())] for row in X])


def gradients(scene: Scene) -> Array:
    """Return the gradients themselves (1000, C · D)."""
    shares = scene.probabilities.astype(np.float64)
    shares /= shares.sum(1, keepdims=True)
    residuals = shares - np.eye(shares.shape[1])[shares.argmax(1)]
    return (residuals[:, :, None] * unit(scene.points)[:, None, :]).reshape(len(shares), -1)


def test_badge_knows_distances_of_gradients() -> None:
    scene = clustered(1000, 32, classes=8, labeled=30, seed=11)
    scene.points[np.flatnonzero(scene.labels < 0)[[7, 8]]] = 0
    pool = scene.pool
    factorised = Gradients(pool.unlabeled, pool.probabilities)
    explicit = gradients(scene)[pool.rows]
    places = torch.arange(0, 300, 7)
    np.testing.assert_allclose(
        factorised.among(places).sqrt(), distances(explicit[places], explicit[places]), atol=1e-7
    )
    minima = torch.full((len(pool),), torch.inf, dtype=torch.float64)
    factorised.lower(minima, places)
    np.testing.assert_allclose(minima.sqrt(), distances(explicit, explicit[places]).min(1), atol=1e-7)


def test_badge_says_how_far_each_gradient_was_and_what_the_classifier_thought(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(badge, "BLOCK_ROWS", 16)
    selection = Badge(BadgeConfig()).select(scene.pool, BUDGET, seed=5)
    explicit = gradients(scene)[selection.rows]
    expected = [np.linalg.norm(explicit[0])]
    expected += [distances(explicit[[place]], explicit[:place]).min() for place in range(1, BUDGET)]
    np.testing.assert_allclose(selection.scores, expected, atol=1e-7)
    for row, reason in zip(selection.rows, selection.reasons, strict=True):
        shares = scene.probabilities[row]
        said = f"uncertain (class {shares.argmax()} at {shares.max():.0%}) and unlike the others chosen"
        assert reason == said


def test_badge(scene: Scene) -> None:
    """The first pick is the peer's; the others are random, so the potential they leave is compared over seeds."""
    explicit, points = gradients(scene), unit(scene.points)
    classifier = SklearnClassifier(Fixed(scene.probabilities.astype(np.float64), points), classes=range(8))
    classifier.fit(points, missing(scene))

    def potential(rows: npt.NDArray[np.int64]) -> float:
        left = explicit[scene.labels < 0]
        return float((distances(left, explicit[rows]).min(1) ** 2).sum())

    ours, theirs = [], []
    for seed in range(12):
        ours.append(Badge(BadgeConfig()).select(scene.pool, BUDGET, seed).rows)
        peer = PeerBadge(random_state=seed)
        theirs.append(np.array(peer.query(points, missing(scene), classifier, fit_clf=False, batch_size=BUDGET)))
    assert {rows[0] for rows in ours} == {rows[0] for rows in theirs}
    assert np.mean([potential(rows) for rows in ours]) <= 1.02 * np.mean([potential(rows) for rows in theirs])


def test_the_head_is_scikit_learns_regression(scene: Scene) -> None:
    points, labels = unit(scene.points)[scene.labels >= 0], scene.labels[scene.labels >= 0]
    head = fit_head(torch.from_numpy(points), labels)
    centred = points - points.mean(0)
    scale = np.sqrt((centred**2).mean())
    peer = LogisticRegression(C=1.0, tol=1e-9, max_iter=2000).fit(centred / scale, labels)
    expected = peer.predict_proba((unit(scene.points) - points.mean(0)) / scale)
    np.testing.assert_allclose(head.probabilities(torch.from_numpy(unit(scene.points))), expected, atol=2e-4)
    np.testing.assert_array_equal(head.classes, peer.classes_)


class Linear(LogisticRegression):
    """Our linear head, for the peer."""

    def __init__(self, head: LinearHead | None = None) -> None:
        self.head = head
        super().__init__()

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> "Linear":
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Array) -> Array:
        assert self.head is not None
        return np.asarray(self.head.probabilities(torch.from_numpy(X)).numpy(), np.float64)

    def predict(self, X: Array) -> npt.NDArray[np.int64]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])


class LinearUnderDropout(Linear):
    """Scales up what is left of embeddings that lack features, as dropout does; the peer itself does not."""

    def predict_proba(self, X: Array) -> Array:
        lacks = (X == 0).any(1, keepdims=True)
        return super().predict_proba(np.where(lacks, X / (1 - DropQueryConfig().rate), X))


def test_drop_query() -> None:
    """Both are random: the distance of images that tend to flip to the nearest pick is no larger than the peer's."""
    scene = clustered(1000, 32, classes=8, labeled=60, seed=12, spread=1.3)
    points, pool = unit(scene.points), scene.pool
    head = pool.head
    classifier = SklearnClassifier(LinearUnderDropout(head), classes=head.classes.tolist())
    classifier.fit(points, missing(scene))
    random = np.random.default_rng(0)
    guess = classifier.predict(points)
    flips = np.mean([classifier.predict(points * (random.random(points.shape) >= 0.75)) != guess for _ in range(60)], 0)
    unstable = points[(flips > 0.5) & (scene.labels < 0)]
    assert len(unstable) > 2 * BUDGET
    ours, theirs = [], []
    for seed in range(8):
        chosen = DropQuery(DropQueryConfig(draws=5)).select(pool, BUDGET, seed).rows
        ours.append(distances(unstable, points[chosen]).min(1).mean())
        peer = PeerDropQuery(n_dropout_samples=5, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = peer.query(points, missing(scene), classifier, fit_clf=False, batch_size=BUDGET)
        theirs.append(distances(unstable, points[chosen]).min(1).mean())
    assert np.mean(ours) <= 1.01 * np.mean(theirs)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.75])
def test_dropping_features_keeps_the_mean_of_the_logits(rate: float) -> None:
    """A head with a bias: unscaled, the bias would outweigh the features that are left."""
    scene = clustered(200, 32, classes=8, labeled=60, seed=12, spread=1.3)
    vectors, head = scene.pool.unlabeled.whole()[:20], scene.pool.head
    once = dropped(vectors.repeat(2000, 1), rate, np.random.default_rng(0))
    draws = head.logits(once).view(2000, 20, -1)
    error = (draws.mean(0) - head.logits(vectors)).abs() / draws.std(0).clamp_min(1e-9) * 2000**0.5
    assert float(error.max()) < 5
    assert float((once == 0).double().mean()) == pytest.approx(rate, abs=0.01)
