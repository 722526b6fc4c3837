"""Applying a network to many images, without gradients."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist

from barlowmatch.arrays import Rows
from barlowmatch.data.store import ImageStore
from barlowmatch.errors import NotFiniteError
from barlowmatch.machine import distributed
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Network

MOST_IMAGES, MOST_PIXELS = 256, 256 * 256**2
"""What is computed at once where no batch is asked for; ResNet-18 takes 10.8 MB for an image of 256 × 256."""


@dataclass(frozen=True)
class Output:
    """What the network says of some rows: embeddings (n, D) and, with a classifier, logits (n, C), on the CPU."""

    rows: Rows
    embeddings: Tensor
    logits: Tensor | None


def images_at_once(image_size: int) -> int:
    """Return how many images of a side in px are computed at once where no batch is asked for."""
    return max(1, min(MOST_IMAGES, MOST_PIXELS // image_size**2))


@torch.no_grad()
def apply_network(
    network: Network, store: ImageStore, rows: Rows, compute: Compute, batch_size: int | None = None
) -> Iterator[Output]:
    """Yield the network's output for `rows`, a batch at a time, in evaluation mode."""
    batch_size = batch_size or images_at_once(network.architecture.image_size)
    was_training = network.training
    network.eval()
    try:
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            images = store.take(torch.from_numpy(part)).to(compute.dtype) / 255
            with compute.context():
                embeddings = network.embed(images)
                logits = network.classifier(embeddings) if network.classifier is not None else None
            yield Output(part, _to_cpu(embeddings, compute), None if logits is None else _to_cpu(logits, compute))
    finally:
        network.train(was_training)


def embed_rows(
    network: Network, store: ImageStore, rows: Rows, compute: Compute, batch_size: int | None = None
) -> Tensor:
    """Return the embeddings (n, D) of `rows`; the processes share the work and each gets all of them."""
    parts = [output.embeddings for output in _shared(network, store, rows, compute, batch_size)]
    return _gather(parts, len(rows), network.dimension)


def classify_rows(
    network: Network, store: ImageStore, rows: Rows, compute: Compute, batch_size: int | None = None
) -> Tensor:
    """Return the class probabilities (n, C) of `rows`; the processes share the work and each gets all of them."""
    assert network.classifier is not None
    outputs = _shared(network, store, rows, compute, batch_size)
    parts = [output.logits.softmax(1) for output in outputs if output.logits is not None]
    return _gather(parts, len(rows), network.classifier.last.out_features)


def _shared(
    network: Network, store: ImageStore, rows: Rows, compute: Compute, batch_size: int | None
) -> Iterator[Output]:
    return apply_network(network, store, rows[distributed.own_part(len(rows))], compute, batch_size)


def _gather(parts: list[Tensor], count: int, width: int) -> Tensor:
    mine = torch.cat(parts) if parts else torch.zeros(0, width)
    if not bool(torch.isfinite(mine).all()):
        raise NotFiniteError("the network's outputs are not finite; take an earlier checkpoint or --precision float32")
    if distributed.world_size() == 1:
        return mine
    box: list[Tensor | None] = [None] * distributed.world_size()
    dist.all_gather_object(box, mine)
    result = torch.cat([part for part in box if part is not None])
    assert len(result) == count
    return result


def _to_cpu(values: Tensor, compute: Compute) -> Tensor:
    return values.to("cpu", torch.float64 if compute.dtype == torch.float64 else torch.float32)
