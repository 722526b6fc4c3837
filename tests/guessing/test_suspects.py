"""Labels made wrong on purpose are found, by what has not seen them."""

import numpy as np
import pytest

from barlowmatch.guessing.linear_probe import Space, fit
from barlowmatch.guessing.suspects import FOLDS, LEAST, _deal, find_suspects, out_of_sample, soften
from tests.clusters import clusters


def mislabeled(count: int, wrong: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors around three centres, labels, and which of these were made wrong."""
    vectors, owner = clusters(count)
    places = np.random.default_rng(1).permutation(count)[:wrong]
    labels = owner.copy()
    labels[places] = (labels[places] + 1) % 3
    return vectors, labels, np.sort(places)


def test_labels_made_wrong_are_found_and_the_right_class_is_named() -> None:
    vectors, labels, wrong = mislabeled(300, 15)
    found = find_suspects(vectors, labels * 10 + 5)
    assert set(found.places.tolist()) <= set(wrong.tolist())
    assert len(found) >= 10
    _, owner = clusters(300)
    assert found.suggested.tolist() == (owner[found.places] * 10 + 5).tolist()
    assert (np.diff(found.odds) <= 0).all(), "the most doubtful come first"
    assert found.judged == 300


def test_where_all_is_right_nothing_is_suspect() -> None:
    vectors, owner = clusters(300)
    assert len(find_suspects(vectors, owner)) == 0


def test_what_the_embeddings_do_not_know_makes_no_label_suspect() -> None:
    """As after the first round: the probe was sure, and wrong about more than half of a hundred labels."""
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(100, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = draw.integers(0, 9, 100)
    sure = out_of_sample(vectors, labels, 0)
    doubted = sure.max(1) >= 10 * sure[np.arange(100), labels]
    assert np.count_nonzero(doubted) > 20
    assert len(find_suspects(vectors, labels)) == 0


def test_what_judges_a_label_has_not_seen_it() -> None:
    """Where images have nothing in common, a probe knows the labels that it has seen, and nothing of any other."""
    vectors = np.eye(60, dtype=np.float32)
    labels = np.random.default_rng(0).permutation(60) % 3
    features = Space.of(vectors).features(np.arange(60))
    assert (fit(features, labels).probabilities(features).argmax(1) == labels).all()
    assert out_of_sample(vectors, labels, 0) == pytest.approx(np.full((60, 3), 1 / 3), abs=0.05)


def test_a_label_is_suspect_where_another_class_is_ten_times_likelier() -> None:
    draw = np.random.default_rng(2)
    vectors, labels, _ = mislabeled(400, 60)
    vectors = vectors + draw.normal(0, 0.25, vectors.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = find_suspects(vectors, labels)
    own = soften(out_of_sample(vectors, labels, 0), labels)
    expected = {
        place: max(likelihoods) / likelihoods[label]
        for place, (likelihoods, label) in enumerate(zip(own.tolist(), labels, strict=True))
        if max(likelihoods) >= 10 * likelihoods[label]
    }
    assert found.places.tolist() == sorted(expected, key=lambda place: -expected[place])
    assert found.odds.tolist() == pytest.approx([expected[place] for place in found.places.tolist()], rel=1e-5)
    assert found.likelihoods == pytest.approx(own[found.places].max(1))


def test_each_class_is_spread_over_the_folds_and_small_ones_are_left_out() -> None:
    vectors, owner = clusters(90)
    labels = owner.copy()
    labels[: LEAST - 1] = 7
    few = find_suspects(vectors, labels)
    assert not np.isin(np.arange(LEAST - 1), few.places).any()
    assert few.judged == 90 - (LEAST - 1)
    labels[:LEAST] = 7
    assert find_suspects(vectors, labels).judged == 90
    for seed in range(5):
        folds = _deal(labels, seed)
        spread = [np.bincount(folds[labels == label], minlength=FOLDS) for label in np.unique(labels)]
        assert all(counts.max() - counts.min() <= 1 for counts in spread)
    assert FOLDS <= LEAST, "no fold misses a class that is judged"


def test_a_label_of_a_class_that_the_probe_did_not_learn_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with more than 4,000 classes, which take minutes."""
    monkeypatch.setattr("barlowmatch.guessing.suspects.MOST", 40)
    labels = np.repeat(np.arange(50), 10)
    vectors = np.eye(50, dtype=np.float32)[labels]
    found = find_suspects(vectors, labels)
    assert len(found) == 0
    assert 0 < found.judged < 500


def test_one_class_or_none_says_nothing() -> None:
    vectors, _ = clusters(30)
    for count in (30, 0):
        nothing = find_suspects(vectors[:count], np.zeros(count, np.int64))
        assert (len(nothing), len(nothing.likelihoods), len(nothing.odds), nothing.judged) == (0, 0, 0, 0)
