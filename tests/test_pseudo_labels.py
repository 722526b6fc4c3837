"""Pseudo-label rules against plain-Python transcriptions of their papers, over many steps."""

import math

import pytest
import torch
from torch import Tensor

from barlowmatch.pseudo_labels import FixedThreshold, FreeMatch, SoftMatch, pseudo_labels

CLASSES = 4
M = 0.999


def batches(count: int = 40) -> list[list[list[float]]]:
    """Class probabilities that grow surer and favour some classes, as a network's do."""
    generator = torch.Generator().manual_seed(7)
    lean = torch.tensor([1.0, 0.3, 0.0, -1.0])
    return [
        (torch.randn(9, CLASSES, generator=generator, dtype=torch.float64) * (1 + step / 10) + lean).softmax(1).tolist()
        for step in range(count)
    ]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def columns(rows: list[list[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


def test_the_fixed_threshold_counts_from_the_threshold_on() -> None:
    labels, weights = FixedThreshold(0.5).weigh(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.42, 0.48], [0.0, 0.9, 0.1]]))
    assert labels.tolist() == [0, 2, 1]
    assert weights.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("before", [0, 980, 5000])
def test_softmatch_equals_its_paper(before: int) -> None:
    """2301.10921: truncated Gaussian weights of the confidence after uniform alignment, with running μ and σ².

    The means are plain ones, what μ and σ² start from being one of them, until there are a thousand, the paper's span.
    """
    rule = SoftMatch(CLASSES)
    assert (rule.mean, rule.variance) == (1 / CLASSES, 1.0)
    mu, variance, frequency = 0.7, 0.02, [0.4, 0.3, 0.2, 0.1]
    rule.mean.fill_(mu), rule.variance.fill_(variance), rule.batches.fill_(before)
    rule.frequency.copy_(torch.tensor(frequency))
    for step, rows in enumerate(batches()):
        past = min(M, 1 - 1 / (before + step + 1))
        frequency = [past * f + (1 - past) * mean(n) for f, n in zip(frequency, columns(rows), strict=True)]
        past = min(M, 1 - 1 / (before + step + 2))
        confidence = []
        for row in rows:
            aligned = [p * (1 / CLASSES) / f for p, f in zip(row, frequency, strict=True)]
            confidence.append(max(aligned) / sum(aligned))
        mu_now = mean(confidence)
        biased = mean([(c - mu_now) ** 2 for c in confidence])
        mu = past * mu + (1 - past) * mu_now
        variance = past * variance + (1 - past) * biased * len(rows) / (len(rows) - 1)
        expected = [1.0 if c >= mu else math.exp(-((c - mu) ** 2) / (2 * variance / 4)) for c in confidence]
        labels, weights = rule.weigh(torch.tensor(rows, dtype=torch.float64))
        assert labels.tolist() == [row.index(max(row)) for row in rows]
        assert weights.tolist() == pytest.approx(expected, rel=1e-6)
    assert 0 < min(expected) < 1


def entropy_term(wanted: list[float], found: list[float]) -> float:
    return sum(w * math.log(f + 1e-12) for w, f in zip(wanted, found, strict=True))


def normalised(values: list[float]) -> list[float]:
    return [value / sum(values) for value in values]


