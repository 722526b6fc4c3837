"""From what a stage starts with (a checkpoint, the user's weights, or nothing) to its network."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from barlowmatch.checkpoints import Checkpoint, load_checkpoint
from barlowmatch.configs.training import ClassifierOptions, PretrainConfig, usual_projector
from barlowmatch.data.classes import ImageClass, places_among
from barlowmatch.errors import ForeignFileError, InputError
from barlowmatch.events import Emit, Said
from barlowmatch.models.backbones import natural_stem
from barlowmatch.models.heads import classifier_width, keep_known_classes
from barlowmatch.models.network import Architecture, Network, seeded_network
from barlowmatch.models.weights import has_own_stem, load_weights, read_weights
from barlowmatch.stages.images import Images

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def load_trained(path: Path) -> Checkpoint:
    """Read a checkpoint whose network is to be built.

    Nothing in it is taken on trust: a file of a kilobyte may ask for a network of terabytes.

    Raises:
        InputError: it cannot be read, lacks what says which network it holds, or asks for a larger one than it holds.
    """
    checkpoint = load_checkpoint(path)
    for name, kind in (("stage", str), ("config", dict), ("classes", list), ("architecture", dict), ("backbone", dict)):
        if not isinstance(checkpoint.get(name), kind):
            raise InputError(f"{path}: a damaged checkpoint, without its {name}; make it anew")
    average = checkpoint.get("ema") or {}
    if not (isinstance(average, dict) and all(isinstance(name, str) for name in average)):
        raise InputError(f"{path}: a damaged checkpoint, whose average has no names; make it anew")
    for item in checkpoint["classes"]:
        if not (isinstance(item, dict) and isinstance(item.get("id"), int) and isinstance(item.get("name"), str)):
            raise InputError(f"{path}: a damaged checkpoint, with a class that has no id or no name; make it anew")
    try:
        architecture = Architecture.from_dict(checkpoint["architecture"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for part, width in (("projector", architecture.projector_width), ("classifier", architecture.classifier_width)):
        tensors = checkpoint.get(part, {})
        held = sum(value.numel() for value in tensors.values() if isinstance(value, Tensor))
        if held < width**2:  # each has two layers of width × width
            raise InputError(f"{path}: a damaged checkpoint, its {part} is not {width:,} wide as it says; make it anew")
    return checkpoint


def as_used(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint whose network is the one to use: the averaged model where there is one.

    What it is judged and applied by is also what another run begins with; only the run itself goes on from the other.
    """
    ema = checkpoint.get("ema")
    if not ema:
        return checkpoint
    averaged: Checkpoint = {}
    for part in checkpoint.keys() & {"backbone", "projector", "classifier"}:
        prefix = f"module.{part}."
        averaged[part] = {name.removeprefix(prefix): value for name, value in ema.items() if name.startswith(prefix)}
    return {**checkpoint, **averaged}


def classes_in(checkpoint: Checkpoint) -> list[ImageClass]:
    """Return the classes that a checkpoint's network knows, in the order of its logits."""
    return [ImageClass(item["id"], item["name"]) for item in checkpoint["classes"]]


def refuse_other_backbone(wanted: str | None, held: Architecture, path: Path | None) -> None:
    """Refuse a checkpoint whose backbone is another one than the flags name.

    Raises:
        InputError: it is.
    """
    if wanted not in (None, held.backbone):
        raise InputError(
            f"{path}: holds the backbone {held.backbone}, the flags ask for {wanted}; leave --wide and --backbone out"
        )


@dataclass(frozen=True)
class Origin:
    """What a network starts from.

    Attributes:
        checkpoint: of an earlier stage; None where there is none.
        path: the file of checkpoint or weights, for messages.
        weights: tensors of a backbone the user brought.
    """

    checkpoint: Checkpoint | None = None
    path: Path | None = None
    weights: dict[str, Tensor] | None = None

    @property
    def architecture(self) -> Architecture | None:
        """The architecture a checkpoint prescribes."""
        return None if self.checkpoint is None else Architecture.from_dict(self.checkpoint["architecture"])


def read_origin(config: PretrainConfig | ClassifierOptions) -> Origin:
    """Read the checkpoint of `--transfer-path` or the file of `--weights`; one of our checkpoints is taken by both.

    Raises:
        InputError: both are given, the file cannot be read, or it holds another backbone than the flags say.
    """
    transfer = getattr(config, "transfer_path", None)
    if transfer is not None and config.weights is not None:
        raise InputError("--transfer-path and --weights: give one of them, not both")
    if transfer is not None:
        origin = Origin(as_used(load_trained(transfer)), transfer)
    elif config.weights is not None:
        origin = _read_weights(config.weights)
    else:
        origin = Origin()
    if origin.architecture is not None:
        refuse_other_backbone(config.backbone, origin.architecture, origin.path)
    return origin


def _read_weights(path: Path) -> Origin:
    """Read weights; a checkpoint of ours brings its architecture and the statistics it was trained with."""
    if path.suffix != ".safetensors":
        with suppress(ForeignFileError):
            return Origin(as_used(load_trained(path)), path)
    return Origin(path=path, weights=read_weights(path))


