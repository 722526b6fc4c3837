"""The strategies that scikit-activeml has too, side by side: seconds, and whether the choice is as good."""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from barlowmatch.selection.loading import create_strategy
from barlowmatch.selection.pool import Pool
from benchmarks.measuring import table

Array = npt.NDArray[np.float64]
Picks = npt.NDArray[np.int64]
RADIUS, SIGMA = 1.0, 1.0


@dataclass(frozen=True)
class Scene:
    """Unit vectors (n, D), labels (n,) with NaN for none, and a linear classifier that both sides use."""

    points: Array
    labels: Array
    classes: int
    classifier: Any
    """scikit-activeml's wrapper of a fitted logistic regression."""

    @property
    def pool(self) -> Pool:
        """The same for ours."""
        labels = np.nan_to_num(self.labels, nan=-1).astype(np.int64)
        shares = self.classifier.predict_proba(self.points).astype(np.float32)
        names = [str(place) for place in range(self.classes)]
        return Pool.from_arrays(self.points.astype(np.float32), labels, class_names=names, probabilities=shares)

    def nearest(self, rows: Picks) -> Array:
        """Return each vector's squared distance to the nearest labeled or chosen one."""
        centres = np.concatenate([self.points[~np.isnan(self.labels)], self.points[rows]])
        nearest: Array = np.maximum(0, 2 - 2 * (self.points @ centres.T)).min(1)
        return nearest


@dataclass(frozen=True)
class Contest:
    """A strategy on both sides, and what its choice is worth: the larger the better."""

    ours: tuple[str, tuple[str, ...]]
    theirs: Callable[[Scene, int, int], Picks]
    worth: Callable[[Scene, Picks], float]


def run(arguments: list[str]) -> dict[str, Any]:
    """Choose on both sides in turn and return the ratios of their median seconds."""
    parser = argparse.ArgumentParser(prog="benchmarks select-peers")
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--picks", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CONTESTS), default=list(CONTESTS), metavar="STRATEGY")
    options = parser.parse_args(arguments)
    scene = make_scene(options.size, options.dimension)
    figures, rows = {}, []
    for name in options.only:
        figures[name] = measure(scene, CONTESTS[name], options.picks, options.rounds)
        rows.append((name, *(str(value) for value in figures[name].values())))
        print(f"{name}: {figures[name]}", flush=True)
    print(table(("strategy", *next(iter(figures.values()))), rows))
    return figures


def measure(scene: Scene, contest: Contest, picks: int, rounds: int) -> dict[str, float]:
    """Run both sides in turn; a pool is built anew each time, as the peer validates its arrays anew.

    The peer is given a fitted classifier, so ours is fitted before the clock starts too.
    """
    ours, theirs, worth_ours, worth_theirs = [], [], [], []
    name, settings = contest.ours
    for seed in range(rounds):
        pool = scene.pool
        _ = pool.head
        started = time.monotonic()
        chosen = create_strategy(name, settings).select(pool, picks, seed).rows
        ours.append(time.monotonic() - started)
        worth_ours.append(contest.worth(scene, chosen))
        started = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = np.asarray(contest.theirs(scene, picks, seed))
        theirs.append(time.monotonic() - started)
        worth_theirs.append(contest.worth(scene, chosen))
    return {
        "ratio_vs_skactiveml": round(median(theirs) / median(ours), 1),
        "seconds": round(median(ours), 3),
        "seconds_skactiveml": round(median(theirs), 3),
        "worth": round(float(np.mean(worth_ours)), 5),
        "worth_skactiveml": round(float(np.mean(worth_theirs)), 5),
    }


def make_scene(size: int, dimension: int, classes: int = 20, labeled: int = 200) -> Scene:
    """Return clustered unit vectors, some labeled, and a classifier of those."""
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    centres = random.normal(size=(classes, dimension))
    truth = random.integers(classes, size=size)
    points = centres[truth] + 1.2 * random.normal(size=(size, dimension))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    labels = np.full(size, np.nan)
    rows = random.choice(size, labeled, replace=False)
    labels[rows] = truth[rows]
    classifier = SklearnClassifier(LogisticRegression(C=10), classes=list(range(classes))).fit(points, labels)
    return Scene(points, labels, classes, classifier)


