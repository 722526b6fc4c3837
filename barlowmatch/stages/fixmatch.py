"""Stage 3: consistency between weak and strong views, with pseudo-labels (FixMatch, 2001.07685)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from barlowmatch.configs.training import FixMatchConfig
from barlowmatch.data.sampling import Stream
from barlowmatch.data.views import family_of, strong_view, weak_view
from barlowmatch.events import Emit, Said, silent
from barlowmatch.losses import fixmatch_loss
from barlowmatch.machine.compute import Compute
from barlowmatch.machine.transfer import send
from barlowmatch.models.network import Network
from barlowmatch.pseudo_labels import pseudo_labels
from barlowmatch.randomness import SampleRandom
from barlowmatch.stages.batches import labeled_batch_size
from barlowmatch.stages.classification import ClassificationTask, run_classification
from barlowmatch.stages.images import Images
from barlowmatch.training.norm_statistics import retake_statistics
from barlowmatch.training.optim import fixmatch_cosine, parameter_groups


@dataclass(frozen=True)
class MixedBatch:
    """Weak views of labeled images (B, …) with labels, weak and strong views of unlabeled ones (μB, …).

    `random` draws the dropout masks of all three, in the order labeled, weak, strong.
    """

    labeled: Tensor
    labels: Tensor
    weak: Tensor
    strong: Tensor
    random: SampleRandom


class FixMatch(ClassificationTask):
    """What the network surely thinks of a weak view is the label of the strong view of the same image."""

    def __init__(self, network: Network, images: Images, config: FixMatchConfig, compute: Compute) -> None:
        super().__init__(network, images, config, compute)
        self.config = config
        self.has_classifier = False
        self.labeled_per_step = labeled_batch_size(config)
        self.unlabeled_per_step = config.mu * self.labeled_per_step
        self.samples_per_step = self.labeled_per_step + self.unlabeled_per_step
        self.views_per_step = self.labeled_per_step + 2 * self.unlabeled_per_step
        self.labeled_stream = Stream(images.train, self.labeled_per_step, config.seed)
        # Labeled images join the unlabeled stream, as in the paper's section 2.4.
        self.unlabeled_stream = Stream(images.learnable, self.unlabeled_per_step, config.seed + 1)
        self.steps_per_epoch = config.num_steps or self.unlabeled_stream.steps_per_pass
        family = family_of(config)
        self.weak, self.strong = weak_view(family, images.size), strong_view(family, images.size)
        self.pseudo_labels = pseudo_labels(config.pseudo_label, config.threshold, len(images.dataset.classes))

    def begin(self, *, has_classifier: bool, emit: Emit) -> None:
        """Leave a share of the classifier that it begins with in the average, or say that there is none."""
        self.has_classifier = has_classifier
        if has_classifier:
            self.start_share = self.config.start_share
        elif self.config.start_share:
            share = f"--start-share {self.config.start_share:g}"
            emit(Said(message=f"{share} has no effect: it begins with no classifier of all classes"))

    def batch(self, step: int) -> MixedBatch:
        """Return the views of `step`."""
        rows, positions = self.labeled_stream.at(step)
        pool_rows, pool_positions = self.unlabeled_stream.at(step)
        pixels, pool = self.images.store.take(rows), self.images.store.take(pool_rows)
        device, dtype, seed = pixels.device, self.compute.dtype, self.config.seed
        labeled = SampleRandom(seed, step, positions).child("labeled")
        unlabeled = SampleRandom(seed, step, pool_positions).child("unlabeled")
        # Dropout masks: labeled images take even positions, the two views of an unlabeled one odd ones.
        keys = torch.cat([4 * positions, 4 * pool_positions + 1, 4 * pool_positions + 3])
        return MixedBatch(
            labeled=self.weak(pixels, labeled).to(dtype),
            labels=self.images.labels(rows),
            weak=self.weak(pool, unlabeled.child("weak")).to(dtype),
            strong=self.strong(pool, unlabeled.child("strong")).to(dtype),
            random=SampleRandom(seed, step, send(keys, device)),
        )

    def forward(self, batch: MixedBatch) -> dict[str, Tensor]:
        """Return labeled loss + λ · unlabeled loss over the whole batch of all processes."""
        together = torch.cat([batch.labeled, batch.weak, batch.strong])
        logits = self.network.classify(together, batch.random).to(self.compute.dtype)
        labeled, weak, strong = torch.split(logits, [len(batch.labeled), len(batch.weak), len(batch.strong)])
        return fixmatch_loss(
            labeled, batch.labels, weak, strong, self.pseudo_labels,
            weight=self.config.lambd, temperature=self.config.temperature,
        )  # fmt: skip

    def optimizer(self) -> Optimizer:
        """Return SGD with Nesterov momentum; no decay on norms and biases."""
        trained = self.network if self.fine_tune else self.network.classifier
        assert trained is not None
        groups = parameter_groups(trained, lr=self.config.learning_rate, weight_decay=self.config.weight_decay)
        momentum = self.config.momentum
        return SGD(groups, lr=self.config.learning_rate, momentum=momentum, nesterov=momentum > 0)

    def rate(self, step: int, total: int) -> float:
        """Return cos(7πk/16K)."""
        return fixmatch_cosine(step, total)

    def at_start(self) -> dict[str, float]:
        """Return how good the classifier is that it begins with: guesses may lead it astray."""
        return self.evaluate(self.network) if self.has_classifier else {}

    def finish(self, network: Network) -> Network:
        """Return the average with statistics of its own: those of its steps were of other weights, and of views."""
        if self.fine_tune:
            retake_statistics(network, self.images.store, self.images.learnable, self.compute, self.config.seed)
        return network

    def extra_state(self) -> dict[str, Any]:
        """Return what the pseudo-labels' weighting has learned."""
        return self.pseudo_labels.state_dict()

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.pseudo_labels.load_state_dict(state, assign=True)  # in the arithmetic it was saved in


def run(config: FixMatchConfig, emit: Emit = silent) -> dict[str, Any]:
    """Fine-tune a classifier with pseudo-labels and return the run's results.

    Raises:
        InputError: bad input; nothing is written then.
    """
    return run_classification("fixmatch", config, FixMatch, emit)
