"""What the training stages share around the loop: what to resume, the run's folder, the loop, the results."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from barlowmatch.checkpoints import Checkpoint
from barlowmatch.configs.shared import RunOptions
from barlowmatch.configs.training import ClassifierOptions, PretrainConfig
from barlowmatch.data.classes import plain_classes
from barlowmatch.data.copies import contradiction
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.splits import val_was_drawn
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.intervals import TOO_FEW
from barlowmatch.machine.compute import Compute
from barlowmatch.runs.config_changes import OTHER_IMAGES, changed_fields, plain
from barlowmatch.runs.folders import Place, goes_on, wants_resume, why_afresh
from barlowmatch.runs.run import Run, finish, keep_old_results, open_run, start
from barlowmatch.stages.earlier_labels import label_count
from barlowmatch.stages.images import Images, load_images
from barlowmatch.stages.networks import Origin, load_trained, read_origin
from barlowmatch.training.loop import Trainer
from barlowmatch.training.pacing import say_few_steps
from barlowmatch.training.task import Task
from barlowmatch.words import count


def checkpoint_to_resume(stage: str, config: RunOptions, dataset: Dataset, place: Place) -> Checkpoint | None:
    """Return the checkpoint the run goes on from, or None for a fresh start.

    Raises:
        InputError: the checkpoint belongs to another stage, other parameters or other images; the line names them.
    """
    if not goes_on(config, place.folder) or not place.last_path.is_file():
        return None
    checkpoint = load_trained(place.last_path)
    if checkpoint["stage"] != stage or "optimizer" not in checkpoint:
        raise InputError(f"{place.last_path}: a checkpoint of {checkpoint['stage']}, which {stage} cannot resume")
    changed = changed_fields(checkpoint["config"], plain(config))
    if checkpoint["dataset"] != dataset.fingerprint:
        changed.append(OTHER_IMAGES)
    if changed:
        raise InputError(
            f"{place.last_path}: cannot be resumed, these differ: {'; '.join(changed)}; "
            "restore them or start afresh with --train-from-start 1"
        )
    return checkpoint


def origin_of(config: PretrainConfig | ClassifierOptions, resumed: Checkpoint | None, place: Place) -> Origin:
    """Return what the network starts from: of a resumed run its own checkpoint, not what it once began with.

    That file may be gone by now or hold another network, and the input statistics of the run are to stay what they are.

    Raises:
        InputError: what the flags name cannot be read.
    """
    return read_origin(config) if resumed is None else Origin(resumed, place.last_path)


def open_training(
    stage: str, config: RunOptions, dataset: Dataset, place: Place, emit: Emit
) -> AbstractContextManager[Run]:
    """Open the run's folder with what its `config.json` should say of the dataset."""
    facts = {"classes": plain_classes(dataset.classes), "dataset": dataset.fingerprint}
    return open_run(stage, config, place, facts, emit)


def load_images_as_before(
    dataset: Dataset, config: RunOptions, compute: Compute, emit: Emit, origin: Origin, resumed: Checkpoint | None
) -> Images:
    """Load the images of a run; a resumed one gets the pixels it began with, or is told that they are others now.

    Raises:
        InputError: as `load_images`.
    """
    before = {} if resumed is None else resumed.get("pixels", {})
    if before.get("compressed") and config.cache == "auto":
        config = replace(config, cache="jpeg")
    images = load_images(dataset, config, compute, emit, origin.architecture)
    tell_about_copies(images, emit)
    if before and before != images.pixels.identity:
        changed = "files were changed" if before["key"] != images.pixels.key else "--cache keeps them another way"
        message = f"the pictures are not those the run began with ({changed}): it ends with other weights"
        emit(Said(message=message, level="warning"))
    return images


def tell_about_copies(images: Images, emit: Emit) -> None:
    """Say how many images to learn from are copies of ones that judge, and what becomes of them."""
    if len(images.copies) == 0:
        return
    first = images.dataset.files[images.copies[0]]
    what = f"{len(images.copies):,} images are copies of ones in val or test, the first {first}"
    if images.leaves_copies_out:
        message = f"{what}: nothing is learned from them"
    else:
        message = f"{what}: what judges is learned from; `inspect --json` lists copies, remove them on one side"
    emit(Said(message=message, level="warning"))


def tell_contradicting_labels(images: Images, emit: Emit) -> None:
    """Warn of pictures of which labels say several things, all of which would be learned."""
    rows, contents = images.train.tolist(), images.pixels.sha256
    by_content: dict[str, list[int]] = {}
    for row in rows:
        by_content.setdefault(contents[row], []).append(row)
    disputed = contradiction(images.dataset, by_content.values())
    if disputed is not None:
        emit(Said(message=disputed, level="warning"))


def train_network(
    run: Run,
    config: RunOptions,
    compute: Compute,
    images: Images,
    task: Task,
    *,
    resumed: Checkpoint | None,
) -> dict[str, Any]:
    """Train `task`, from the beginning or from `resumed`, and close the run with its results.

    Args:
        run: where to report and write.
        config: how long and how often.
        compute: on what.
        images: what it learns from; the checkpoint carries classes, and what tells other images from these.
        task: the stage's method.
        resumed: a checkpoint of the same run.
    """
    dataset = images.dataset
    if resumed is None and wants_resume(config):
        run.emit(Said(message=why_afresh(run.stage, config, dataset.fingerprint)))
    run.emit(Said(message=f"computing on {compute}"))
    facts = {
        "stage": run.stage,
        "config": plain(config),
        "classes": plain_classes(dataset.classes),
        "architecture": task.network.architecture.to_dict(),
        "dataset": dataset.fingerprint,
        "labeled": label_count(dataset),
        "val_was_drawn": val_was_drawn(dataset),
        "pixels": images.pixels.identity,
        "autocast": compute.autocast,
    }
    trainer = Trainer(task, config, run, compute, facts)
    trainer.facts["started"] = task.at_start() if resumed is None else resumed.get("started", {})
    if resumed is None:
        keep_old_results(run)
        few = say_few_steps(config, trainer.state.total_steps)
        if few is not None:
            run.emit(few)
    else:
        trainer.resume(resumed)
    start(run, trainer.state.step)
    figures = trainer.train()
    results = {
        "steps": trainer.state.step,
        "checkpoint": str(run.last_path),
        "best": str(run.best_path),
        **task.closing(figures),
    }
    if trainer.facts["started"] and figures:
        results["started"] = trainer.facts["started"]
        kept = figures["accuracy"] if trainer.state.best is None else trainer.state.best
        run.emit(beside_start(kept, results["started"]["accuracy"], len(images.val)))
    finish(run, trainer.state.step, results)
    return results


def beside_start(end: float, start: float, judged: int) -> Said:
    """Return a run's accuracy beside that of the classifier it began with, as a warning where it is worse.

    Args:
        end: share that the model it keeps gets right.
        start: the same of what it began with.
        judged: images of the validation split, by which both were measured.
    """
    figures = (
        f"{100 * end:.1f} % of {count(judged, 'validation image')}, the classifier it began with {100 * start:.1f} %"
    )
    if end >= start or judged < TOO_FEW:
        return Said(message=f"accuracy {figures}")
    message = f"worse than it began: accuracy {figures}; the file it began with is the better model"
    return Said(message=message, level="warning")
