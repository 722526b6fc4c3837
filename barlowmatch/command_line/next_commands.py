"""What to run next: the order of the commands, and lines that say again what was said to the one that has ended.

Some of it is said to one command and needed by a later one: the recipe and the checkpoint by `train-classifier`, with
`embed`, `select` and `create-dataset` between. It is carried along in the files these leave: in `meta.json` of the
embeddings, and in `request.json` beside the request.
"""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from barlowmatch.configs.create_dataset import CreateDatasetConfig
from barlowmatch.configs.fields import parameters
from barlowmatch.configs.inference import EmbedConfig, EvaluateConfig, PredictConfig
from barlowmatch.configs.select import SelectConfig
from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig

Said = Mapping[str, Any]
"""Values of parameters by name."""

_CONFIGS: Mapping[str, type] = {
    "pretrain": PretrainConfig, "embed": EmbedConfig, "select": SelectConfig, "create-dataset": CreateDatasetConfig,
    "train-classifier": ClassifyConfig, "fixmatch": FixMatchConfig, "evaluate": EvaluateConfig,
    "predict": PredictConfig,
}  # fmt: skip
_IMAGES = ("dataset_folder", "manifest", "class_folders", "group_by", "train_split", "val_share", "fit", "cache_folder")
"""What says which images there are and how they are read; the same for every command."""
_TRAINING = ("preset", "views", "flip_x", "half_turns", "quarter_turns", "recolor")
"""What is said of a training and holds for the next one."""
_PATHS = ("dataset_folder", "manifest", "cache_folder", "checkpoint_path")
_OF_OLD_DATASET = ("manifest", "train_split", "checkpoint_path")
"""Of what is carried, what does not hold for the dataset that `create-dataset` wrote."""
CARRIED = "carried"
"""Under this name it stands in these files."""
NOTE = "request.json"
_MOST_ASKED = 100


def next_lines(name: str, config: Any, result: Mapping[str, Any]) -> list[str]:
    """Return what a command ends with: the next one to run, word for word, and what has to be done before.

    Args:
        name: of the command that has ended as planned.
        config: its parameters.
        result: what it returned.
    """
    images, lines = _said(config, _IMAGES), list[str]()
    if getattr(config, "json", False):
        return lines  # a program reads what it prints
    match name:
        case "inspect":
            begin = {"preset": "quick", "minutes": 20, "checkpoint_path": _free("pretrained")}
            lines = [_next("pretrain", images | begin)]
        case "pretrain":
            lines = [_next("embed", images | {"checkpoint_path": Path(result["checkpoint"])})]
        case "embed":
            lines = _after_embed(config, result)
        case "select":
            lines = _after_select(Path(result["file"]), config, result["carried"])
        case "create-dataset":
            lines = _after_create(images, result)
        case "train-classifier":
            begin = {"transfer_path": Path(result["best"]), "checkpoint_path": _free("fixmatch")}
            lines = [_next("fixmatch", images | _said(config, _TRAINING) | begin)]
        case "fixmatch":
            lines = _after_fixmatch(images | {"checkpoint_path": Path(result["best"])}, is_judged="val" in result)
    return lines


def carried_by(config: EmbedConfig, trained_by: Said) -> dict[str, Any]:
    """Return what embeddings carry along, as plain values.

    Args:
        config: of `embed`.
        trained_by: parameters of the stage that trained the checkpoint.
    """
    training = {name: trained_by[name] for name in _TRAINING if trained_by.get(name) is not None}
    said = {**_said(config, _IMAGES), **training, "checkpoint_path": config.checkpoint_path}
    return {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in said.items()}


def carried_in(found: Any) -> dict[str, Any]:
    """Return what a file carries along, {} where it carries nothing that can be read: it costs a hint, no work.

    Args:
        found: content of the file.
    """
    carried = found.get(CARRIED) if isinstance(found, dict) else None
    if not isinstance(carried, dict):
        return {}
    plain = {name: value for name, value in carried.items() if isinstance(value, (str, int, float))}
    return {name: Path(str(value)) if name in _PATHS else value for name, value in plain.items()}


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _after_embed(config: EmbedConfig, result: Mapping[str, Any]) -> list[str]:
    askable = result["askable"]
    if askable:
        asked = {"strategy": "auto", "budget": min(_MOST_ASKED, (askable + 1) // 2)}
        return [_next("select", {"representations_path": config.out_path, **asked})]
    begin = {"transfer_path": config.checkpoint_path, "checkpoint_path": _free("classifier")}
    said = _said(config, _IMAGES) | {name: result["carried"].get(name) for name in _TRAINING} | begin
    return ["every image has a label: nothing is left to ask for", _next("train-classifier", said)]


def _after_select(request: Path, config: SelectConfig, carried: Said) -> list[str]:
    labels = request.with_name("labels.csv")
    todo = (
        f"now label the images in {_shown(request)}: write {_shown(labels)} with the columns file,label, a line for "
        "each image, its file as the request names it"
    )
    return [todo, _next("create-dataset", {**carried, "label_request_path": config.dest_path}, "then")]


def _after_create(images: Said, result: Mapping[str, Any]) -> list[str]:
    carried = carried_in(_content(Path(result["request"]).with_name(NOTE)))
    checkpoint = carried.get("checkpoint_path")
    same = {name: value for name, value in {**carried, **images}.items() if name not in _OF_OLD_DATASET}
    said = {**same, "dataset_folder": Path(result["out_path"])}
    begin = {"checkpoint_path": _free("classifier")}
    if checkpoint is None or not checkpoint.is_file():
        head = "next, with the checkpoint that pretrain wrote for CHECKPOINT"
        return [_next("train-classifier", {**said, "transfer_path": "CHECKPOINT", **begin}, head)]
    return [_next("train-classifier", {**said, "transfer_path": checkpoint, **begin})]


def _after_fixmatch(model: Said, *, is_judged: bool) -> list[str]:
    judged = [_next("evaluate", model)] if is_judged else []
    return [*judged, _next("predict", model), _next("embed", model, "for another round")]


def _said(config: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return those values of a config that are none of its class's defaults."""
    usual = {parameter.name: parameter.default for parameter in parameters(type(config))}
    return {name: getattr(config, name) for name in names if name in usual and getattr(config, name) != usual[name]}


def _next(command: str, said: Said, head: str = "next") -> str:
    """Return the line of a command; what it takes by itself, and what it does not know, is left out."""
    known = {parameter.name: parameter for parameter in parameters(_CONFIGS[command])}
    words = [_python(), "-m", "barlowmatch", command]
    for name, value in said.items():
        if name not in known or value is None or value == known[name].default:
            continue
        text = str(_near(value) if isinstance(value, Path) else value)
        # A word that begins like a flag would be taken for one.
        words += [f"{known[name].flag}={text}"] if text.startswith("-") else [known[name].flag, text]
    return f"{head}: {shlex.join(words)}"


def _python() -> str:
    """Return how Python was called, where it was called by hand."""
    return sys.orig_argv[0] if sys.orig_argv[1:3] == ["-m", "barlowmatch"] else "python"


def _free(stem: str) -> Path:
    """Return a name for a checkpoint whose run replaces no earlier one: that may be what the next run starts from."""
    number, path = 1, Path(f"{stem}.pt")
    while path.exists() or path.with_suffix(".run").exists():
        number += 1
        path = Path(f"{stem}-{number}.pt")
    return path


def _near(path: Path) -> Path:
    """Return a path as it is short to write from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def _shown(path: Path) -> str:
    return shlex.quote(str(_near(path)))
