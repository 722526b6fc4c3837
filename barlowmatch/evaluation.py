"""How good a network is: accuracy with its interval, balanced accuracy, per class, confusion, calibration, kNN."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.arrays import AnyFloats, Labels
from barlowmatch.intervals import TOO_FEW, grouped_interval

BINS = 15
"""Of the expected calibration error."""
TEMPERATURE = 0.07
"""τ of the weights exp(cosine/τ) of the nearest neighbours' votes."""


@dataclass(frozen=True)
class Report:
    """Figures of predictions on labeled images; accuracies are shares in [0, 1].

    Attributes:
        count: images judged.
        accuracy: share of images whose most probable class is their label.
        interval: 95 % interval of the accuracy (Wilson), wider where images come in groups.
        balanced_accuracy: mean recall over the classes that have labels.
        calibration_error: expected calibration error over 15 bins (Guo et al. 2017, equation 3).
        recalls: recall per class; None where the class has fewer than ten labels.
        confusion: how often which label was predicted as what, (k, 3): label, predicted class, count, where above 0.
        class_names: names in the order of the classes.
    """

    count: int
    accuracy: float
    interval: tuple[float, float]
    balanced_accuracy: float
    calibration_error: float
    recalls: tuple[float | None, ...]
    confusion: NDArray[np.int64]
    class_names: tuple[str, ...]

    def figures(self) -> dict[str, float]:
        """Return the figures worth a line of progress."""
        return {
            "accuracy": self.accuracy,
            "accuracy_low": self.interval[0],
            "accuracy_high": self.interval[1],
            "balanced_accuracy": self.balanced_accuracy,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "count": self.count,
            **self.figures(),
            "calibration_error": self.calibration_error,
            "recalls": dict(zip(self.class_names, self.recalls, strict=True)),
            "confusion": self.confusion.tolist(),
        }

    def lines(self) -> list[str]:
        """Return the report as lines for a person."""
        counts = np.zeros(len(self.class_names), np.int64)
        np.add.at(counts, self.confusion[:, 0], self.confusion[:, 2])
        width = max(map(len, self.class_names), default=0)
        per_class = [
            f"  {name:<{width}}  {describe_share(recall)}  of {count}"
            for name, recall, count in zip(self.class_names, self.recalls, counts, strict=True)
        ]
        seen = int((counts > 0).sum())
        over = f" over the {seen:,} of {len(counts):,} classes with labels here" if seen < len(counts) else ""
        return [
            describe_accuracy(self.accuracy, self.interval, self.count),
            f"balanced accuracy {100 * self.balanced_accuracy:.1f} %{over}, "
            f"expected calibration error {100 * self.calibration_error:.1f} %",
            "recall per class:",
            *per_class,
        ]


def describe_share(share: float | None) -> str:
    """Return a share in percent, or why there is none."""
    return f"too few to tell (under {TOO_FEW} labels)" if share is None else f"{100 * share:5.1f} %"


def describe_accuracy(accuracy: float, interval: tuple[float, float], count: int) -> str:
    """Return an accuracy as it is always printed: with its interval and the number of images."""
    low, high = interval
    return f"accuracy {100 * accuracy:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f}, {count} images)"


def judge(
    probabilities: Tensor, labels: Labels, class_names: Sequence[str], groups: Sequence[str] | None = None
) -> Report:
    """Return the figures of class probabilities (n, C) against labels (n,), which are positions in `class_names`.

    `groups` (n,) are what images belong together with, None where each stands alone.
    """
    confidence, predicted = probabilities.max(1)
    guesses = predicted.numpy()
    classes = len(class_names)
    cells, numbers = np.unique(labels * classes + guesses, return_counts=True)
    right = guesses == labels
    counts = np.bincount(labels, minlength=classes)
    seen = counts > 0
    recalls = np.divide(np.bincount(labels[right], minlength=classes), counts, out=np.zeros(classes), where=seen)
    return Report(
        count=len(labels),
        accuracy=float(right.mean()) if len(labels) else 0.0,
        interval=grouped_interval(right.tolist(), groups),
        balanced_accuracy=float(recalls[seen].mean()) if seen.any() else 0.0,
        calibration_error=expected_calibration_error(confidence.numpy(), right),
        recalls=tuple(float(recalls[c]) if counts[c] >= TOO_FEW else None for c in range(classes)),
        confusion=np.column_stack((*np.divmod(cells, classes), numbers)),
        class_names=tuple(class_names),
    )


def expected_calibration_error(confidence: AnyFloats, right: NDArray[np.bool_]) -> float:
    """Return Σ_b n_b/n · |accuracy_b − confidence_b| over equal-width bins (Guo et al. 2017, equation 3)."""
    if len(confidence) == 0:
        return 0.0
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(places, weights=right - confidence.astype(float), minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


@torch.no_grad()
def knn_accuracy(
    bank: Tensor,
    bank_labels: Labels,
    queries: Tensor,
    query_labels: Labels,
    *,
    classes: int,
    neighbours: int = 20,
) -> float:
    """Return the accuracy of the weighted nearest-neighbour vote on unit-norm embeddings (Wu et al. 2018, section 3.4).

    Args:
        bank: embeddings (n, D) that vote.
        bank_labels: their labels (n,).
        queries: embeddings (m, D) to judge.
        query_labels: their labels (m,).
        classes: number of classes.
        neighbours: how many vote, at most n.
    """
    bank, queries = F.normalize(bank.float()), F.normalize(queries.float())
    guesses = knn_guesses(bank, bank_labels, queries, classes=classes, neighbours=neighbours)
    return int((guesses == query_labels).sum()) / len(queries)


def knn_guesses(bank: Tensor, bank_labels: Labels, queries: Tensor, *, classes: int, neighbours: int) -> Labels:
    """Return for each query (m,) the class that its nearest of `bank` vote for; all embeddings are of unit length."""
    labels = torch.from_numpy(bank_labels)
    guesses = []
    for part in torch.split(queries, 1024):
        cosines, nearest = (part @ bank.T).topk(min(neighbours, len(bank)))
        votes = torch.zeros(len(part), classes)
        votes.scatter_add_(1, labels[nearest], ((cosines - 1) / TEMPERATURE).exp())
        guesses.append(votes.argmax(1))
    return torch.cat(guesses).numpy()
