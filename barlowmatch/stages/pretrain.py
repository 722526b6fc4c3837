"""Stage 1: learn from all images without labels (Barlow Twins, 2103.03230)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from barlowmatch.configs.training import PretrainConfig
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.sampling import Stream, sample
from barlowmatch.data.shares import settled
from barlowmatch.data.views import barlow_views, pretraining_family
from barlowmatch.evaluation import knn_accuracy
from barlowmatch.events import Emit, silent
from barlowmatch.inference import embed_rows
from barlowmatch.losses import barlow_twins_loss
from barlowmatch.machine.compute import Compute, computing
from barlowmatch.models.network import Network
from barlowmatch.randomness import SampleRandom
from barlowmatch.runs.folders import place_run
from barlowmatch.stages.batches import batch_size
from barlowmatch.stages.images import Images
from barlowmatch.stages.networks import build_pretraining_network
from barlowmatch.stages.session import (
    checkpoint_to_resume,
    load_images_as_before,
    open_training,
    origin_of,
    train_network,
)
from barlowmatch.training.muon import Muon
from barlowmatch.training.norm_statistics import retake_statistics
from barlowmatch.training.optim import LARS, parameter_groups, warmup_cosine
from barlowmatch.training.task import Task

KNN_ROWS = 5000
"""At most so many labeled images vote, and so many are judged, while pretraining."""


@dataclass(frozen=True)
class Pair:
    """Two views (B, 3, H, W) of the same images, in [0, 1]."""

    first: Tensor
    second: Tensor


class BarlowTwins(Task):
    """Two views of each image should look alike to the network, and no two of its outputs should say the same.

    Args:
        network: with a projector.
        images: what to learn from.
        config: rates and weights.
        compute: on what.
    """

    replayable = True

    def __init__(self, network: Network, images: Images, config: PretrainConfig, compute: Compute) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.compute = compute
        self.images = images
        rows = images.learnable
        self.samples_per_step = batch_size(config, len(rows))
        self.views_per_step = 2 * self.samples_per_step
        self.stream = Stream(rows, self.samples_per_step, config.seed)
        self.steps_per_epoch = self.stream.steps_per_pass
        # Where few images are passed over more often, the warm-up keeps its share of the run.
        longer = config.passes(self.steps_per_epoch) / config.num_epochs
        self.warmup_steps = config.warmup_epochs * (self.steps_per_epoch * longer)
        self.views = barlow_views(pretraining_family(config), images.size)

    def batch(self, step: int) -> Pair:
        """Return two views of the images of `step`."""
        rows, positions = self.stream.at(step)
        pixels = self.images.store.take(rows)
        random = SampleRandom(self.config.seed, step, positions)
        first, second = (
            view(pixels, random.child(name)).to(self.compute.dtype)
            for view, name in zip(self.views, ("first view", "second view"), strict=True)
        )
        return Pair(first, second)

    def forward(self, batch: Pair) -> dict[str, Tensor]:
        """Return the loss over the whole batch of all processes."""
        first, second = self.network.project(batch.first), self.network.project(batch.second)
        return {"loss": barlow_twins_loss(first, second, self.config.lambd, self.config.loss_scale)}

    def optimizer(self) -> Optimizer:
        """Return LARS or Muon; weights and biases have their own rates, both scaled by batch/256."""
        scale, of_biases = self.samples_per_step / 256, self.config.learning_rate_biases
        weights, biases = parameter_groups(
            self.network,
            lr=self.config.learning_rate * scale,
            weight_decay=self.config.weight_decay,
            lr_biases=(self.config.learning_rate if of_biases is None else of_biases) * scale,
        )
        if self.config.optimizer == "muon":
            dtype = torch.bfloat16 if self.compute.autocast else self.compute.dtype
            momentum = {"momentum": 0.9}  # LARS' own, as the steps of biases are
            return Muon([weights, biases | momentum], eta=self.config.trust, dtype=dtype)
        return LARS([weights, biases], eta=self.config.trust, clip=self.config.trust_as == "clip")

    def rate(self, step: int, total: int) -> float:
        """Return linear warm-up, then a cosine down to the final rate."""
        return warmup_cosine(step, total, min(self.warmup_steps, total / 10), self.config.final_rate)

    def finish(self, network: Network) -> Network:
        """Return the network with statistics of whole images, which it has only seen in views."""
        retake_statistics(network, self.images.store, self.images.learnable, self.compute, self.config.seed)
        return network

    def evaluate(self, network: Network) -> dict[str, float]:
        """Return the kNN accuracy on the validation split, with the labeled images voting; nothing without labels."""
        return knn_figures(network, self.images, self.compute, self.config.seed)


def knn_figures(network: Network, images: Images, compute: Compute, seed: int) -> dict[str, float]:
    """Return the kNN accuracy on (a sample of) the validation split, or nothing where labels are lacking."""
    bank, queries = sample(images.train, KNN_ROWS, seed), sample(images.val, KNN_ROWS, seed)
    if len(bank) == 0 or len(queries) == 0:
        return {}
    labels = images.dataset.labels
    accuracy = knn_accuracy(
        embed_rows(network, images.store, bank, compute),
        labels[bank],
        embed_rows(network, images.store, queries, compute),
        labels[queries],
        classes=len(images.dataset.classes),
    )
    return {"knn_accuracy": accuracy}


def _as_begun(config: PretrainConfig, resumed: Mapping[str, Any] | None) -> PretrainConfig:
    """Return the parameters of a run that goes on: from before there were least steps, its warm-up knows of none."""
    if resumed is None or "least_steps" in resumed["config"]:
        return config
    return replace(config, least_steps=0)


def run(config: PretrainConfig, emit: Emit = silent) -> dict[str, Any]:
    """Pretrain a backbone and return the run's results.

    Raises:
        InputError: bad input; nothing is written then.
    """
    with computing(config) as chosen:
        dataset = read_dataset(config, emit)
        config = settled(config, dataset)
        place = place_run("pretrain", config, dataset.fingerprint)
        resumed = checkpoint_to_resume("pretrain", config, dataset, place)
        compute = chosen.as_before(resumed)
        origin = origin_of(config, resumed, place)
        batch_size(config, len(dataset.train) + len(dataset.unlabeled))
        with open_training("pretrain", config, dataset, place, emit) as opened:
            images = load_images_as_before(dataset, config, compute, opened.emit, origin, resumed)
            network = build_pretraining_network(config, origin, images)
            task = BarlowTwins(network, images, _as_begun(config, resumed), compute)
            return train_network(opened, config, compute, images, task, resumed=resumed)
