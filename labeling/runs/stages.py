"""The stages that the app offers to run: what each is for, its form, what it starts from, and its command line."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from barlowmatch.configs.fields import parameters
from barlowmatch.configs.inference import EmbedConfig
from barlowmatch.configs.presets import PRESET_WORDS, PRESETS, as_said
from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig
from barlowmatch.runs.config_changes import upgraded
from barlowmatch.runs.names import EVENTS
from labeling.forms import read_form, words
from labeling.runs.manifests import MANIFEST
from storage.errors import Refused
from storage.splits import SplitCounts

HIDDEN = frozenset({
    "dataset_folder", "manifest", "train_split", "class_folders", "group_by", "strict", "cache_folder",
    "checkpoint_path", "run_dir", "resume", "train_from_start", "transfer_path", "best_path", "model_name",
    "out_path", "minutes", "preset",
})  # fmt: skip
"""Parameters that the app sets by itself, and `minutes`, which is asked for apart."""
EMBEDDINGS = "embeddings"
"""Folder in the run folder of `embed`."""
PLAIN = "standard"
"""The one preset of a stage without recipes."""


@dataclass(frozen=True)
class Stage:
    """A stage as the app offers it.

    Attributes:
        name: of the command.
        title: for people.
        start: words of the button that starts it.
        about: what it is for, in a sentence.
        config: class of its parameters.
        basic: parameters that are shown first.
        starts_from: stages whose checkpoint it may start from, the best first; newest of them wins for `embed`.
        start_flag: names that checkpoint on its command line.
        timed: whether it takes `--minutes`.
    """

    name: str
    title: str
    start: str
    about: str
    config: type
    basic: tuple[str, ...]
    starts_from: tuple[str, ...]
    start_flag: str = "--transfer-path"
    timed: bool = True

    @property
    def presets(self) -> Mapping[str, Callable[[], Any]]:
        """The recipes of its parameters by name."""
        return PRESETS.get(self.config, {PLAIN: self.config})


STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "pretrain", "Pretrain", "Start pretraining",
            "Learns what the images have in common, without any label; started again, it goes on from there.",
            PretrainConfig, ("views", "image_size", "num_epochs", "least_steps", "batch_size"), ("pretrain",),
            "--weights",
        ),
        Stage(
            "train-classifier", "Train the classifier", "Start training the classifier",
            "Learns the classes from the labels there are.",
            ClassifyConfig, ("views", "num_epochs", "least_steps", "batch_size", "fine_tune"), ("pretrain",),
        ),
        Stage(
            "fixmatch", "FixMatch", "Start FixMatch",
            "Goes on with the unlabeled images too: what the model is sure of teaches it.",
            FixMatchConfig, ("views", "num_epochs", "least_steps", "batch_size", "threshold"),
            ("train-classifier", "pretrain"),
        ),
        Stage(
            "embed", "Embed", "Start embedding",
            "Describes every image by numbers, so that images can be compared and asked for.",
            EmbedConfig, ("batch_size", "number_format"), ("fixmatch", "train-classifier", "pretrain"),
            "--checkpoint-path", timed=False,
        ),
    )
}  # fmt: skip

ABOUT_PRESETS = {**PRESET_WORDS, PLAIN: "There is nothing to choose."}


def find_stage(name: str) -> Stage:
    """Return a stage by name.

    Raises:
        Refused: there is none of this name.
    """
    if name not in STAGES:
        raise Refused(f"no stage {name!r}", "stage", f"the stages are {', '.join(STAGES)}", "invalid")
    return STAGES[name]


def fitting_preset() -> str:
    """Return the preset that suits this machine."""
    if shutil.which("nvidia-smi") is not None:  # what would know, torch, is too heavy to be loaded here
        return "small-images"
    return "laptop" if (os.cpu_count() or 1) >= 8 else "quick"


def images_to_learn_from(stage: Stage, counts: SplitCounts) -> int:
    """Return how many images a batch of a stage may hold; FixMatch takes its few labeled ones again and again."""
    return counts.labeled if stage.name == "train-classifier" else counts.learnable


def base_config(stage: Stage, preset: str, counts: SplitCounts, views: Mapping[str, Any]) -> Any:
    """Return a preset's config as it fits a dataset: no batch larger than the images, and the project's views.

    Args:
        stage: whose config.
        preset: recipe to start from.
        counts: of the dataset.
        views: fields that the answers about the user's pictures decide (`labeling.runs.views.view_flags`).

    Raises:
        Refused: the stage has no such preset.
    """
    if preset not in stage.presets:
        raise Refused(f"no preset {preset!r}", "preset", f"there are {', '.join(stage.presets)}", "invalid")
    config = stage.presets[preset]()
    fitted: dict[str, Any] = {}
    available = images_to_learn_from(stage, counts)
    if config.batch_size is not None and 2 <= available < config.batch_size:
        fitted["batch_size"] = available
    fitted |= {name: value for name, value in views.items() if hasattr(config, name)}
    return replace(config, **fitted)


def entered_config(base: Any, values: Mapping[str, Any], minutes: float | None) -> Any:
    """Return a config with the values of a form.

    Raises:
        Refused: a value does not fit; it names the field.
    """
    config = read_form(as_said(base, map(_flag, values)), values, hidden=HIDDEN)
    if minutes is None:
        return config
    if not hasattr(config, "minutes"):
        raise Refused("this stage takes as long as it takes", "minutes", "leave the minutes out", "invalid")
    return read_form(config, {"minutes": minutes})


def command_words(stage: Stage, preset: str, config: Any, folder: Path, checkpoint: Path | None) -> list[str]:
    """Return the words after `-m` of a run's command line.

    Args:
        stage: what is run.
        preset: recipe that the config started from.
        config: its parameters.
        folder: the run folder, with the manifest.
        checkpoint: what it starts from, None for nothing.
    """
    recipe = [] if preset == PLAIN else ["--preset", preset]
    found = ["barlowmatch", stage.name, *recipe, *_beside((), config, stage.presets[preset]())]
    found += ["--manifest", str(folder / MANIFEST)]
    found += [stage.start_flag, str(checkpoint)] if checkpoint is not None else []
    if stage.timed:
        return [*found, "--run-dir", str(folder), "--resume", "auto"]
    return [*found, "--out-path", str(folder / EMBEDDINGS), "--events", str(folder / EVENTS)]


def words_as_begun(stage: Stage, preset: str, command: Sequence[str], begun: Mapping[str, Any]) -> list[str]:
    """Return a command line that also names what its preset stood for when the run began and no longer does.

    Args:
        stage: what is run.
        preset: recipe that the command names.
        command: the words that the run was started with; what they name stays.
        begun: all parameters that it began with, as its `config.json` has them.
    """
    recipe = stage.presets[preset]()
    then = upgraded(begun)
    implied = {
        parameter.name: then[parameter.name]
        for parameter in parameters(recipe)
        if parameter.name in then and parameter.name not in HIDDEN and not _names(command, parameter.flag)
    }
    return [*command, *_beside(command, read_form(recipe, implied), recipe)]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _beside(command: Sequence[str], config: Any, recipe: Any) -> list[str]:
    """Return the words that, behind a command of this recipe, make it the command of a config."""
    return words(config, as_said(recipe, [*command, *words(config, recipe)]))


def _names(command: Sequence[str], flag: str) -> bool:
    return flag in command or flag.replace("--", "--no-", 1) in command
