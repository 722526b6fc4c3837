"""Losses: Barlow Twins and FixMatch.

Each process gets the loss of its share of the batch, scaled so that the mean over the processes is the loss of the
whole batch. Statistics are in float32 whatever the network computes in, or in float64 where it does.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.machine.distributed import all_reduce_sum, world_size
from barlowmatch.pseudo_labels import PseudoLabels

EPSILON = 1e-5
"""Added to the variances, as batch norm does."""


def barlow_twins_loss(first: Tensor, second: Tensor, lambd: float, scale: float = 1.0) -> Tensor:
    """Return scale · (Σ(1−C_ii)² + λ Σ_{i≠j} C_ij²) (Barlow Twins, 2103.03230, equations 1 and 2).

    C is the cross-correlation of the two projections, each output normalised to mean 0 and variance 1 over the whole
    batch of all processes.

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
        count = all_reduce_sum(first.new_full((), float(len(first))))
        first, second = _standardise(first, count), _standardise(second, count)
        diagonal = all_reduce_sum((first * second).sum(0)) / count
        redundancy = _square_of_all(first, second, count) - diagonal.square().sum()
        return scale * ((1 - diagonal).square().sum() + lambd * redundancy)


def _square_of_all(first: Tensor, second: Tensor, count: Tensor) -> Tensor:
    """Return Σ_ij C_ij² of standardised projections, whose C = firstᵀ · second / count.

    Where the projections are wider than the batch, ‖AᵀB‖² = ⟨AAᵀ, BBᵀ⟩ gives it without making C: at width 8192 and
    batch 256 a sixteenth of the work and none of the 8192² numbers. From twice the batch on, the redundancy is no small
    difference of large sums: C has a rank below B, so that Σ_ij C_ij² ≥ (Σ_i C_ii)² / B.
    """
    if world_size() == 1 and first.shape[1] >= 2 * len(first):
        return ((first @ first.T) * (second @ second.T)).sum() / count.square()
    return (all_reduce_sum(first.T @ second) / count).square().sum()


def _standardise(values: Tensor, count: Tensor) -> Tensor:
    """Return `values` (B, D) with mean 0 and variance 1 over all processes."""
    centred = values - all_reduce_sum(values.sum(0)) / count
    variance = all_reduce_sum(centred.square().sum(0)) / count
    return centred * torch.rsqrt(variance + EPSILON)


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


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

    What the rule itself wants of the strong views (FreeMatch's fairness) is added to it.

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
            "loss": supervised + weight * unsupervised + rule.penalty(strong, weights),
            "labeled_loss": supervised,
            "unlabeled_loss": unsupervised,
            "pseudo_labeled": weights.mean(),
        }


def _share_of_mean(values: Tensor) -> Tensor:
    """Return this process's share of the mean over all processes' values: the shares' mean is the mean."""
    if world_size() == 1:
        return values.mean()
    count = all_reduce_sum(values.new_full((), float(len(values))))
    return values.sum() * world_size() / count
