"""The losses against float64 transcriptions of their formulas, by properties, and in several processes."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.losses import EPSILON, barlow_twins_loss, fixmatch_loss
from barlowmatch.machine import distributed
from barlowmatch.pseudo_labels import FixedThreshold, FreeMatch, PseudoLabels, SoftMatch
from tests.processes import in_processes
from tests.selection.scenes import LargestMade


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def projections(count: int, width: int) -> tuple[Tensor, Tensor]:
    """Two correlated projections with means and scales of their own, as a projector's are."""
    first = random(count, width, seed=1) * 3 + 1
    return first, first * 0.5 + random(count, width, seed=2) - 2


def barlow_formula(first: Tensor, second: Tensor, lambd: float) -> Tensor:
    """Equation 1 of 2103.03230 element by element, with the batch norm of its algorithm 1."""

    def normalised(values: Tensor) -> Tensor:
        return (values - values.mean(0)) / (values.var(0, unbiased=False) + EPSILON).sqrt()

    correlation = normalised(first.double()).T @ normalised(second.double()) / len(first)
    loss = torch.zeros((), dtype=torch.float64)
    for i in range(len(correlation)):
        loss = loss + (1 - correlation[i, i]) ** 2
        others = torch.cat([correlation[i, :i], correlation[i, i + 1 :]])
        loss = loss + lambd * (others**2).sum()
    return loss


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).detach().norm() / expected.detach().norm())