def backbone_architecture(config: PretrainConfig | ClassifierOptions, origin: Origin, images: Images) -> Architecture:
    """Return backbone and input of the network, without heads."""
    if origin.architecture is not None:
        deep = images.pixels.sixteen_bit_range  # the origin's, or if it never saw such pictures, what holds from now on
        return replace(origin.architecture, projector_width=0, classifier_width=0, sixteen_bit_range=deep)
    foreign = origin.weights is not None
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if foreign else images.statistics(config.seed)
    own_stem = origin.weights is not None and has_own_stem(origin.weights)
    return Architecture(
        backbone=config.backbone or "resnet18",
        stem="own" if own_stem else natural_stem(images.size),
        image_size=images.size,
        fit=images.pixels.fit,
        mean=mean,
        std=std,
        sixteen_bit_range=images.pixels.sixteen_bit_range,
    )


def build_pretraining_network(config: PretrainConfig, origin: Origin, images: Images) -> Network:
    """Return the network of pretraining: the origin's backbone, if any, and its projector where that is as wide.

    A fresh one would first turn the backbone to what it happens to see in it: pretraining that goes on loses by that.
    """
    width = config.projector_width or usual_projector(config.backbone)
    architecture = replace(backbone_architecture(config, origin, images), projector_width=width)
    network = seeded_network(architecture, 0, config.seed)
    _fill_backbone(network, origin)
    if origin.architecture is not None and origin.architecture.projector_width == width:
        _fill_projector(network, origin)
    return network


def build_classifying_network(
    config: ClassifierOptions, origin: Origin, images: Images, classes: Sequence[ImageClass], emit: Emit
) -> Network:
    """Return the network of classification: the origin's backbone, and its classifier as far as classes survive."""
    old = origin.architecture
    has_classifier = origin.checkpoint is not None and "classifier" in origin.checkpoint
    width = config.classifier_width or (
        old.classifier_width if old and has_classifier else classifier_width(len(classes))
    )
    if has_classifier and old is not None and width != old.classifier_width:
        raise InputError(
            f"{origin.path}: its classifier is {old.classifier_width} wide, --classifier-width asks for {width}; "
            "leave the flag out"
        )
    architecture = replace(
        backbone_architecture(config, origin, images), classifier_width=width, dropout=config.dropout
    )
    network = seeded_network(architecture, len(classes), config.seed)
    _fill_backbone(network, origin)
    if has_classifier:
        _fill_classifier(network, origin, classes, emit)
    if origin.path is None:
        emit(Said(message="no --transfer-path or --weights: the backbone starts untrained", level="warning"))
    return network


def knows_all(origin: Origin, classes: Sequence[ImageClass]) -> bool:
    """Say whether a network of classification begins with a classifier that knows all classes."""
    if origin.checkpoint is None or "classifier" not in origin.checkpoint:
        return False
    return min(_beginnings(classes_in(origin.checkpoint), classes)) >= 0


def restore_network(checkpoint: Checkpoint, path: Path) -> Network:
    """Return the network of a checkpoint for use: the averaged model where the checkpoint has one.

    Raises:
        InputError: the tensors do not fit the architecture the checkpoint names.
    """
    architecture = Architecture.from_dict(checkpoint["architecture"])
    network = seeded_network(architecture, len(checkpoint["classes"]), 0)
    try:
        network.load_parts(as_used(checkpoint))
    except (RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: its tensors do not fit the network it names ({_first_line(error)})") from error
    return network


def _fill_backbone(network: Network, origin: Origin) -> None:
    if origin.weights is not None:
        assert origin.path is not None
        load_weights(network.backbone, origin.weights, origin.path)
    elif origin.checkpoint is not None:
        try:
            network.backbone.load_state_dict(origin.checkpoint["backbone"])
        except RuntimeError as error:
            raise InputError(f"{origin.path}: its tensors do not fit its backbone ({_first_line(error)})") from error


def _fill_projector(network: Network, origin: Origin) -> None:
    assert network.projector is not None
    assert origin.checkpoint is not None
    try:
        network.projector.load_state_dict(origin.checkpoint["projector"])
    except RuntimeError as error:
        raise InputError(f"{origin.path}: its tensors do not fit its projector ({_first_line(error)})") from error


@torch.no_grad()
def _fill_classifier(network: Network, origin: Origin, classes: Sequence[ImageClass], emit: Emit) -> None:
    checkpoint = origin.checkpoint
    assert network.classifier is not None
    assert checkpoint is not None
    state, known = dict(checkpoint["classifier"]), classes_in(checkpoint)
    try:
        weight, bias = state.pop("last.weight"), state.pop("last.bias")
        network.classifier.hidden.load_state_dict({name.removeprefix("hidden."): held for name, held in state.items()})
        weight = weight.view(len(known), network.architecture.classifier_width)
        kept = keep_known_classes(network.classifier.last, weight, bias.view(len(known)), _beginnings(known, classes))
    except (RuntimeError, KeyError) as error:
        raise InputError(f"{origin.path}: its tensors do not fit its classifier ({_first_line(error)})") from error
    if kept < len(classes):
        emit(Said(message=f"{len(classes) - kept} of {len(classes)} classes are new to the classifier and start fresh"))


def _beginnings(known: Sequence[ImageClass], today: Sequence[ImageClass]) -> list[int]:
    """Return the place among known classes of each of today's, and where none has its name, of the one of its id.

    Such a class was renamed, or is another one: no place to apply a network from, but one to learn from.
    """
    places = places_among(known, today)
    left = {item.id: place for place, item in enumerate(known) if place not in places}
    return [left.get(item.id, -1) if place < 0 else place for place, item in zip(places, today, strict=True)]


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
