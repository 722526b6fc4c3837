"""Try strategies on images whose labels are known: what would have been the right way to ask?"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from barlowmatch.arrays import Labels
from barlowmatch.checkpoints import content_hash
from barlowmatch.command_line.outputs import check_output_folder, refuse_inside, refuse_to_lose
from barlowmatch.configs.inference import EmbedConfig
from barlowmatch.configs.simulate import SimulateConfig, parse_share
from barlowmatch.data.classes import places_among
from barlowmatch.data.contents import fingerprint_of
from barlowmatch.data.dataset import Dataset
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.pixels import known_contents
from barlowmatch.data.progress import Rate
from barlowmatch.data.workers import cores
from barlowmatch.embeddings.folder import META, Embeddings, read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.files import write_json
from barlowmatch.simulation.learners import Learner, Neighbours, Probe
from barlowmatch.simulation.protocol import Protocol, Trial, simulated_strategy
from barlowmatch.simulation.report import TABLES, table_lines, write_report
from barlowmatch.simulation.running import Setting, run_trials
from barlowmatch.simulation.world import World, build_world
from barlowmatch.words import count

VERSION = 7
"""Of what a trial means; a new one makes finished trials count no more."""


def run(config: SimulateConfig, emit: Emit = silent) -> dict[str, Any]:
    """Simulate every strategy in every repetition and write what came out to `--dest-path`.

    Finished trials are kept there and not run again; with `--shard` only a part of them is run.

    Raises:
        InputError: the embeddings or labels cannot be used, a strategy does not exist, or the folder is not writable or
            holds a table that is no simulation's.
    """
    check_output_folder("--dest-path", config.dest_path, config.dataset_folder)
    for name, columns in TABLES.items():
        refuse_to_lose("--dest-path", config.dest_path / name, columns)
    embeddings, dataset = _read(config, emit)
    refuse_inside("--dest-path", config.dest_path, embeddings.dataset_folder)
    world = build_world(
        embeddings, _labels(embeddings, dataset, emit), imbalance=config.imbalance, seed=config.seed,
        junk=parse_share(config.junk, "--junk"), label_noise=parse_share(config.label_noise, "--label-noise"),
    )  # fmt: skip
    protocol = Protocol(budgets=config.budget_list, pool_share=config.pool_share, start=config.start, seed=config.seed)
    if protocol.budgets[-1] > round(protocol.pool_share * len(world.files)):
        raise InputError(
            f"--budgets {config.budgets}: a repetition sees {round(protocol.pool_share * len(world.files))} images; "
            "name smaller budgets, or embeddings with more labels to play with"
        )
    for name in config.strategy_list:
        simulated_strategy(name, world)
    learner = _learner(config, world, dataset)
    left_out = f"; {count(world.copies, 'copy', 'copies')} left out" if world.copies else ""
    emit(Said(message=f"simulate: {len(world.files)} images to ask for, {len(world.test_files)} to judge by{left_out}"))
    judged = np.unique(world.test_labels)
    if len(judged) == 1:
        what = f"all images to judge by are of one class ({world.class_names[judged[0]]})"
        way_out = "no strategy can show its worth; label some of other classes in val or test"
        emit(Said(message=f"{what}: {way_out}", level="warning"))
    trials = _run_trials(config, world, protocol, learner, emit)
    if trials is None:
        return {"folder": str(config.dest_path), "complete": False}
    settings = {
        "images": len(world.files), "test_images": len(world.test_files), "classes": len(world.class_names),
        "learner": config.learner, "repeats": config.repeats, "imbalance": config.imbalance, "junk": config.junk,
        "label_noise": config.label_noise, **asdict(protocol),
    }  # fmt: skip
    rows = write_report(config.dest_path, trials, settings)
    return {"folder": str(config.dest_path), "complete": True, "lines": table_lines(rows, protocol.budgets)}


def present(config: SimulateConfig, result: dict[str, Any]) -> None:
    """Print the table."""
    for line in result.get("lines", []):
        print(line)  # noqa: T201 - the command's output
    missing = "this shard is done; run again without --shard for the table"
    print(f"\n{config.dest_path}: picks.csv, curves.csv, curves.png" if result["complete"] else missing)  # noqa: T201


def _read(config: SimulateConfig, emit: Emit) -> tuple[Embeddings, Dataset | None]:
    """Return the embeddings, made here where they are not given, and the dataset where one is named."""
    has_dataset = config.dataset_folder is not None or config.manifest is not None
    dataset = read_dataset(config, emit) if has_dataset else None
    if config.representations_path is not None:
        return read_embeddings(config.representations_path), dataset
    if dataset is None or config.checkpoint_path is None:
        raise InputError("--representations-path: name embeddings, or --dataset-folder and --checkpoint-path")
    return _own_embeddings(config, config.checkpoint_path, dataset, emit), dataset


def _own_embeddings(config: SimulateConfig, checkpoint: Path, dataset: Dataset, emit: Emit) -> Embeddings:
    """Return the embeddings made here earlier where they are by this checkpoint of these images, else new ones."""
    folder = config.dest_path / "representations"
    if checkpoint.is_file() and (folder / META).is_file():
        found = read_embeddings(folder)
        origin = [found.meta.get(name) for name in ("checkpoint", "dataset", "contents")]
        contents = fingerprint_of(known_contents(dataset, config, emit).hexadecimal())
        if origin == [content_hash(checkpoint), dataset.fingerprint, contents]:
            return found
    _embed(config, folder, emit)
    return read_embeddings(folder)


def _embed(config: SimulateConfig, folder: Path, emit: Emit) -> None:
    from barlowmatch.stages import embed

    shared = {
        name: getattr(config, name)
        for name in EmbedConfig.__dataclass_fields__
        if name in SimulateConfig.__dataclass_fields__
    }
    embed.run(EmbedConfig(**{**shared, "out_path": folder}), emit)


def _labels(embeddings: Embeddings, dataset: Dataset | None, emit: Emit) -> Labels:
    """Return the class of each row: the dataset's where one is named, else those in the folder."""
    if dataset is None:
        return embeddings.labels
    places = places_among(embeddings.classes, dataset.classes)
    known = {
        file: places[label] for file, label in zip(dataset.files, dataset.labels.tolist(), strict=True) if label >= 0
    }
    labels = np.array([known.get(file, -1) for file in embeddings.table.files], np.int64)
    unknown = len(labels) - int((labels >= 0).sum())
    if unknown:
        emit(Said(message=f"simulate: {unknown} embedded images have no label in the dataset and are left out"))
    return labels