SHAPES = [(64, 16), (31, 61), (32, 64), (16, 200), (64, 512)]
"""Narrower than the batch, just below and at the bound where the matrix is spared, and far above."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("count", "width"), SHAPES)
def test_barlow_twins_equals_its_formula(count: int, width: int, dtype: torch.dtype) -> None:
    exact = [value.requires_grad_() for value in projections(count, width)]
    expected = 0.1 * barlow_formula(*exact, lambd=5.1e-3)
    expected.backward()
    ours = [value.detach().to(dtype).requires_grad_() for value in exact]
    found = barlow_twins_loss(*ours, lambd=5.1e-3, scale=0.1)
    found.backward()
    tolerance = 1e-5 if dtype == torch.float32 else 1e-11
    assert found.dtype == dtype
    assert relative(found, expected) < tolerance
    for mine, theirs in zip(ours, exact, strict=True):
        assert relative(mine.grad, theirs.grad) < tolerance


def test_barlow_twins_is_torchs_batch_norm_and_the_published_code() -> None:
    first, second = projections(48, 12)
    norm = torch.nn.BatchNorm1d(12, affine=False, dtype=torch.float64)
    c = norm(first).T @ norm(second) / 48
    on = (c.diagonal() - 1).pow(2).sum()
    off = c.flatten()[:-1].view(11, 13)[:, 1:].flatten().pow(2).sum()
    torch.testing.assert_close(barlow_twins_loss(first, second, 0.0051), on + 0.0051 * off)


def test_identical_decorrelated_views_cost_nothing() -> None:
    # Columns of a Hadamard matrix without the constant one: mean 0, variance 1, orthogonal.
    hadamard = torch.ones(1, 1, dtype=torch.float64)
    for _ in range(4):
        hadamard = torch.cat([torch.cat([hadamard, hadamard], 1), torch.cat([hadamard, -hadamard], 1)])
    views = hadamard[:, 1:]
    assert barlow_twins_loss(views, views, 1.0).item() < 15 * EPSILON**2
    assert barlow_twins_loss(views, -views, 1.0).item() == pytest.approx(4 * 15, rel=1e-4)
    assert barlow_twins_loss(views, views.roll(1, 1), 1.0).item() == pytest.approx(15 + 15, rel=1e-4)


def test_barlow_twins_looks_at_neither_mean_nor_scale_nor_order() -> None:
    first, second = projections(40, 10)
    loss = barlow_twins_loss(first * 1e3, second * 1e3, 0.01)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(barlow_twins_loss(7e3 * first - 3, -5 + 2e3 * second, 0.01), loss, rtol=1e-6, atol=0)
    torch.testing.assert_close(barlow_twins_loss(first[order] * 1e3, second[order] * 1e3, 0.01), loss)
    torch.testing.assert_close(barlow_twins_loss(second * 1e3, first * 1e3, 0.01), loss)


def test_barlow_twins_in_bfloat16_keeps_statistics_in_float32() -> None:
    first, second = (value.bfloat16() for value in projections(64, 32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = barlow_twins_loss(first, second, 5.1e-3)
    assert found.dtype == torch.float32
    assert relative(found, barlow_formula(first, second, 5.1e-3)) < 1e-5


def test_a_dead_output_gives_finite_gradients() -> None:
    first, second = projections(16, 4)
    first[:, 2] = 5.0
    first.requires_grad_()
    barlow_twins_loss(first, second, 1.0).backward()
    assert torch.isfinite(first.grad).all()


def fixmatch_formula(
    labeled: Tensor, labels: Tensor, weak: Tensor, strong: Tensor, threshold: float, weight: float, temperature: float
) -> Tensor:
    """Equations 3 and 4 of 2001.07685, image by image."""

    def cross_entropy(logits: Tensor, label: int) -> Tensor:
        return logits.exp().sum().log() - logits[label]

    supervised = sum(cross_entropy(row, int(label)) for row, label in zip(labeled, labels, strict=True))
    unsupervised = torch.zeros((), dtype=torch.float64)
    for guess, row in zip(weak.detach(), strong, strict=True):
        q = (guess / temperature).exp() / (guess / temperature).exp().sum()
        if q.max() >= threshold:
            unsupervised = unsupervised + cross_entropy(row, int(q.argmax()))
    return supervised / len(labeled) + weight * unsupervised / len(weak)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("threshold", "weight", "temperature"), [(0.5, 1.0, 1.0), (0.8, 2.5, 0.5), (0.999, 1.0, 1.0)])
def test_fixmatch_equals_its_formula(dtype: torch.dtype, threshold: float, weight: float, temperature: float) -> None:
    labels = torch.arange(12) % 5
    exact = [2 * random(count, 5, seed=count) for count in (12, 84, 85)]
    exact[2] = exact[2][:84]
    leaves = [value.clone().requires_grad_() for value in exact]
    expected = fixmatch_formula(leaves[0], labels, leaves[1], leaves[2], threshold, weight, temperature)
    expected.backward()
    ours = [value.to(dtype).requires_grad_() for value in exact]
    found = fixmatch_loss(
        ours[0], labels, ours[1], ours[2], FixedThreshold(threshold), weight=weight, temperature=temperature
    )
    found["loss"].backward()
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    assert relative(found["loss"], expected) < tolerance
    assert ours[1].grad is None, "no gradient flows through the guesses"
    assert relative(ours[0].grad, leaves[0].grad) < tolerance
    if leaves[2].grad is None:
        assert ours[2].grad.abs().max() == 0
    else:
        assert relative(ours[2].grad, leaves[2].grad) < tolerance


def test_no_gradient_flows_through_the_weights_of_guesses() -> None:
    weak, strong = (random(9, 5, seed=seed).requires_grad_() for seed in (1, 2))
    rule = SoftMatch(5)
    rule.mean.fill_(0.9), rule.variance.fill_(0.1)
    fixmatch_loss(weak[:2] * 0, torch.tensor([0, 1]), weak, strong, rule)["loss"].backward()
    assert weak.grad is None or weak.grad.abs().max() == 0
    assert strong.grad.abs().max() > 0


def test_fixmatch_reports_its_parts() -> None:
    weak = torch.tensor([[9.0, 0.0], [0.1, 0.0], [0.0, 9.0], [0.0, 0.2]])
    parts = fixmatch_loss(weak[:2], torch.tensor([0, 0]), weak, weak, FixedThreshold(0.95), weight=3.0)
    torch.testing.assert_close(parts["loss"], parts["labeled_loss"] + 3 * parts["unlabeled_loss"])
    assert parts["pseudo_labeled"] == 0.5
    torch.testing.assert_close(parts["unlabeled_loss"], F.cross_entropy(weak[[0, 2]], torch.tensor([0, 1])) / 2)


def test_what_the_rule_wants_of_the_strong_views_is_added() -> None:
    labeled, weak, strong = (3 * random(9, 5, seed=seed) for seed in (1, 2, 3))
    parts = fixmatch_loss(labeled[:2], torch.tensor([0, 1]), weak, strong, FreeMatch(5, 0.5), weight=3.0)
    rule = FreeMatch(5, 0.5)
    penalty = rule.penalty(strong, rule.weigh(weak.softmax(1))[1])
    assert abs(penalty) > 0.1
    torch.testing.assert_close(parts["loss"], parts["labeled_loss"] + 3 * parts["unlabeled_loss"] + penalty)


def test_fixmatch_in_bfloat16_keeps_its_sums_in_float32() -> None:
    labeled, weak, strong = ((2 * random(count, 5, seed=count)).bfloat16() for count in (12, 84, 84))
    labels = torch.arange(12) % 5
    expected = fixmatch_loss(labeled.double(), labels, weak.double(), strong.double(), FreeMatch(5, 1.0))["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = fixmatch_loss(labeled, labels, weak, strong, FreeMatch(5, 1.0))["loss"]
    assert found.dtype == torch.float32
    assert relative(found, expected) < 1e-5


WIDTH, COUNT = 8, 11


def barlow_in_parts(_rank: int = 0) -> Tensor:
    """The gradient of a shared weight, as training under torchrun gets it; the shares are uneven."""
    weight = random(6, WIDTH, seed=5).requires_grad_()
    part = distributed.own_part(COUNT)
    loss = barlow_twins_loss(random(COUNT, 6, seed=3)[part] @ weight, random(COUNT, 6, seed=4)[part] @ weight, 0.05)
    return gathered(loss, weight)


def gathered(loss: Tensor, weight: Tensor) -> Tensor:
    """Return the mean loss over the processes and the mean gradient, flattened."""
    loss.backward()
    total = distributed.all_reduce_sum(torch.cat([loss.detach().reshape(1), weight.grad.flatten()]))
    return total / distributed.world_size()


RULES = {
    "fixed": lambda: FixedThreshold(0.5),
    "softmatch": lambda: SoftMatch(5),
    "freematch": lambda: FreeMatch(5, 1.0),
}


def fixmatch_in_parts(_rank: int = 0, name: str = "fixed") -> Tensor:
    weight = random(6, 5, seed=5).requires_grad_()
    rule: PseudoLabels = RULES[name]()
    results = []
    for step in range(3):
        weight.grad = None
        few, many = distributed.own_part(5), distributed.own_part(COUNT)
        inputs = [random(5, 6, seed=step)[few], random(COUNT, 6, seed=9 + step)[many], random(COUNT, 6, seed=20)[many]]
        logits = [2 * values @ weight for values in inputs]
        results.append(gathered(fixmatch_loss(logits[0], torch.arange(5)[few], *logits[1:], rule)["loss"], weight))
    return torch.cat([*results, *(value.double().flatten() for value in rule.state_dict().values())])


def all_in_parts(rank: int = 0) -> list[Tensor]:
    return [barlow_in_parts(rank), *(fixmatch_in_parts(rank, name) for name in RULES)]


def test_several_processes_compute_the_loss_of_one() -> None:
    expected = all_in_parts()
    for found in in_processes(3, all_in_parts):
        for many, one in zip(found, expected, strict=True):
            torch.testing.assert_close(many, one, rtol=1e-9, atol=1e-11)


def test_the_matrix_is_spared_where_it_is_the_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways give the same loss on the same projections."""
    for width in (47, 48):
        with LargestMade() as made:
            barlow_twins_loss(*projections(24, width), 0.01)
        assert made.numbers == (47 * 47 if width == 47 else 24 * 48)
    first, second = projections(24, 64)
    spared = barlow_twins_loss(first, second, 0.01)
    monkeypatch.setattr("barlowmatch.losses.world_size", lambda: 2)
    assert math.isclose(barlow_twins_loss(first, second, 0.01).item(), spared.item(), rel_tol=1e-12)
