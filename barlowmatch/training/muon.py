"""Muon: steps of a set length that move a weight as far in each of its directions (Jordan et al. 2024)."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from barlowmatch.training.optim import velocity

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of aX + b(XXᵀ)X + c(XXᵀ)²X, which brings singular values from 0.01 on near one in five iterations (Jordan et al.)."""
ITERATIONS = 5


class Muon(Optimizer):
    """Momentum whose step has all singular values alike, and a length that is a share of the weight's.

    With g the gradient, v ← momentum·v + g and u = g + momentum·v = USVᵀ seen as a matrix (a row for each output); the
    step s = UVᵀ, near enough; w ← (w − r·|w|/|s|·s) / √(1 + r²) with r = lr·η. As in LARS a weight's step is a share of
    its norm: before a batch norm only the angle counts. The divisor takes back what a step at right angles adds to the
    norm, so that norms hardly grow. Groups with `adapt=False` (biases and norms) take plain momentum steps,
    w ← w − lr·v.

    Gradients of a network are mostly few directions; here the others learn at the same pace.

    Args:
        params: groups of parameters; each may set `lr`, `momentum` and `adapt`.
        lr: base learning rate.
        eta: trust coefficient η.
        momentum: of v.
        adapt: whether steps are of that kind.
        dtype: of the matrix products that make UVᵀ; bfloat16 does. None = the weights' own.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.9,
        *,
        eta: float = 0.02,
        momentum: float = 0.95,
        adapt: bool = True,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(params, {"lr": lr, "eta": eta, "momentum": momentum, "adapt": adapt})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one step from the gradients at hand; nothing waits for the device."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            velocities = [velocity(self, weight) for weight in weights]
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_add_(velocities, gradients)
            if group["adapt"]:
                updates = torch._foreach_add(gradients, velocities, alpha=group["momentum"])
                _move(weights, updates, group["lr"] * group["eta"], self._dtype)
            else:
                torch._foreach_add_(weights, velocities, alpha=-group["lr"])


def _move(weights: list[Tensor], updates: Iterable[Tensor], rate: float, dtype: torch.dtype | None) -> None:
    """Move each weight against its update made orthogonal, by a share of its norm (by the rate where that is zero)."""
    alike = defaultdict(list)
    for weight, update in zip(weights, updates, strict=True):
        alike[weight.shape].append((weight, _matrix(update)))
    for pairs in alike.values():
        steps = orthogonal(torch.stack([update for _, update in pairs]), dtype)
        targets = [_matrix(weight) for weight, _ in pairs]
        sizes = torch.stack([target.norm() for target in targets])
        lengths = steps.norm(dim=(1, 2))
        moved = torch.stack(targets) - (rate * torch.where(sizes > 0, sizes, 1.0) / lengths).view(-1, 1, 1) * steps
        moved /= math.sqrt(1 + rate * rate)
        for (weight, _), target, length, result in zip(pairs, targets, lengths, moved, strict=True):
            weight.copy_(_like(torch.where(length > 0, result, target), weight))


def orthogonal(matrices: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return matrices (k, m, n) with their singular values brought near one, but for tiny ones (Jordan et al.).

    Args:
        matrices: of zeros, where there is nothing to bring near one: the result is zeros, too.
        dtype: of the products; None = that of the matrices.
    """
    lengths = matrices.norm(dim=(1, 2), keepdim=True)
    x = (matrices / lengths.clamp(min=torch.finfo(matrices.dtype).tiny)).to(dtype or matrices.dtype)
    high = x.shape[1] > x.shape[2]
    x = x.mT if high else x
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
