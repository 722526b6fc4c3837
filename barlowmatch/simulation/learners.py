"""What learns from the labels given so far, judged on test images."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from barlowmatch.arrays import Floats, Labels, Rows
from barlowmatch.evaluation import knn_guesses
from barlowmatch.selection.head import fit_head
from barlowmatch.simulation.world import World

NEIGHBOURS = 5
ROWS = 4096


@dataclass(frozen=True)
class Judgement:
    """Accuracy and balanced accuracy on the test images, shares between 0 and 1."""

    accuracy: float
    balanced_accuracy: float


class Learner(Protocol):
    """Learns and is judged. No learner here uses validation labels, so none are missing in the budget."""

    def judge(self, rows: Rows, answers: Labels, seed: int) -> Judgement:
        """Learn from the images `rows` of the world with these answers, and return how well that went."""


class Probe:
    """Softmax regression on unit-norm embeddings with one fixed strength: nothing is tuned."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.test = _unit(world.test_vectors)

    def judge(self, rows: Rows, answers: Labels, seed: int) -> Judgement:
        """Fit the regression; with one class only, guess it."""
        if len(np.unique(answers)) < 2:
            return judge_one_class(answers, self.world.test_labels)
        head = fit_head(_unit(self.world.vectors[rows]), answers)
        guesses = torch.cat([head.logits(part).argmax(1) for part in torch.split(self.test, ROWS)])
        return judgement(head.classes[guesses].numpy(), self.world.test_labels)


class Neighbours:
    """The vote of the five nearest labeled images, weighted by exp(cosine/0.07)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.test = _unit(world.test_vectors)

    def judge(self, rows: Rows, answers: Labels, seed: int) -> Judgement:
        """Let the labeled images vote."""
        if len(rows) == 0:
            return judgement(np.zeros(len(self.test), np.int64), self.world.test_labels)
        guesses = knn_guesses(
            _unit(self.world.vectors[rows]),
            answers,
            self.test,
            classes=len(self.world.class_names),
            neighbours=NEIGHBOURS,
        )
        return judgement(guesses, self.world.test_labels)


def judgement(guesses: Labels, labels: Labels) -> Judgement:
    """Return how well guesses fit labels."""
    right = guesses == labels
    per_class = [float(right[labels == item].mean()) for item in np.unique(labels)]
    return Judgement(float(right.mean()), float(np.mean(per_class)))


def judge_one_class(answers: Labels, labels: Labels) -> Judgement:
    """Return how well it fits to guess the only class that was answered, the first where none was."""
    return judgement(np.full(len(labels), answers[0] if len(answers) else 0), labels)


def _unit(vectors: Floats) -> Tensor:
    return F.normalize(torch.from_numpy(vectors))
