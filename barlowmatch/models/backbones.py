"""Backbones: images to embeddings, by name, with the stem that suits the image size."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from barlowmatch.errors import InputError

Stem = Literal["small", "medium", "own"]

SMALL_IMAGE = 48
"""Images up to this side keep their resolution in the stem (stride 1, no max-pool)."""


class ThinResNet(ResNet):  # type: ignore[misc]
    """ResNet-18 with a fraction of the channels, for quick runs on a CPU."""

    def __init__(self, divisor: int) -> None:
        self._divisor = divisor
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.conv1 = nn.Conv2d(3, 64 // divisor, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64 // divisor)
        self.fc = nn.Linear(512 // divisor, 1)

    def _make_layer(self, block: type[BasicBlock | Bottleneck], planes: int, *args: Any, **named: Any) -> nn.Sequential:
        if planes == 64:  # the first stage: its input is the thin stem
            self.inplanes = 64 // self._divisor
        layer: nn.Sequential = super()._make_layer(block, planes // self._divisor, *args, **named)
        return layer


THIN = {"resnet18_half": 2, "resnet18_quarter": 4}


def natural_stem(image_size: int) -> Stem:
    """Return the stem for images of this side: small up to 48 px, else medium."""
    return "small" if image_size <= SMALL_IMAGE else "medium"


def build_backbone(name: str, image_size: int, stem: Stem) -> nn.Module:
    """Return an untrained backbone without its final layer; `backbone.dimension` is the width of its embeddings.

    ResNets get the method's 3×3 first convolution in place of 7×7: stride 1 and no max-pool in a `small` stem,
    stride 2 and max-pool in a `medium` one. An `own` stem leaves the network as its authors made it, for weights
    that were trained with it; other networks always keep theirs.

    Args:
        name: `resnet18`, `resnet18_half`, `resnet18_quarter`, `wide_resnet50_2`, any classification network of
            torchvision, else any of timm.
        image_size: side of the images in px.
        stem: which stem a ResNet gets.

    Raises:
        InputError: no such network, or one that cannot take images of this size.
    """
    backbone = _create(name, image_size)
    if isinstance(backbone, ResNet) and stem != "own":
        stride = 1 if stem == "small" else 2
        backbone.conv1 = nn.Conv2d(3, backbone.bn1.num_features, kernel_size=3, stride=stride, padding=1, bias=False)
        nn.init.kaiming_normal_(backbone.conv1.weight, mode="fan_out", nonlinearity="relu")
        if stem == "small":
            backbone.maxpool = nn.Identity()
    if not isinstance(backbone, ResNet):
        _check_embeddings(name, backbone, image_size)
    return backbone


def _create(name: str, image_size: int) -> nn.Module:
    if name in THIN:
        return _without_last_layer(name, ThinResNet(THIN[name]))
    if name in torchvision.models.list_models(module=torchvision.models):
        builder = torchvision.models.get_model_builder(name)
        return _without_last_layer(name, _of_size(name, partial(builder, weights=None), image_size=image_size))
    return _create_timm(name, image_size)


def _of_size(name: str, build: Callable[..., nn.Module], **size: int) -> nn.Module:
    """Return a network for images of a size; convolutional ones take any and have no such parameter."""
    try:
        return build(**size)
    except TypeError:
        return build()
    except (AssertionError, ValueError) as error:
        raise InputError(f"--backbone {name}: cannot take images of {max(size.values())} px ({error})") from error


def _without_last_layer(name: str, network: nn.Module) -> nn.Module:
    """Replace the final linear layer of a torchvision network, whatever it is called, by the identity."""
    for attribute in ("fc", "classifier", "heads", "head"):
        head = getattr(network, attribute, None)
        if head is None:
            continue
        linears = [module for module in head.modules() if isinstance(module, nn.Linear)]
        if not linears:
            continue
        network.dimension = linears[0].in_features  # type: ignore[assignment]
        setattr(network, attribute, nn.Flatten(1))
        return network
    raise InputError(f"--backbone {name}: has no linear last layer; name another, such as resnet18")


def _create_timm(name: str, image_size: int) -> nn.Module:
    import timm  # takes seconds to import

    if not timm.is_model(name):
        import difflib

        known = [*THIN, *torchvision.models.list_models(module=torchvision.models), *timm.list_models()]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; see timm.list_models()"
        raise InputError(f"--backbone {name}: unknown to torchvision and timm{hint}")
    network = _of_size(name, partial(timm.create_model, name, pretrained=False, num_classes=0), img_size=image_size)
    network.dimension = getattr(network, "head_hidden_size", None) or network.num_features
    return network


def _check_embeddings(name: str, network: nn.Module, image_size: int) -> None:
    """Refuse a network that in training gives anything but an embedding of each image, as with auxiliary outputs."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            # A copy: the statistics of batch norm would remember the zeros.
            output = copy.deepcopy(network)(torch.zeros(2, 3, image_size, image_size))
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"--backbone {name}: cannot take images of {image_size} px ({reason}); name another"
        ) from error
    if not isinstance(output, torch.Tensor) or output.shape != (2, network.dimension):
        raise InputError(f"--backbone {name}: does not give one embedding an image; name another, such as resnet18")