@pytest.mark.parametrize("before", [0, 980, 5000])
def test_freematch_equals_its_paper(before: int) -> None:
    """2205.07246: self-adaptive thresholds from running means, and the fairness of the strong views that count.

    The means are plain ones, what they start from being one of them, until there are a thousand, the paper's span.
    """
    rule = FreeMatch(CLASSES)
    tau, p, h = 0.8, [1 / CLASSES] * CLASSES, [1 / CLASSES] * CLASSES
    rule.threshold.fill_(tau), rule.batches.fill_(before)
    fractions = set()
    for step, rows in enumerate(batches()):
        past = min(M, 1 - 1 / (before + step + 2))
        guesses = [row.index(max(row)) for row in rows]
        tau = past * tau + (1 - past) * mean([max(row) for row in rows])
        p = [past * old + (1 - past) * mean(column) for old, column in zip(p, columns(rows), strict=True)]
        h = [past * old + (1 - past) * guesses.count(c) / len(rows) for c, old in enumerate(h)]
        expected = [float(max(row) >= tau * p[g] / max(p)) for row, g in zip(rows, guesses, strict=True)]
        labels, weights = rule.weigh(torch.tensor(rows, dtype=torch.float64))
        assert labels.tolist() == guesses
        assert weights.tolist() == expected
        fractions.add(mean(expected))
        logits = torch.randn(9, CLASSES, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        strong = [row for row, counts in zip(logits.softmax(1).tolist(), expected, strict=True) if counts]
        if not strong:
            assert rule.penalty(logits, weights) == 0
            continue
        found = [strong_row.index(max(strong_row)) for strong_row in strong]
        ratio = [
            mean(column) / (found.count(c) / len(found)) if c in found else 0.0
            for c, column in enumerate(columns(strong))
        ]
        wanted = normalised([a / b for a, b in zip(p, h, strict=True)])
        penalty = 0.01 * entropy_term(wanted, normalised(ratio))
        assert rule.penalty(logits, weights).item() == pytest.approx(penalty, rel=1e-6)
    assert len(fractions) > 1


def test_a_confidence_at_freematchs_threshold_reaches_it() -> None:
    labels, weights = FreeMatch(4).weigh(torch.full((3, 4), 0.25))
    assert (labels.tolist(), weights.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_a_class_that_nobody_guesses_spoils_no_figure() -> None:
    """In float32 a probability may be no more than 0, and so is the frequency of what was not guessed for long."""
    probabilities = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert SoftMatch(2).weigh(probabilities)[1].isfinite().all()
    rule = FreeMatch(2)
    rule.weigh(probabilities)
    rule.probability[1] = rule.frequency[1] = 0
    assert rule.penalty(torch.tensor([[1.0, 2.0]]), torch.ones(1)).isfinite()


def test_one_image_alone_has_no_variance_and_spoils_none() -> None:
    rule = SoftMatch(2)
    assert rule.weigh(torch.tensor([[0.9, 0.1]]))[1].isfinite().all()
    assert rule.variance == 0.5


def test_rules_are_known_by_name() -> None:
    fixed = pseudo_labels("fixed", 0.7, CLASSES)
    assert isinstance(fixed, FixedThreshold)
    assert fixed.threshold == 0.7
    assert isinstance(pseudo_labels("softmatch", 0.7, CLASSES), SoftMatch)
    freematch = pseudo_labels("freematch", 0.7, CLASSES)
    assert isinstance(freematch, FreeMatch)
    assert freematch.fairness == 0.01


def test_freematch_asks_nothing_when_no_guess_counts() -> None:
    logits = torch.randn(3, CLASSES, requires_grad=True)
    penalty = FreeMatch(CLASSES).penalty(logits, torch.zeros(3))
    penalty.backward()
    assert penalty.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


@pytest.mark.parametrize("name", ["fixed", "softmatch", "freematch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_rule_goes_on_from_its_state(name: str, dtype: torch.dtype) -> None:
    def step(rule: torch.nn.Module, number: int) -> tuple[Tensor, Tensor]:
        return rule.weigh(torch.tensor(batches()[number], dtype=dtype))  # type: ignore[no-any-return,operator]

    straight, first = pseudo_labels(name, 0.5, CLASSES), pseudo_labels(name, 0.5, CLASSES)
    for number in range(5):
        step(straight, number), step(first, number)
    second = pseudo_labels(name, 0.5, CLASSES)
    second.load_state_dict({key: value.clone() for key, value in first.state_dict().items()}, assign=True)
    for mine, theirs in zip(step(straight, 6), step(second, 6), strict=True):
        assert torch.equal(mine, theirs)


def test_a_state_of_before_batches_were_counted_goes_on() -> None:
    first, second = FreeMatch(CLASSES), FreeMatch(CLASSES)
    first.weigh(torch.tensor(batches()[0]))
    second.load_state_dict({name: value for name, value in first.state_dict().items() if name != "batches"})
    sure = torch.eye(CLASSES)
    threshold = second.threshold.clone()
    second.weigh(sure)
    assert second.threshold == pytest.approx(M * threshold + (1 - M))
