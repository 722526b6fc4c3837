"""Measure a checkpoint: accuracy, balanced accuracy, per class, confusion, calibration, kNN."""

import json
from functools import partial
from typing import Any

from barlowmatch.arrays import Rows
from barlowmatch.checkpoints import Checkpoint
from barlowmatch.configs.inference import EvaluateConfig
from barlowmatch.data.classes import renamed, some
from barlowmatch.data.dataset import Dataset, labeled_in
from barlowmatch.errors import InputError
from barlowmatch.evaluation import Report, describe_accuracy, judge, knn_accuracy
from barlowmatch.events import Emit, silent
from barlowmatch.inference import classify_rows, embed_rows
from barlowmatch.intervals import wilson_interval
from barlowmatch.models.network import Network
from barlowmatch.stages.apply import Applied, applied_network, labels_as_known
from barlowmatch.stages.networks import classes_in
from barlowmatch.stages.validation import refuse_val_learned_from


def run(config: EvaluateConfig, emit: Emit = silent) -> dict[str, Any]:
    """Return the figures of a checkpoint on a split; `classifier` is missing where the network has none.

    Raises:
        InputError: the split has no labels that the network knows, or there is nothing to measure on it.
    """
    with applied_network(config, emit, partial(_check, config)) as applied:
        rows = _labeled_rows(applied, config.split)
        result: dict[str, Any] = {"split": config.split, "count": len(rows)}
        if applied.network.classifier is not None:
            report = _judge_classifier(applied, rows)
            result |= {"classifier": report.to_dict(), "lines": report.lines()}
        result |= _judge_embeddings(applied, rows, config)
        return result


def present(config: EvaluateConfig, result: dict[str, Any]) -> None:
    """Print the figures for a person, or as JSON."""
    lines = result.pop("lines", [])
    if config.json:
        print(json.dumps(result))  # noqa: T201 - the command's output
        return
    if "knn_accuracy" in result:
        interval = wilson_interval(result["knn_accuracy"] * result["count"], result["count"])
        lines.append(
            f"kNN ({config.knn} neighbours): " + describe_accuracy(result["knn_accuracy"], interval, result["count"])
        )
    print("\n".join(lines))  # noqa: T201 - the command's output


def _check(config: EvaluateConfig, network: Network, checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Refuse a split on which there is nothing to measure, or nothing fair.

    Raises:
        InputError: as said.
    """
    path, split = config.checkpoint_path, config.split
    if split == "val":
        refuse_val_learned_from(checkpoint, path, dataset, config)
    rows = labeled_in(split, dataset.splits, dataset.labels)
    _need_labels(rows, split, dataset)
    if network.classifier is None:
        if split == "train" or len(dataset.train) == 0:
            raise InputError(
                f"--split {split}: {path} has no classifier, and without one the labeled images of train vote on those "
                "of another split; name one, or label images of train"
            )
        return
    unknown = rows[labels_as_known(checkpoint, dataset)[rows] < 0]
    if len(unknown):
        first = min(dataset.class_names[label] for label in dataset.labels[unknown])
        known = some(item.name for item in renamed(classes_in(checkpoint), dataset.classes))
        raise InputError(
            f"{path}: does not know the class {first} (its classes: {known}); train a classifier on this dataset first"
        )


def _labeled_rows(applied: Applied, split: str) -> Rows:
    images = applied.images
    rows = {"train": images.train, "val": images.val}.get(split)
    if rows is None:
        rows = labeled_in(split, images.dataset.splits, images.dataset.labels)
        rows = rows[images.pixels.readable[rows]]
    _need_labels(rows, split, images.dataset)
    return rows


def _need_labels(rows: Rows, split: str, dataset: Dataset) -> None:
    if len(rows) == 0:
        known = ", ".join(sorted(set(dataset.splits.tolist())))
        way_out = "label some of them, or measure on another split"
        raise InputError(f"--split {split}: has no labeled images; {way_out} (the dataset has {known})")


def _judge_classifier(applied: Applied, rows: Rows) -> Report:
    labels = applied.labels_as_known()[rows]
    probabilities = classify_rows(applied.network, applied.images.store, rows, applied.compute, applied.batch_size)
    return judge(probabilities, labels, applied.class_names, applied.images.dataset.groups_of(rows))


def _judge_embeddings(applied: Applied, rows: Rows, config: EvaluateConfig) -> dict[str, float]:
    """Let the labeled training images vote; where the training images themselves are judged there is no vote."""
    images = applied.images
    if config.split == "train" or len(images.train) == 0:
        return {}
    network, store, labels = applied.network, images.store, images.dataset.labels
    accuracy = knn_accuracy(
        embed_rows(network, store, images.train, applied.compute, applied.batch_size),
        labels[images.train],
        embed_rows(network, store, rows, applied.compute, applied.batch_size),
        labels[rows],
        classes=len(images.dataset.classes),
        neighbours=config.knn,
    )
    return {"knn_accuracy": accuracy}
