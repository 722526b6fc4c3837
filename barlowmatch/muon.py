"""Muon: steps of a set length that turn a weight as far in each of its directions (Jordan et al. 2024)."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of aX + b(XXᵀ)X + c(XXᵀ)²X, which brings singular values from 0.01 on near one in five iterations (Jordan et al.)."""
ITERATIONS = 5


class Muon(Optimizer):
    """Momentum whose step has all singular values alike, and a length that is a share of the weight's.

    With g the gradient, v ← momentum·v + g and u = g + momentum·v = USVᵀ seen as a matrix (a row for each output); the
    step s = UVᵀ, near enough; w ← (w − lr·|w|/|s|·s) / √(1 + lr²). As in LARS a weight's step is a share of its norm,
    here lr itself: before a batch norm only the angle counts. A step is at right angles there, and the divisor takes
    back what it adds to the norm, as a weight decay would. Groups with `adapt=False` (biases and norms) take plain
    momentum steps, w ← w − lr·v.

    Gradients of a network are mostly few directions; here the others learn at the same pace, and pretraining comes as
    far as with LARS in a fraction of the steps.

    Args:
        params: groups of parameters; each may set `lr`, `momentum` and `adapt`.
        lr: share of a weight's norm that a step is long.
        momentum: of v.
        adapt: whether steps are of that kind.
    """

    def __init__(self, params: Iterable[Any], lr: float = 0.02, *, momentum: float = 0.95, adapt: bool = True) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "adapt": adapt})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one step from the gradients at hand; nothing waits for the device."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            velocities = [self._velocity(weight) for weight in weights]
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_add_(velocities, gradients)
            if group["adapt"]:
                _turn(weights, torch._foreach_add(gradients, velocities, alpha=group["momentum"]), group["lr"])
            else:
                torch._foreach_add_(weights, velocities, alpha=-group["lr"])

    def _velocity(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight)
        velocity: Tensor = state["velocity"]
        return velocity


def _turn(weights: list[Tensor], updates: Iterable[Tensor], lr: float) -> None:
    """Move each weight against its update made orthogonal, by a share of its norm (by lr where that is zero)."""
    alike = defaultdict(list)
    for weight, update in zip(weights, updates, strict=True):
        alike[weight.shape].append((weight, _matrix(update)))
    for pairs in alike.values():
        steps = orthogonal(torch.stack([update for _, update in pairs]))
        targets = [_matrix(weight) for weight, _ in pairs]
        sizes = torch.stack([target.norm() for target in targets])
        lengths = steps.norm(dim=(1, 2)).clamp(min=torch.finfo(steps.dtype).tiny)
        steps *= (lr * torch.where(sizes > 0, sizes, 1.0) / lengths).view(-1, 1, 1)
        for (weight, _), target, step in zip(pairs, targets, steps, strict=True):
            weight.copy_(_like(target.sub(step).div_(math.sqrt(1 + lr * lr)), weight))


def orthogonal(matrices: Tensor) -> Tensor:
    """Return matrices (k, m, n) with their singular values brought near one, those that are not tiny (Jordan et al.).

    In bfloat16 where matrix products are faster in it and the matrices are float32: near enough does.
    """
    quick = matrices.dtype == torch.float32 and (matrices.is_cuda or torch.cpu._is_amx_tile_supported())
    x = matrices.bfloat16() if quick else matrices
    high = x.shape[1] > x.shape[2]
    x = x.mT if high else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        squares = x @ x.mT
        x = a * x + (b * squares + c * squares @ squares) @ x
    result: Tensor = (x.mT if high else x).to(matrices.dtype)
    return result


def _matrix(weight: Tensor) -> Tensor:
    """Return a weight as a matrix, of an image filter in the order that channels-last memory has."""
    return (weight.permute(0, 2, 3, 1) if weight.dim() == 4 else weight).flatten(1)


def _like(matrix: Tensor, weight: Tensor) -> Tensor:
    """Return a matrix of `_matrix` in the shape of its weight."""
    if weight.dim() != 4:
        return matrix.view_as(weight)
    count, channels, height, width = weight.shape
    return matrix.view(count, height, width, channels).permute(0, 3, 1, 2)
