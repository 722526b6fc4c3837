"""What the commands that apply a trained network share: the checkpoint, the images, the rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from barlowmatch.arrays import Labels
from barlowmatch.checkpoints import Checkpoint
from barlowmatch.configs.inference import InferenceOptions
from barlowmatch.data.classes import ImageClass, places_among, renamed
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.events import Emit
from barlowmatch.inference import images_at_once
from barlowmatch.machine import distributed
from barlowmatch.machine.compute import Compute, computing
from barlowmatch.models.folding import fold_batch_norms
from barlowmatch.models.network import Network
from barlowmatch.stages.images import Images, load_images
from barlowmatch.stages.networks import classes_in, load_trained, refuse_other_backbone, restore_network


@dataclass(frozen=True, eq=False)
class Applied:
    """A network ready for use on a dataset's images.

    Attributes:
        network: in evaluation mode, on the device.
        checkpoint: what it was restored from.
        images: decoded as the network wants them.
        compute: on what.
        batch_size: images this process takes at once.
    """

    network: Network
    checkpoint: Checkpoint
    images: Images
    compute: Compute
    batch_size: int

    @property
    def classes(self) -> tuple[ImageClass, ...]:
        """The network's classes, in the order of its logits, by the names that the dataset has for them today."""
        return renamed(classes_in(self.checkpoint), self.images.dataset.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the network's classes, in the order of its logits."""
        return tuple(item.name for item in self.classes)

    def labels_as_known(self) -> Labels:
        """Return the dataset's labels as positions in the network's classes, by name; −1 where there is none."""
        return labels_as_known(self.checkpoint, self.images.dataset)


def labels_as_known(checkpoint: Checkpoint, dataset: Dataset) -> Labels:
    """Return a dataset's labels (N,) as positions in a network's classes, by name; −1 where there is none."""
    lookup = np.array([*places_among(classes_in(checkpoint), dataset.classes), -1], np.int64)
    known: Labels = lookup[dataset.labels]
    return known


Check = Callable[[Network, Checkpoint, Dataset], None]
"""Refuses what no decoded image is needed to refuse."""


@contextmanager
def applied_network(config: InferenceOptions, emit: Emit, *checks: Check) -> Iterator[Applied]:
    """Read checkpoint and dataset, decode the images, and yield the network ready for use.

    Args:
        config: which of each, and how.
        emit: hears of progress.
        checks: made before images are decoded, which may take hours.

    Raises:
        InputError: the checkpoint or the dataset cannot be read, `--backbone` contradicts the checkpoint, or a check
            refuses them.
    """
    with computing(config) as compute:
        checkpoint = load_trained(config.checkpoint_path)
        network = restore_network(checkpoint, config.checkpoint_path)
        refuse_other_backbone(config.backbone, network.architecture, config.checkpoint_path)
        dataset = read_dataset(config, emit)
        for check in checks:
            check(network, checkpoint, dataset)
        images = load_images(dataset, config, compute, emit, network.architecture)
        network.to(dtype=compute.dtype).eval()
        fold_batch_norms(network.backbone)  # in the arithmetic asked for
        compute.prepare(network)
        yield Applied(network, checkpoint, images, compute, batch_of_a_process(config.batch_size, images.size))


def batch_of_a_process(asked: int | None, image_size: int) -> int:
    """Return this process's part of the batch asked for over all processes; by default each takes a full one."""
    return images_at_once(image_size) if asked is None else max(1, asked // distributed.world_size())
