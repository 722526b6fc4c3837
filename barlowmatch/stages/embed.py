"""Write the backbone's embedding of every image, and the classifier's probabilities where there is one."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from barlowmatch.arrays import Rows
from barlowmatch.checkpoints import content_hash
from barlowmatch.command_line.next_commands import carried_by
from barlowmatch.command_line.outputs import check_output_folder
from barlowmatch.configs.inference import EmbedConfig
from barlowmatch.data.classes import ImageClass, some
from barlowmatch.data.contents import fingerprint_of
from barlowmatch.data.dataset import askable
from barlowmatch.data.progress import Rate
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter, refuse_other_content
from barlowmatch.events import Emit, Said, silent
from barlowmatch.inference import Output, apply_network
from barlowmatch.machine import launcher
from barlowmatch.stages.apply import Applied, applied_network
from barlowmatch.stages.earlier_labels import tell_of_labels_learned


def run(config: EmbedConfig, emit: Emit = silent) -> dict[str, Any]:
    """Write the embeddings folder and return where it is and what it holds.

    Returns:
        `folder`, `count` of its rows, `dimension`, how many of the images are `askable`, and what is `carried` along.

    Raises:
        InputError: the checkpoint or the dataset cannot be read, or the folder cannot be written.
    """
    check_output_folder("--out-path", config.out_path, config.dataset_folder)
    refuse_other_content(config.out_path)
    with applied_network(config, emit) as applied:
        tell_of_labels_learned(applied.checkpoint, config.checkpoint_path, applied.images.dataset, emit)
        rows, classifies = applied.images.all, _knows_the_labels(applied, config, emit)
        carried = carried_by(config, applied.checkpoint["config"])
        with EmbeddingsWriter(
            config.out_path,
            _table(applied, rows),
            dimension=applied.network.dimension,
            classes=_classes(applied, classifies),
            checkpoint=content_hash(config.checkpoint_path),
            with_probabilities=classifies,
            number_format=config.number_format,
            meta={
                "stage": applied.checkpoint["stage"],
                "image_size": applied.images.size,
                "dataset": applied.images.dataset.fingerprint,
                "contents": fingerprint_of(applied.images.pixels.sha256),
                "dataset_folder": None if config.dataset_folder is None else str(config.dataset_folder.resolve()),
                "carried": carried,
            },
        ) as writer:
            for place, output in _outputs(applied, rows, writer.share, emit):
                probabilities = None if output.logits is None else output.logits.softmax(1).numpy()
                writer.write(np.arange(place, place + len(output.rows)), output.embeddings.numpy(), probabilities)
        emit(Said(message=f"{config.out_path}: {len(rows)} embeddings of {applied.network.dimension} numbers"))
        dataset = applied.images.dataset
        waiting = askable(dataset.splits[rows], dataset.labels[rows])
    return {
        "folder": str(config.out_path),
        "count": len(rows),
        "dimension": applied.network.dimension,
        "askable": len(waiting),
        "carried": carried,
    }


def _outputs(applied: Applied, rows: Rows, share: slice, emit: Emit) -> Iterator[tuple[int, Output]]:
    """Yield the place and the output of each batch of this process's share, and report how far it is."""
    place = share.start
    rate = Rate("embed", share.stop - share.start, emit if launcher.is_main() else silent)
    for output in apply_network(
        applied.network, applied.images.store, rows[share], applied.compute, applied.batch_size
    ):
        yield place, output
        place += len(output.rows)
        rate.step(len(output.rows))


def _table(applied: Applied, rows: Rows) -> EmbeddedFiles:
    dataset, contents = applied.images.dataset, applied.images.pixels.sha256
    names = (*dataset.class_names, "")  # label −1 is the last
    return EmbeddedFiles(
        files=[dataset.files[row] for row in rows],
        splits=[str(dataset.splits[row]) for row in rows],
        labels=[names[dataset.labels[row]] for row in rows],
        sha256=[contents[row] for row in rows],
    )


def _knows_the_labels(applied: Applied, config: EmbedConfig, emit: Emit) -> bool:
    """Say whether there is a classifier that knows every class that has labels; probabilities without one mislead."""
    if applied.network.classifier is None:
        return False
    dataset, rows = applied.images.dataset, applied.images.all
    labels, known = dataset.labels[rows], applied.labels_as_known()[rows]
    unknown = np.unique(labels[(labels >= 0) & (known < 0)])
    if len(unknown):
        named = some(dataset.class_names[label] for label in unknown)
        message = f"{config.checkpoint_path}: does not know {named}; no probabilities are written"
        emit(Said(message=f"{message}, and strategies that need them fit a linear classifier", level="warning"))
    return len(unknown) == 0


def _classes(applied: Applied, classifies: bool) -> list[ImageClass]:
    """Return the classes the probabilities speak of; without probabilities those of the dataset."""
    return list(applied.classes if classifies else applied.images.dataset.classes)
