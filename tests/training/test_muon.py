"""Muon against singular values in float64, against torch's own, and by what its steps must keep."""

import copy
import math

import pytest
import torch
from torch import nn

from barlowmatch.training.muon import Muon, orthogonal
from barlowmatch.training.optim import parameter_groups


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(32, 8), nn.Linear(8, 8)).to(
        dtype
    )


def set_gradients(module: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter.dtype)


@pytest.mark.parametrize("shape", [(3, 6, 20), (2, 20, 6), (1, 9, 9)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    assert values.min() > 0.01 * matrices.norm(dim=(1, 2)).max()
    found = left.mT @ orthogonal(matrices) @ right.mT
    diagonal = found.diagonal(dim1=1, dim2=2)
    assert (diagonal > 0.65).all()
    assert (diagonal < 1.25).all()
    torch.testing.assert_close(found, torch.diag_embed(diagonal))
    torch.testing.assert_close(orthogonal(1e-9 * matrices), orthogonal(matrices))
    assert torch.equal(orthogonal(0 * matrices), 0 * matrices)


def test_bfloat16_is_as_near_as_needs_be() -> None:
    matrices = torch.randn(4, 32, 48, generator=torch.Generator().manual_seed(1))
    exact = orthogonal(matrices.double())
    assert 1e-4 < (orthogonal(matrices, torch.bfloat16).double() - exact).norm() / exact.norm() < 0.05


def test_steps_go_where_torchs_go() -> None:
    mine = nn.Linear(24, 16, bias=False)
    theirs = copy.deepcopy(mine)
    optimizer, oracle = (
        Muon(mine.parameters(), lr=1.0, eta=0.01),
        torch.optim.Muon(theirs.parameters(), lr=0.01, weight_decay=0),
    )
    for step in range(5):
        set_gradients(mine, step), set_gradients(theirs, step)
        before = [module.weight.detach().clone() for module in (mine, theirs)]
        optimizer.step(), oracle.step()
        moves = [module.weight.detach() - old for module, old in zip((mine, theirs), before, strict=True)]
        assert torch.cosine_similarity(*(move.flatten() for move in moves), dim=0) > 0.995


def test_a_step_turns_a_weight_by_its_rate_and_keeps_its_norm() -> None:
    layer = nn.Linear(32, 16, bias=False).double()
    before = layer.weight.detach().clone()
    # At right angles to the weight in each of its singular directions.
    left, _, right = torch.linalg.svd(before, full_matrices=False)
    turn = torch.linalg.qr(torch.randn(16, 16, dtype=torch.float64))[0]
    layer.weight.grad = left @ (turn - turn.T) @ right
    Muon(layer.parameters(), lr=0.5, eta=0.2).step()
    assert float(layer.weight.detach().norm()) == pytest.approx(float(before.norm()), rel=1e-3)
    cosine = torch.cosine_similarity(layer.weight.detach().flatten(), before.flatten(), dim=0)
    assert math.acos(float(cosine)) == pytest.approx(math.atan(0.1), rel=1e-2)


def test_filters_are_matrices_and_the_rest_takes_plain_steps() -> None:
    """The steps of the formula, one weight after another."""
    module = network()
    groups = parameter_groups(module, lr=0.1, weight_decay=0.0, lr_biases=0.5)
    optimizer, rate = Muon(groups, eta=0.3), 0.1 * 0.3
    expected = [parameter.detach().clone() for parameter in module.parameters()]
    velocities = [torch.zeros_like(weight) for weight in expected]
    for step in range(4):
        set_gradients(module, step)
        optimizer.step()
        for place, (weight, parameter) in enumerate(zip(expected, module.parameters(), strict=True)):
            assert parameter.grad is not None
            velocities[place] = 0.95 * velocities[place] + parameter.grad
            if weight.dim() == 1:
                expected[place] = weight - 0.5 * velocities[place]
            else:
                update = orthogonal((parameter.grad + 0.95 * velocities[place]).flatten(1)[None])[0].view_as(weight)
                move = rate * weight.norm() / update.norm() * update
                expected[place] = (weight - move) / math.sqrt(1 + rate**2)
    for weight, parameter in zip(expected, module.parameters(), strict=True):
        torch.testing.assert_close(parameter.detach(), weight)


def test_products_are_in_the_wanted_arithmetic() -> None:
    exact, rough = nn.Linear(24, 16, bias=False), nn.Linear(24, 16, bias=False)
    rough.load_state_dict(exact.state_dict())
    set_gradients(exact, 0), set_gradients(rough, 0)
    before = exact.weight.detach().clone()
    Muon(exact.parameters()).step(), Muon(rough.parameters(), dtype=torch.bfloat16).step()
    apart = float((exact.weight - rough.weight).detach().norm() / (exact.weight - before).detach().norm())
    assert 1e-4 < apart < 0.05


def test_it_goes_on_from_its_state() -> None:
    mine, theirs = network(), network()
    straight = Muon(parameter_groups(mine, lr=0.1, weight_decay=0.0))
    first = Muon(parameter_groups(theirs, lr=0.1, weight_decay=0.0))
    for step in range(3):
        set_gradients(mine, step), set_gradients(theirs, step)
        straight.step(), first.step()
    second = Muon(parameter_groups(theirs, lr=0.1, weight_decay=0.0))
    second.load_state_dict(first.state_dict())
    set_gradients(mine, 3), set_gradients(theirs, 3)
    straight.step(), second.step()
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))


def test_weights_of_zero_move_and_those_without_a_gradient_stay() -> None:
    module = network()
    with torch.no_grad():
        module[3].weight.zero_()
    set_gradients(module, 0)
    module[0].weight.grad = None
    module[4].weight.grad.zero_()
    before = copy.deepcopy(module)
    Muon(parameter_groups(module, lr=1.0, weight_decay=0.0), eta=0.1).step()
    for layer in (0, 4):
        assert torch.equal(module[layer].weight, before[layer].weight)
    assert float(module[3].weight.detach().norm()) == pytest.approx(0.1 / math.sqrt(1.01))
