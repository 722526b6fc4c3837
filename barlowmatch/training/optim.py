"""Optimization: LARS, learning-rate schedules, parameter groups, and the averaged model."""

import copy
import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from barlowmatch.fast import kernels


class LARS(Optimizer):
    """SGD with momentum whose step is scaled to each weight's norm (You et al. 2017, 1708.03888).

    With g the gradient plus weight decay and t = η·|w|/|g|, g is scaled, then v ← momentum·v + g and w ← w − lr·v. The
    scale is t in Barlow Twins' official code, and min(t/lr, 1) where the trust is a `clip` as in solo-learn's: steps of
    plain SGD, of at most η·|w|. Groups with `adapt=False` (biases and norms) take plain momentum steps.

    Args:
        params: groups of parameters; each may set `lr`, `weight_decay` and `adapt`.
        lr: base learning rate.
        weight_decay: L2 factor.
        momentum: of v.
        eta: trust coefficient η.
        clip: whether the trust only limits the steps.
        adapt: whether the step is scaled to the weight.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.2,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
        eta: float = 1e-3,
        clip: bool = False,
        adapt: bool = True,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "eta": eta}
        super().__init__(params, {**defaults, "clip": clip, "adapt": adapt})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one step from the gradients at hand; nothing waits for the device."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step_group(group, weights)

    def _step_group(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        velocities = [velocity(self, weight) for weight in weights]
        if kernels.available(weights[0].device):
            from barlowmatch.fast.kernels import optim

            if optim.fits(weights, gradients, velocities):
                optim.step(weights, gradients, velocities, **{name: group[name] for name in self.defaults})
                return
        updates: list[Tensor] = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
        if group["adapt"]:
            trust = self._trust(weights, updates, group["eta"])
            scale = (trust / group["lr"]).clamp_(max=1) if group["clip"] else trust
            torch._foreach_mul_(updates, list(scale.unbind()))
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, updates)
        torch._foreach_add_(weights, velocities, alpha=-group["lr"])

    @staticmethod
    def _trust(weights: list[Tensor], updates: list[Tensor], eta: float) -> Tensor:
        """Return η·|w|/|g| of each tensor, 1 where either norm is zero."""
        sizes, lengths = (torch.stack(torch._foreach_norm(tensors)) for tensors in (weights, updates))
        return torch.where((sizes > 0) & (lengths > 0), eta * sizes / lengths, torch.ones_like(sizes))


def velocity(optimizer: Optimizer, weight: Tensor) -> Tensor:
    """Return what an optimizer keeps as the velocity of a weight: zeros at first."""
    state = optimizer.state[weight]
    if "velocity" not in state:
        state["velocity"] = torch.zeros_like(weight)
    result: Tensor = state["velocity"]
    return result


def parameter_groups(
    module: nn.Module, *, lr: float, weight_decay: float, lr_biases: float | None = None
) -> list[dict[str, Any]]:
    """Return the trainable parameters of `module` in two groups: weights, and biases and norms.

    Biases and norms (fewer than two dimensions) have no weight decay, are not adapted by LARS, and may have their own
    learning rate.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() > 1], "lr": lr, "weight_decay": weight_decay},
        {
            "params": [p for p in trained if p.dim() <= 1],
            "lr": lr if lr_biases is None else lr_biases,
            "weight_decay": 0.0,
            "adapt": False,
        },
    ]


def cosine(step: float, total: float, final: float = 0.0) -> float:
    """Return final + (1 − final)·(1 + cos(π·step/total))/2."""
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0)))


def warmup_cosine(step: int, total: int, warmup: float, final: float = 0.0) -> float:
    """Return a linear rise over `warmup` steps, then a cosine from 1 to `final` over the rest.

    The first step has 1/warmup of the rate, not zero as in Barlow Twins' code: a step that changes nothing is wasted.
    """
    if step < warmup:
        return min(1.0, (step + 1) / warmup)
    return cosine(step - warmup, total - warmup, final)


def fixmatch_cosine(step: int, total: int) -> float:
    """Return cos(7π·step / 16·total) (FixMatch, 2001.07685, section 2.4)."""
    return math.cos(7 * math.pi * step / (16 * total))


class Ema(nn.Module):
    """The average of a model over its steps, as FixMatch evaluates it.

    The decay at step k is min(decay, (1+k)/(10+k)), so that the first steps do not weigh for long. Statistics of batch
    norm are averaged like the weights they belong to (FixMatch's and USB's code take the model's latest, which are of
    other weights and of a few batches only); counters are copied.

    With a share of the start, it is the average of models drawn back by that share to the one it began with: halfway
    between what fine-tuning began with and what it came to, networks are often better than at either end (WiSE-FT,
    2109.01903, equation 1).

    Args:
        model: as it is at the start.
        decay: the largest.
        start_share: of the start, in [0, 1).

    Attributes:
        module: the averaged model, in evaluation mode, without gradients.
        start: the model at the start, where it has a share.
        steps: how many steps the average has seen.
    """

    steps: Tensor

    def __init__(self, model: nn.Module, decay: float, start_share: float = 0.0) -> None:
        super().__init__()
        self.module = copy.deepcopy(model).requires_grad_(False).eval()
        self.start = copy.deepcopy(self.module) if start_share else None
        self.decay = decay
        self.start_share = start_share
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self._count = 0  # the same on the host: reading a buffer would wait for the accelerator

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the model after another step."""
        decay = min(self.decay, (1 + self._count) / (10 + self._count))
        self._count += 1
        self.steps += 1
        mine, theirs = _numbers(self.module), _numbers(model)
        if self.start is not None:
            theirs = list(torch._foreach_lerp(theirs, _numbers(self.start), self.start_share))
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for counter, latest in zip(_counters(self.module), _counters(model), strict=True):
            counter.copy_(latest)

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Take back an average, its start, and the step it stands at; one that had no start goes on without."""
        if not any(name.startswith("start.") for name in state_dict):
            self.start = None
        result = super().load_state_dict(state_dict, strict, assign)
        self._count = int(self.steps)
        return result


def _numbers(module: nn.Module) -> list[Tensor]:
    """Return the parameters and buffers of a module that can be averaged."""
    return [tensor for tensor in _tensors(module) if tensor.is_floating_point()]


def _counters(module: nn.Module) -> list[Tensor]:
    """Return those that cannot."""
    return [tensor for tensor in _tensors(module) if not tensor.is_floating_point()]


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """Yield the parameters and buffers of a module."""
    yield from module.parameters()
    yield from module.buffers()
