"""Batch norm over the whole batch of all processes, with one exchange forward and one back."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from barlowmatch.machine.distributed import all_gather, all_reduce, world_size


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose statistics are those of all processes together; torch's own refuses the CPU.

    Shares of a batch may be uneven, or empty.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dimensions, got {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise `input` (N, C, …)."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        count, mean, variance = _moments(input.detach())
        self._remember(mean, variance * count / (count - 1))
        normalised: Tensor = _Normalise.apply(input, self.weight, self.bias, count, mean, variance, self.eps)
        return normalised

    def _remember(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), momentum)


class SyncBatchNormAct(SyncBatchNorm):
    """The same of timm's norms, which hold what follows them: `drop` and the activation `act`."""

    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise `input` (N, C, …) and activate it."""
        result: Tensor = self.act(self.drop(super().forward(input)))
        return result


def _moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how many values a channel has in all processes, their means and their variances.

    Those of the processes are put together as Chan, Golub and LeVeque do (1983, equation 2.1): no difference of large
    squares.
    """
    own = values.numel() // values.shape[1]
    exact = torch.promote_types(values.dtype, torch.float32)
    mean = variance = torch.zeros(values.shape[1], dtype=exact, device=values.device)
    if own:  # given running statistics, to be left as they are, in float32, torch answers in float32
        mean, variance = torch.batch_norm_update_stats(values, mean, variance, 0.0)
    counts, means, variances = all_gather(torch.stack([torch.full_like(mean, own), mean, variance])).unbind(1)
    count = counts.sum(0)
    mean = (counts * means).sum(0) / count
    variance = (counts * (variances + (means - mean).square())).sum(0) / count
    return count, mean, variance


class _Normalise(torch.autograd.Function):
    """weight · (x − mean) / √(variance + ε) + bias, whose mean and variance depend on the x of all processes.

    The way back is that of Ioffe and Szegedy (2015, section 3) with sums over all processes: from the gradient through
    fixed statistics, g · weight / σ, it takes away (Σg + x̂ · Σ(g · x̂)) / count · weight / σ. Each is torch's kernel for
    the norm in evaluation, which reads a map once.
    """

    @staticmethod
    def forward(
        context: Any, values: Tensor, weight: Tensor | None, bias: Tensor | None,
        count: Tensor, mean: Tensor, variance: Tensor, epsilon: float,
    ) -> Tensor:  # fmt: skip
        context.save_for_backward(values, weight, count, mean, variance)
        context.epsilon = epsilon
        return F.batch_norm(values, mean, variance, weight, bias, eps=epsilon)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, count, mean, variance = context.saved_tensors
        scale = torch.ones_like(mean) if weight is None else weight
        inverse = torch.rsqrt(variance + context.epsilon)
        if values.numel():
            gradient, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
                gradients[0], values, scale, mean, variance, mean, inverse, False, context.epsilon, [True, True, True]
            )
        else:  # torch's kernel divides by their number
            gradient, by_weight, by_bias = torch.zeros_like(values), torch.zeros_like(mean), torch.zeros_like(mean)
        sums = all_reduce(torch.stack([by_weight, by_bias])) * (scale * inverse / count)
        gradient -= F.batch_norm(values, mean, variance, sums[0], sums[1], eps=context.epsilon)
        affine = (None, None) if weight is None else (by_weight, by_bias)
        return gradient, *affine, None, None, None, None


def synchronise_batch_norm(module: nn.Module) -> None:
    """Make every batch norm in `module` one over all processes; with one process leave it as it is.

    Only the way forward changes: parameters, statistics and their names stay, so checkpoints are the same.
    """
    if world_size() == 1:
        return
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.__class__ = SyncBatchNormAct if hasattr(part, "act") else SyncBatchNorm
