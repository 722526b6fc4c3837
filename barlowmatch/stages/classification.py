"""What the two stages with a classifier share: judging it, and which figure picks the best."""

from collections.abc import Callable
from typing import Any

import numpy as np

from barlowmatch.configs.training import ClassifierOptions
from barlowmatch.data.classes import some
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.folder_names import IF_THEY_ARE_CLASSES, may_be_classes
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.shares import settled
from barlowmatch.data.splits import only_in_val, val_is_sample
from barlowmatch.errors import InputError
from barlowmatch.evaluation import Report, judge
from barlowmatch.events import Emit, Said
from barlowmatch.inference import classify_rows
from barlowmatch.machine.compute import Compute, computing
from barlowmatch.models.network import Network
from barlowmatch.runs.folders import place_run
from barlowmatch.stages.earlier_labels import tell_of_labels_learned
from barlowmatch.stages.images import Images
from barlowmatch.stages.networks import build_classifying_network, knows_all
from barlowmatch.stages.session import (
    checkpoint_to_resume,
    load_images_as_before,
    open_training,
    origin_of,
    tell_contradicting_labels,
    train_network,
)
from barlowmatch.stages.validation import refuse_val_learned_from
from barlowmatch.training.task import Task
from barlowmatch.words import count


class ClassificationTask(Task):
    """A task whose network is judged by its accuracy on the validation split.

    With fewer validation labels than `--select-best-from` nothing is picked by them: their noise would pick, and the
    last averaged model is kept.
    """

    def __init__(self, network: Network, images: Images, config: ClassifierOptions, compute: Compute) -> None:
        super().__init__()
        self.network = network
        self.images = images
        self.compute = compute
        self.ema_decay = config.ema_decay
        self.judged_by = "accuracy" if len(images.val) >= config.select_best_from else None
        self.report: Report | None = None
        self.fine_tune = bool(config.fine_tune)
        network.backbone.requires_grad_(self.fine_tune)

    def begin(self, *, has_classifier: bool, emit: Emit) -> None:
        """Hear whether the network begins with a classifier that knows all classes."""

    def train(self, mode: bool = True) -> "ClassificationTask":
        """Switch to training; a frozen backbone stays in evaluation mode, its statistics too."""
        super().train(mode)
        if not self.fine_tune:
            self.network.backbone.eval()
        return self

    def evaluate(self, network: Network) -> dict[str, float]:
        """Return accuracy, its interval and balanced accuracy on the validation split."""
        rows = self.images.val
        if len(rows) == 0:
            return {}
        probabilities = classify_rows(network, self.images.store, rows, self.compute)
        dataset = self.images.dataset
        self.report = judge(probabilities, dataset.labels[rows], dataset.class_names, dataset.groups_of(rows))
        return self.report.figures()

    def closing(self, figures: dict[str, float]) -> dict[str, Any]:
        """Return the full report of the latest evaluation."""
        return {} if self.report is None else {"val": self.report.to_dict()}


def check_labels(dataset: Dataset, emit: Emit) -> None:
    """Refuse to train a classifier that has nothing to tell apart, and name the classes that it cannot learn.

    Raises:
        InputError: fewer than two classes have a labeled training image.
    """
    present = np.unique(dataset.labels[dataset.train])
    lost = only_in_val(dataset)
    missing = some(lost)
    if len(present) < 2:
        found = "no training image has a label"
        way = (
            "label images of two classes at least, in a labels.csv with the columns file,label, or in class folders "
            "(not with --class-folders 0)"
        )
        if not dataset.classes and may_be_classes(dataset.files):
            way += f"; where the folders here are classes, {IF_THEY_ARE_CLASSES}"
        if len(present):
            found = f"labeled training images of 1 class ({dataset.class_names[present[0]]})"
            way = "label at least one image of two classes"
        if len(lost) and val_is_sample(dataset):
            where = "" if dataset.held_out else " of create-dataset"
            way += f", or hold out less by --val-share{where} (all labels of {missing} are in validation)"
        raise InputError(f"{dataset.root}: {found}; {way}")
    if len(lost):
        message = f"all labels of {missing} are in validation, so nothing is learned of them; label more images of them"
        emit(Said(message=message, level="warning"))


def check_readable(images: Images) -> None:
    """Refuse to train a classifier where the files that can be read leave nothing to tell apart.

    Raises:
        InputError: fewer than two classes have a labeled training image that can be read.
    """
    dataset, rows = images.dataset, images.train
    classes = len(np.unique(dataset.labels[rows]))
    if classes < 2:
        known = count(classes, "class", "classes")
        raise InputError(
            f"{dataset.root}: of {len(dataset.train):,} labeled training images {len(rows):,} can be used, of "
            f"{known}, and it takes two; restore the files named above, or label images of two classes"
        )


def tell_about_validation(task: ClassificationTask, least: int, emit: Emit) -> None:
    """Say what the validation split is good for."""
    count = len(task.images.val)
    if count == 0:
        emit(Said(message="no validation labels: nothing is judged, the last average is kept", level="warning"))
    elif task.judged_by is None:
        message = f"{count} validation labels, under {least}: nothing picks the best by them"
        emit(Said(message=f"{message}, the last averaged model is kept"))


def run_classification(
    stage: str, config: ClassifierOptions, make_task: Callable[..., ClassificationTask], emit: Emit
) -> dict[str, Any]:
    """Run a stage with a classifier from its dataset to its results.

    Raises:
        InputError: bad input; nothing is written then.
    """
    with computing(config) as chosen:
        dataset = read_dataset(config, emit)
        config = settled(config, dataset)
        check_labels(dataset, emit)
        place = place_run(stage, config, dataset.fingerprint)
        resumed = checkpoint_to_resume(stage, config, dataset, place)
        compute = chosen.as_before(resumed)
        origin = origin_of(config, resumed, place)
        if origin.checkpoint is not None and "classifier" in origin.checkpoint:
            refuse_val_learned_from(origin.checkpoint, origin.path, dataset, config)
            tell_of_labels_learned(origin.checkpoint, origin.path, dataset, emit)
        with open_training(stage, config, dataset, place, emit) as opened:
            images = load_images_as_before(dataset, config, compute, opened.emit, origin, resumed)
            check_readable(images)
            tell_contradicting_labels(images, opened.emit)
            network = build_classifying_network(config, origin, images, dataset.classes, opened.emit)
            task = make_task(network, images, config, compute)
            task.begin(has_classifier=knows_all(origin, dataset.classes), emit=opened.emit)
            tell_about_validation(task, config.select_best_from, opened.emit)
            return train_network(opened, config, compute, images, task, resumed=resumed)
