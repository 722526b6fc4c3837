"""The network of every stage: input normalisation, backbone, and what stands on it."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, get_args

import torch
from torch import Tensor, nn

from barlowmatch.configs.shared import LARGEST_NAMED_SIZE
from barlowmatch.errors import InputError
from barlowmatch.models.backbones import Stem, build_backbone
from barlowmatch.models.heads import Classifier, build_projector
from barlowmatch.randomness import SampleRandom


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """All that is needed to build a network and to feed it: plain values, kept in every checkpoint.

    Attributes:
        backbone: name of the backbone.
        stem: its stem.
        image_size: side of the images in px.
        fit: how pictures become square (`pad`, `crop`, `squash`).
        mean: mean of the images' channels, in [0, 1].
        std: their standard deviation.
        projector_width: width of the projector; 0 = no projector.
        classifier_width: width of the classifier; 0 = no classifier.
        dropout: its dropout rate.
        sixteen_bit_range: intensities that became 0 and 255 in deep grey pictures; None: there were none.
    """

    backbone: str
    stem: Stem
    image_size: int
    fit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    projector_width: int = 0
    classifier_width: int = 0
    dropout: float = 0.0
    sixteen_bit_range: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Architecture":
        """Read what `to_dict` wrote.

        Raises:
            InputError: a field is missing or has a value that no network of ours has.
        """
        known = {item.name for item in fields(cls)}
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known
        }
        missing = [item.name for item in fields(cls) if item.default is MISSING and item.name not in plain]
        if missing:
            raise InputError(f"a damaged checkpoint, whose network has no {missing[0]}; make it anew")
        wrong = [name for name, value in plain.items() if not _PLAUSIBLE[name](value)]
        if wrong:
            raise InputError(f"a damaged checkpoint, whose network has the {wrong[0]} {plain[wrong[0]]}; make it anew")
        return cls(**plain)


def _are_numbers(value: Any, count: int) -> bool:
    given = isinstance(value, tuple) and len(value) == count
    return given and all(isinstance(number, (int, float)) for number in value)


def _is_width(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


_PLAUSIBLE: dict[str, Callable[[Any], bool]] = {
    "backbone": lambda value: isinstance(value, str),
    "stem": lambda value: value in get_args(Stem),
    "image_size": lambda value: isinstance(value, int) and 1 <= value <= LARGEST_NAMED_SIZE,
    "fit": lambda value: value in ("pad", "crop", "squash"),
    "mean": lambda value: _are_numbers(value, 3),
    "std": lambda value: _are_numbers(value, 3),
    "projector_width": _is_width,
    "classifier_width": _is_width,
    "dropout": lambda value: isinstance(value, (int, float)) and 0 <= value < 1,
    "sixteen_bit_range": lambda value: value is None or _are_numbers(value, 2),
}
"""What each field of an architecture may be in a file that nobody vouches for."""


class Network(nn.Module):
    """Images (N, 3, H, W) in [0, 1] → embeddings (N, D) → projections or logits.

    Attributes:
        backbone: images to embeddings.
        projector: for pretraining, else None.
        classifier: once there are classes, else None.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture, classes: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = build_backbone(architecture.backbone, architecture.image_size, architecture.stem)
        dimension = int(self.backbone.dimension)  # type: ignore[arg-type]
        self.dimension = dimension
        self.projector = (
            build_projector(dimension, architecture.projector_width) if architecture.projector_width else None
        )
        self.classifier = (
            Classifier(dimension, architecture.classifier_width, classes, architecture.dropout)
            if architecture.classifier_width
            else None
        )
        shape = (1, len(architecture.mean), 1, 1)
        self.register_buffer("mean", torch.tensor(architecture.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(architecture.std).view(shape), persistent=False)

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings (N, D) of images (N, 3, H, W) in [0, 1]."""
        normalised = (images - self.mean) / self.std
        result: Tensor = self.backbone(normalised.contiguous(memory_format=torch.channels_last))
        return result

    def project(self, images: Tensor) -> Tensor:
        """Return the projections (N, width) that Barlow Twins compares."""
        assert self.projector is not None, "a network for pretraining has a projector"
        result: Tensor = self.projector(self.embed(images))
        return result

    def classify(self, images: Tensor, random: SampleRandom | None = None) -> Tensor:
        """Return logits (N, C); `random` draws the dropout masks in training."""
        assert self.classifier is not None, "a network for classification has a classifier"
        result: Tensor = self.classifier(self.embed(images), random)
        return result

    def parts(self) -> dict[str, dict[str, Tensor]]:
        """Return the weights of backbone and heads, as a checkpoint holds them."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_parts(self, checkpoint: Mapping[str, Any]) -> None:
        """Take over the weights of backbone and heads that a checkpoint holds."""
        for name, part in self._parts().items():
            part.load_state_dict(checkpoint[name])

    def _parts(self) -> dict[str, nn.Module]:
        found = {"backbone": self.backbone, "projector": self.projector, "classifier": self.classifier}
        return {name: part for name, part in found.items() if part is not None}


def seeded_network(architecture: Architecture, classes: int, seed: int) -> Network:
    """Return a network whose initial weights depend on `seed` alone; torch's global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(architecture, classes)
