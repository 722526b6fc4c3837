"""Stage 2: a classifier on the pretrained backbone, learned from the labeled images."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from barlowmatch.configs.training import ClassifyConfig
from barlowmatch.data.sampling import Stream
from barlowmatch.data.views import family_of, weak_view
from barlowmatch.events import Emit, silent
from barlowmatch.machine import distributed
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Network
from barlowmatch.randomness import SampleRandom
from barlowmatch.stages.batches import batch_size
from barlowmatch.stages.classification import ClassificationTask, run_classification
from barlowmatch.stages.images import Images
from barlowmatch.training.optim import cosine, parameter_groups


@dataclass(frozen=True)
class LabeledBatch:
    """Weak views (B, 3, H, W) in [0, 1], their labels (B,), and the random source of their dropout masks."""

    images: Tensor
    labels: Tensor
    random: SampleRandom


class Supervised(ClassificationTask):
    """Cross-entropy on the labeled images; backbone and classifier have their own learning rates."""

    def __init__(self, network: Network, images: Images, config: ClassifyConfig, compute: Compute) -> None:
        super().__init__(network, images, config, compute)
        self.config = config
        self.samples_per_step = batch_size(config, len(images.train))
        self.views_per_step = self.samples_per_step
        self.stream = Stream(images.train, self.samples_per_step, config.seed)
        self.steps_per_epoch = self.stream.steps_per_pass
        self.view = weak_view(family_of(config), images.size)

    def batch(self, step: int) -> LabeledBatch:
        """Return weak views of the labeled images of `step`."""
        rows, positions = self.stream.at(step)
        pixels = self.images.store.take(rows)
        random = SampleRandom(self.config.seed, step, positions)
        views = self.view(pixels, random.child("labeled")).to(self.compute.dtype)
        return LabeledBatch(views, self.images.labels(rows), random.on(pixels.device))

    def forward(self, batch: LabeledBatch) -> dict[str, Tensor]:
        """Return the mean cross-entropy over the whole batch of all processes."""
        logits = self.network.classify(batch.images, batch.random)
        summed = F.cross_entropy(logits.to(self.compute.dtype), batch.labels, reduction="sum")
        return {"loss": summed * distributed.world_size() / self.samples_per_step}

    def optimizer(self) -> Optimizer:
        """Return Adam with a rate for the backbone and one for the classifier; no decay on norms and biases."""
        assert self.network.classifier is not None
        decay = self.config.weight_decay
        groups = parameter_groups(self.network.classifier, lr=self.config.learning_rate_classifier, weight_decay=decay)
        if self.fine_tune:
            groups += parameter_groups(self.network.backbone, lr=self.config.learning_rate_barlow, weight_decay=decay)
        return Adam(groups)

    def rate(self, step: int, total: int) -> float:
        """Return one cosine over the whole run."""
        return cosine(step, total)


def run(config: ClassifyConfig, emit: Emit = silent) -> dict[str, Any]:
    """Train a classifier and return the run's results.

    Raises:
        InputError: bad input; nothing is written then.
    """
    return run_classification("train-classifier", config, Supervised, emit)