def _learner(config: SimulateConfig, world: World, dataset: Dataset | None) -> Learner:
    if config.learner == "probe":
        return Probe(world)
    if config.learner == "knn":
        return Neighbours(world)
    if dataset is None or config.checkpoint_path is None:
        raise InputError(f"--learner {config.learner}: trains on images; give --dataset-folder and --checkpoint-path")
    from barlowmatch.simulation.trained import Trained

    return Trained(world, dataset, config, config.dest_path / f"training-{config.shard.replace('/', '-of-')}")


def _run_trials(
    config: SimulateConfig, world: World, protocol: Protocol, learner: Learner, emit: Emit
) -> Sequence[Trial] | None:
    """Run or read every trial of this shard; return all trials when all are there."""
    first, parts = config.shard_pair
    work = [(name, repeat) for repeat in range(config.repeats) for name in config.strategy_list]
    common = {
        "version": VERSION, "world": world.fingerprint, "protocol": asdict(protocol), "learner": config.learner,
        "training": _training(config),
    }  # fmt: skip
    paths = {item: _trial_path(config.dest_path, common, *item) for item in work}
    mine = [item for item in work[first - 1 :: parts] if not paths[item].is_file()]
    rate = Rate("simulate", len(mine), emit, unit="trial")
    for trial in run_trials(Setting(world, protocol, learner), mine, _processes(config)):
        write_json(paths[trial.strategy, trial.repeat], trial.to_dict())
        rate.step()
    if not all(path.is_file() for path in paths.values()):
        return None
    return [Trial.from_dict(json.loads(path.read_text(encoding="utf-8"))) for path in paths.values()]


def _processes(config: SimulateConfig) -> int:
    """Return how many trials to run at once: a stage of training keeps all cores busy by itself."""
    return 1 if config.learner in ("classifier", "fixmatch") else config.threads or cores()


def _training(config: SimulateConfig) -> dict[str, Any] | None:
    """Return what a trained learner depends on besides."""
    if config.learner not in ("classifier", "fixmatch") or config.checkpoint_path is None:
        return None
    return {
        "checkpoint": content_hash(config.checkpoint_path), "epochs": config.learner_epochs, "views": config.views,
        "image_size": config.image_size, "fit": config.fit, "batch_size": config.batch_size,
        "precision": config.precision,
    }  # fmt: skip


def _trial_path(folder: Path, common: dict[str, Any], name: str, repeat: int) -> Path:
    """Return where a trial is kept: its name holds the hash of everything that it depends on."""
    content = json.dumps({**common, "strategy": name, "repeat": repeat}, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return folder / "trials" / f"{name}-{repeat}-{digest}.json"
