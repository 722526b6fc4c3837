"""The statistics of batch norm, taken anew once a network is trained."""

import math

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from barlowmatch.arrays import Rows
from barlowmatch.data.store import ImageStore
from barlowmatch.inference import images_at_once
from barlowmatch.machine import distributed
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Network

SAMPLE = 2048
"""So many images, drawn at random, stand for all."""


@torch.no_grad()
def retake_statistics(network: Network, store: ImageStore, rows: Rows, compute: Compute, seed: int) -> None:
    """Have the backbone's batch norms know whole images, as they are embedded and judged.

    While training, a norm keeps a running mean of the last batches' statistics: of views, cropped and recolored, and of
    weights that changed meanwhile. Now the mean and variance of `rows` are taken with the final weights ("precise"
    statistics; Wu and Johnson, 2105.07576, section 3), each batch counting alike. Taken again, they are the same.

    Args:
        network: its backbone's running statistics are replaced; nothing else of it changes.
        store: where the images come from.
        rows: images to learn from.
        compute: on what.
        seed: of the draw, where there are more than `SAMPLE`.
    """
    norms = [part for part in network.backbone.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's name for the mean over all batches
        norm.train()
    for batch in _batches(rows, images_at_once(network.architecture.image_size), seed):
        images = store.take(torch.from_numpy(batch[distributed.own_part(len(batch))])).to(compute.dtype) / 255
        with compute.context():
            network.embed(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)


def _batches(rows: Rows, batch: int, seed: int) -> list[Rows]:
    """Return a sample of rows in batches as good as equal in size."""
    chosen = np.random.default_rng(seed).permutation(rows)[:SAMPLE]
    return np.array_split(chosen, math.ceil(len(chosen) / batch))
