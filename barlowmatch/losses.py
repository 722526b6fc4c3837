"""Losses: Barlow Twins, FixMatch, and the ways to weigh a pseudo-label.

Each process gets the loss of its share of the batch, scaled so that the mean over the processes is the loss of the
whole batch.
"""

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.distributed import all_reduce_sum, world_size

EPSILON = 1e-5
"""Added to the variances, as batch norm does."""


def barlow_twins_loss(first: Tensor, second: Tensor, lambd: float, scale: float = 1.0) -> Tensor:
    """Return scale · (Σ(1−C_ii)² + λ Σ_{i≠j} C_ij²) (Barlow Twins, 2103.03230, equations 1 and 2).

    C is the cross-correlation of the two projections, each output normalised to mean 0 and variance 1 over the whole
    batch of all processes. It is summed over processes; the projections themselves are not exchanged.

    Args:
        first: projections of the first views (B, D).
        second: projections of the second views of the same images (B, D).
        lambd: weight λ of the redundancy term.
        scale: factor on the whole loss.

    Returns:
        A scalar of at least float32.
    """
    with torch.autocast(first.device.type, enabled=False):
        first, second = (_at_least_float32(projection) for projection in (first, second))
        count = all_reduce_sum(first.new_tensor(float(len(first))))
        correlation = all_reduce_sum(_standardise(first, count).T @ _standardise(second, count)) / count
        diagonal = correlation.diagonal()
        # Σ_{i≠j} C² is the whole sum without the diagonal's: no copy of the matrix, no mask.
        redundancy = correlation.square().sum() - diagonal.square().sum()
        return scale * ((1 - diagonal).square().sum() + lambd * redundancy)


def _standardise(values: Tensor, count: Tensor) -> Tensor:
    """Return `values` (B, D) with mean 0 and variance 1 over all processes."""
    centred = values - all_reduce_sum(values.sum(0)) / count
    variance = all_reduce_sum(centred.square().sum(0)) / count
    return centred * torch.rsqrt(variance + EPSILON)


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


class PseudoLabels(Protocol):
    """How a guess on a weak view becomes a label with a weight; what it learns is its state."""

    def weigh(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels (N,) and weights (N,) in [0, 1] of class probabilities (N, C)."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return what was learned, as tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        ...


class FixedThreshold:
    """FixMatch's rule: a guess counts, wholly, when its probability reaches the threshold (equation 4)."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def weigh(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest classes and 1 where they reach the threshold, else 0."""
        confidence, labels = probabilities.max(1)
        return labels, (confidence >= self.threshold).to(probabilities.dtype)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the rule learns nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing back."""


def pseudo_labels(name: str, threshold: float) -> PseudoLabels:
    """Return a way to weigh pseudo-labels by the name `--pseudo-label` knows it by."""
    return {"fixed": lambda: FixedThreshold(threshold)}[name]()


def fixmatch_loss(
    labeled: Tensor,
    labels: Tensor,
    weak: Tensor,
    strong: Tensor,
    rule: PseudoLabels,
    *,
    weight: float = 1.0,
    temperature: float = 1.0,
) -> dict[str, Tensor]:
    """Return FixMatch's loss CE(labeled) + λ_u · mean(w · CE(strong, pseudo-label)) (2001.07685, equations 3 and 4).

    Args:
        labeled: logits of weak views of labeled images (B, C).
        labels: their labels (B,).
        weak: logits of weak views of unlabeled images (N, C); no gradient flows through them.
        strong: logits of strong views of the same images (N, C).
        rule: how a guess becomes a label with a weight.
        weight: λ_u.
        temperature: of the softmax that makes guesses.

    Returns:
        `loss`, its parts `labeled_loss` and `unlabeled_loss`, and `pseudo_labeled`, the mean weight.
    """
    with torch.autocast(labeled.device.type, enabled=False):
        labeled, weak, strong = (_at_least_float32(logits) for logits in (labeled, weak, strong))
        guesses, weights = rule.weigh((weak.detach() / temperature).softmax(1))
        supervised = _share_of_mean(F.cross_entropy(labeled, labels, reduction="none"))
        unsupervised = _share_of_mean(weights * F.cross_entropy(strong, guesses, reduction="none"))
        return {
            "loss": supervised + weight * unsupervised,
            "labeled_loss": supervised,
            "unlabeled_loss": unsupervised,
            "pseudo_labeled": weights.mean(),
        }


def _share_of_mean(values: Tensor) -> Tensor:
    """Return this process's share of the mean over all processes' values: the shares' mean is the mean."""
    if world_size() == 1:
        return values.mean()
    count = all_reduce_sum(values.new_tensor(float(len(values))))
    return values.sum() * world_size() / count
