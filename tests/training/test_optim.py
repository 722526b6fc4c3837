"""Optimizer, schedules and the average against their published formulas, written out plainly."""

import math

import pytest
import timm.optim
import torch
from torch import Tensor, nn

from barlowmatch.training.optim import LARS, Ema, cosine, fixmatch_cosine, parameter_groups, warmup_cosine


def network() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(7, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 3)).double()


def set_gradients(module: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


def published_lars(
    weights: list[Tensor],
    velocities: list[Tensor],
    *,
    lr: float,
    decay: float,
    momentum: float,
    eta: float,
    clip: bool,
) -> None:
    """One step of Barlow Twins' optimizer, or of solo-learn's: 1-D parameters are neither decayed nor adapted."""
    for weight, velocity in zip(weights, velocities, strict=True):
        assert weight.grad is not None
        update = weight.grad.clone()
        if weight.ndim > 1:
            update += decay * weight
            size, length = float(weight.norm()), float(update.norm())
            trust = eta * size / length if size > 0 and length > 0 else 1.0
            update *= min(trust / lr, 1.0) if clip else trust
        velocity.mul_(momentum).add_(update)
        weight.sub_(lr * velocity)


@pytest.mark.parametrize(("eta", "clip"), [(0.003, False), (0.3, True)])
def test_lars_is_the_published_one(eta: float, clip: bool) -> None:
    mine, theirs = network(), network()
    with torch.no_grad():  # a weight of norm zero takes a plain step
        mine[3].weight.zero_(), theirs[3].weight.zero_()
    optimizer = LARS(parameter_groups(mine, lr=0.2, weight_decay=1e-2, lr_biases=0.2), eta=eta, clip=clip)
    weights = list(theirs.parameters())
    velocities = [torch.zeros_like(weight) for weight in weights]
    for step in range(20):
        set_gradients(mine, step), set_gradients(theirs, step)
        optimizer.step()
        with torch.no_grad():
            published_lars(weights, velocities, lr=0.2, decay=1e-2, momentum=0.9, eta=eta, clip=clip)
        assert_same(mine, theirs)


def test_lars_is_timms_where_they_mean_the_same() -> None:
    """Without decay, that is: timm divides by |g| + decay·|w|, Barlow Twins' code by |g + decay·w|."""
    mine, theirs = network(), network()
    optimizer = LARS(mine.parameters(), lr=0.3, momentum=0.9, eta=0.001)
    oracle = timm.optim.Lars(
        theirs.parameters(), lr=0.3, momentum=0.9, trust_coeff=0.001, eps=0.0, always_adapt=True, weight_decay=0.0
    )
    for step in range(20):
        set_gradients(mine, step), set_gradients(theirs, step)
        optimizer.step(), oracle.step()
        assert_same(mine, theirs)


def test_lars_goes_on_from_its_state() -> None:
    mine, theirs = network(), network()
    straight, first = LARS(mine.parameters()), LARS(theirs.parameters())
    for step in range(3):
        set_gradients(mine, step), set_gradients(theirs, step)
        straight.step(), first.step()
    second = LARS(theirs.parameters())
    second.load_state_dict(first.state_dict())
    set_gradients(mine, 3), set_gradients(theirs, 3)
    straight.step(), second.step()
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))


def test_lars_leaves_alone_what_has_no_gradient() -> None:
    module = network()
    before = module[0].weight.detach().clone()
    set_gradients(module, 0)
    module[0].weight.grad = None
    LARS(module.parameters(), weight_decay=1.0).step()
    assert torch.equal(module[0].weight, before)
    module[0].weight.grad = torch.zeros_like(before)
    LARS(module.parameters()).step()
    assert torch.equal(module[0].weight, before), "a gradient of zeros has no length to divide by"


def test_groups_separate_weights_from_biases_and_norms() -> None:
    module = network()
    module[3].weight.requires_grad_(False)
    weights, others = parameter_groups(module, lr=0.5, weight_decay=0.1, lr_biases=0.25)
    assert {id(p) for p in weights["params"]} == {id(module[0].weight)}
    assert {id(p) for p in others["params"]} == {
        id(p) for p in (module[0].bias, module[1].weight, module[1].bias, module[3].bias)
    }
    assert (weights["lr"], weights["weight_decay"]) == (0.5, 0.1)
    assert (others["lr"], others["weight_decay"], others["adapt"]) == (0.25, 0.0, False)
    assert parameter_groups(module, lr=0.5, weight_decay=0.1)[1]["lr"] == 0.5


@pytest.mark.parametrize("total", [1, 2, 7, 1000])
def test_schedules_equal_their_formulas_at_every_step(total: int) -> None:
    for step in range(total + 1):
        assert cosine(step, total) == pytest.approx(0.5 + 0.5 * math.cos(math.pi * step / total), abs=1e-15)
        assert fixmatch_cosine(step, total) == pytest.approx(math.cos(7 * math.pi * step / (16 * total)), abs=1e-15)
    for warmup in (0, total / 10, total // 2, total):
        for step in range(total):
            if step < warmup:
                expected = min(1.0, (step + 1) / warmup)
            else:
                # Barlow Twins' code: base · q + end · (1 − q).
                q = 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
                expected = q + 0.001 * (1 - q)
            assert warmup_cosine(step, total, warmup, 0.001) == pytest.approx(expected, abs=1e-15)


def test_the_ends_of_the_schedules() -> None:
    rates = [warmup_cosine(step, 1000, 100, 0.001) for step in range(1001)]
    assert rates[0] == 0.01
    assert rates[99] == rates[100] == 1.0
    assert rates[1000] == pytest.approx(0.001)
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert fixmatch_cosine(10, 10) == pytest.approx(math.cos(7 * math.pi / 16))
    assert cosine(12, 10) == 0.0


@pytest.mark.parametrize("start_share", [0.0, 0.3])
def test_the_average_equals_a_plain_loop(start_share: float) -> None:
    """WiSE-FT's interpolation (equation 1) of the average of the steps and the model before them, at its end."""
    module = network()
    ema = Ema(module, 0.9, start_share)
    start = {name: value.clone() for name, value in module.state_dict().items()}
    expected = {name: value.clone() for name, value in module.state_dict().items()}
    for step in range(200):
        generator = torch.Generator().manual_seed(step)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype), alpha=0.1)
        module.train()(torch.randn(5, 7, generator=generator, dtype=torch.float64))
        ema.update(module)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            floating = value.is_floating_point()
            expected[name] = decay * expected[name] + (1 - decay) * value if floating else value.clone()
    for name, value in ema.module.state_dict().items():
        mixed = torch.lerp(expected[name], start[name], start_share) if value.is_floating_point() else expected[name]
        torch.testing.assert_close(value, mixed, rtol=1e-12, atol=1e-14)
    assert int(ema.module.state_dict()["1.num_batches_tracked"]) == 200


@pytest.mark.parametrize("start_share", [0.0, 0.5])
def test_the_average_goes_on_from_its_state(start_share: float) -> None:
    """One that is made with a start goes on without where the state has none."""
    module = network()
    straight, first = Ema(module, 0.999, start_share), Ema(module, 0.999, start_share)
    for _ in range(3):
        with torch.no_grad():
            module[0].weight += 1
        straight.update(module), first.update(module)
    second = Ema(module, 0.999, 0.5)
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        module[0].weight += 1
    straight.update(module), second.update(module)
    for mine, theirs in zip(straight.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_average_is_apart_from_the_model() -> None:
    module = network().train()
    ema = Ema(module, 0.999)
    assert not ema.module.training
    assert not any(parameter.requires_grad for parameter in ema.module.parameters())
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
