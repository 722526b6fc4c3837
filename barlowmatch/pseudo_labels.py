"""How a guess on a weak view becomes a label with a weight: FixMatch's threshold and its successors.

What a rule learns (thresholds, class frequencies) it learns from the whole batch of all processes; it is kept in
buffers, which follow the probabilities to their device and arithmetic.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barlowmatch.machine.distributed import all_reduce_sum

MOMENTUM = 0.999
"""Share of the past in running averages, SoftMatch's and FreeMatch's, once there is so much past.

Their authors begin with it, at values that mean nothing, which are soon left in a million steps; a run of hundreds
would end before any guess counted for less. Here the averages are plain ones of the batches so far, what they begin
with counting as one, until these are the thousand that the authors' averages span.
"""
_SPAN = round(1 / (1 - MOMENTUM))
"""Batches that such an average spans."""
TINY = 1e-12


class PseudoLabels(nn.Module, ABC):
    """A rule that weighs guesses; its state is its `state_dict`."""

    @abstractmethod
    def weigh(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Learn from class probabilities (N, C) of weak views, and return labels (N,) and weights (N,) in [0, 1]."""

    def penalty(self, strong: Tensor, weights: Tensor) -> Tensor:
        """Return what to add to the loss for the logits (N, C) of the strong views; the same in all processes."""
        return strong.new_zeros(())


class FixedThreshold(PseudoLabels):
    """FixMatch's rule: a guess counts, wholly, when its probability reaches the threshold (equation 4)."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def weigh(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest classes and 1 where they reach the threshold, else 0."""
        confidence, labels = probabilities.max(1)
        return labels, (confidence >= self.threshold).to(probabilities.dtype)


class SoftMatch(PseudoLabels):
    """SoftMatch's rule: a weight that falls like a Gaussian below the mean confidence (2301.10921).

    The confidence is taken after uniform alignment, which lifts the classes guessed too rarely; the label is not. With
    μ and σ² the running mean and variance of the confidence, the weight is exp(−(min(confidence − μ, 0))² / (2σ²/4)):
    two standard deviations cover the Gaussian, as the authors set it. μ begins at 1/C, σ² at 1, and alignment with the
    first batch's mean (see `MOMENTUM`).

    Args:
        classes: number of classes C.
    """

    mean: Tensor
    variance: Tensor
    frequency: Tensor
    batches: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(1 / classes))
        self.register_buffer("variance", torch.tensor(1.0))
        self.register_buffer("frequency", torch.full((classes,), 1 / classes))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def weigh(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest classes and their weights, 1 from the mean confidence upward."""
        self.to(probabilities)
        self.batches += 1
        aligned = self._align(probabilities)
        confidence = aligned.max(1).values
        mean, variance = _mean_and_variance(confidence)
        latest = _share_of_the_latest(self.batches).to(probabilities.dtype)
        self.mean.lerp_(mean, latest)
        self.variance.lerp_(variance, latest)
        short = (confidence - self.mean).clamp(max=0)
        return probabilities.argmax(1), torch.exp(-short.square() / (2 * self.variance / 4))

    def _align(self, probabilities: Tensor) -> Tensor:
        """Divide by the running class frequency and normalise again."""
        latest = _share_of_the_latest(self.batches - 1).to(probabilities.dtype)
        self.frequency.lerp_(_mean(probabilities), latest)
        return F.normalize(probabilities / self.frequency.clamp_min(TINY), p=1, dim=1)


class FreeMatch(PseudoLabels):
    """FreeMatch's rule: a threshold a class that follows the network's confidence (2205.07246).

    The threshold of class c is τ · p̃(c) / max p̃, with τ the running mean confidence and p̃ the running mean
    probabilities. Both begin at 1/C (see `MOMENTUM`). The penalty is its self-adaptive fairness.

    Args:
        classes: number of classes C.
        fairness: weight of the penalty.
    """

    threshold: Tensor
    probability: Tensor
    frequency: Tensor
    batches: Tensor

    def __init__(self, classes: int, fairness: float = 0.01) -> None:
        super().__init__()
        self.fairness = fairness
        self.register_buffer("threshold", torch.tensor(1 / classes))
        self.register_buffer("probability", torch.full((classes,), 1 / classes))
        self.register_buffer("frequency", torch.full((classes,), 1 / classes))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take a state back; one that counted no batches went by the authors' averages, and goes on by them."""
        return super().load_state_dict({"batches": torch.tensor(_SPAN), **state_dict}, strict, assign)

    def weigh(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest classes and 1 where they reach their class's threshold, else 0."""
        self.to(probabilities)
        self.batches += 1
        latest = _share_of_the_latest(self.batches).to(probabilities.dtype)
        confidence, labels = probabilities.max(1)
        guessed = F.one_hot(labels, probabilities.shape[1]).to(probabilities.dtype)
        self.threshold.lerp_(_mean(confidence), latest)
        self.probability.lerp_(_mean(probabilities), latest)
        self.frequency.lerp_(_mean(guessed), latest)
        thresholds = self.threshold * self.probability / self.probability.max()
        return labels, (confidence >= thresholds[labels]).to(probabilities.dtype)

    def penalty(self, strong: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted −H(p̃/h̃, p̄/h̄): strong views that count should not crowd into a few classes.

        p̄ and h̄ are mean probabilities and class frequencies of the strong views whose guess counts.
        """
        probabilities = strong.softmax(1)
        guessed = F.one_hot(probabilities.argmax(1), strong.shape[1]).to(strong.dtype)
        # Sums stand for means: their common count goes out in normalising.
        total, counts = all_reduce_sum(weights @ probabilities), all_reduce_sum(weights @ guessed)
        wanted = F.normalize(self.probability / self.frequency.clamp_min(TINY), p=1, dim=0)
        found = F.normalize(torch.where(counts > 0, total / counts.clamp_min(TINY), 0.0), p=1, dim=0)
        return self.fairness * (counts.sum() > 0) * (wanted * (found + TINY).log()).sum()


def pseudo_labels(name: str, threshold: float, classes: int) -> PseudoLabels:
    """Return the rule that `--pseudo-label` knows by `name`; `threshold` is the fixed one's."""
    rules: dict[str, Callable[[], PseudoLabels]] = {
        "fixed": lambda: FixedThreshold(threshold),
        "softmatch": lambda: SoftMatch(classes),
        "freematch": lambda: FreeMatch(classes),
    }
    return rules[name]()


def _share_of_the_latest(batches: Tensor) -> Tensor:
    """Return the share of the newest of so many batches in a running average that began with something else."""
    return (1 / (1 + batches)).clamp_min(1 - MOMENTUM)


def _mean(values: Tensor) -> Tensor:
    """Return the mean over the samples (the first axis) of all processes."""
    count = all_reduce_sum(values.new_full((), float(len(values))))
    return all_reduce_sum(values.sum(0)) / count


def _mean_and_variance(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and unbiased variance of values (N,) over all processes."""
    count = all_reduce_sum(values.new_full((), float(len(values))))
    mean = all_reduce_sum(values.sum()) / count
    return mean, all_reduce_sum((values - mean).square().sum()) / (count - 1).clamp_min(1)