def core_set(scene: Scene, picks: int, seed: int) -> Picks:
    """Choose by scikit-activeml's CoreSet."""
    from skactiveml.pool import CoreSet

    return np.asarray(CoreSet(random_state=seed).query(scene.points, scene.labels, batch_size=picks))


def typi_clust(scene: Scene, picks: int, seed: int) -> Picks:
    """Choose by scikit-activeml's TypiClust, with one run of k-means as ours."""
    from skactiveml.pool import TypiClust

    peer = TypiClust(random_state=seed, k=20, cluster_algo_dict={"n_init": 1})
    return np.asarray(peer.query(scene.points, scene.labels, batch_size=picks))


def prob_cover(scene: Scene, picks: int, seed: int) -> Picks:
    """Choose by scikit-activeml's ProbCover at the same radius."""
    from skactiveml.pool import ProbCover

    peer = ProbCover(random_state=seed, deltas=[RADIUS], n_classes=scene.classes)
    return np.asarray(peer.query(scene.points, scene.labels, batch_size=picks))


def max_herding(scene: Scene, picks: int, seed: int) -> Picks:
    """Choose by scikit-activeml's MaxHerding with the same kernel."""
    from skactiveml.pool import MaxHerding

    peer = MaxHerding(random_state=seed, metric="rbf", metric_dict={"gamma": 0.5 / SIGMA**2})
    return np.asarray(peer.query(scene.points, scene.labels, batch_size=picks))


def badge(scene: Scene, picks: int, seed: int) -> Picks:
    """Choose by scikit-activeml's Badge with the same probabilities."""
    from skactiveml.pool import Badge

    peer = Badge(random_state=seed)
    return np.asarray(peer.query(scene.points, scene.labels, scene.classifier, fit_clf=False, batch_size=picks))


def drop_query(scene: Scene, picks: int, seed: int) -> Picks:
    """Choose by scikit-activeml's DropQuery, with one run of k-means as ours."""
    from skactiveml.pool import DropQuery

    peer = DropQuery(random_state=seed, n_dropout_samples=3, cluster_algo_dict={"n_init": 1})
    return np.asarray(peer.query(scene.points, scene.labels, scene.classifier, fit_clf=False, batch_size=picks))


def radius(scene: Scene, rows: Picks) -> float:
    """Return minus the distance of the vector farthest from all labeled and chosen ones."""
    return -float(np.sqrt(scene.nearest(rows).max()))


def covered(scene: Scene, rows: Picks) -> float:
    """Return the share of vectors within the radius of a labeled or chosen one."""
    return float((scene.nearest(rows) <= RADIUS**2).mean())


def represented(scene: Scene, rows: Picks) -> float:
    """Return the mean similarity to the nearest labeled or chosen vector."""
    return float(np.exp(-scene.nearest(rows) / (2 * SIGMA**2)).mean())


def near(scene: Scene, rows: Picks) -> float:
    """Return minus the mean distance to the nearest labeled or chosen vector."""
    return -float(np.sqrt(scene.nearest(rows)).mean())


def potential(scene: Scene, rows: Picks) -> float:
    """Return minus the mean squared distance of gradients to the nearest chosen gradient."""
    shares = scene.classifier.predict_proba(scene.points)
    residuals = shares - np.eye(scene.classes)[shares.argmax(1)]
    squares = (residuals**2).sum(1)
    products = (residuals @ residuals[rows].T) * (scene.points @ scene.points[rows].T)
    return -float(np.maximum(0, squares[:, None] + squares[rows][None] - 2 * products).min(1).mean())


CONTESTS = {
    "k-center": Contest(("k-center", ()), core_set, radius),
    "typiclust": Contest(("typiclust", ()), typi_clust, near),
    "probcover": Contest(("probcover", (f"radius={RADIUS}",)), prob_cover, covered),
    "maxherding": Contest(("maxherding", (f"sigma={SIGMA}",)), max_herding, represented),
    "badge": Contest(("badge", ()), badge, potential),
    "dropquery": Contest(("dropquery", ()), drop_query, near),
}
