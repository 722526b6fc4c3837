"""Weights the user brings: safetensors or a plain state dict, with the key names of torchvision, timm or DINOv2."""

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from barlowmatch.checkpoints import load_plain
from barlowmatch.command_line.inputs import need_weights
from barlowmatch.errors import InputError

WRAPPERS = ("state_dict", "model", "model_state_dict", "teacher", "student", "backbone")
PREFIXES = ("module.", "model.", "backbone.", "encoder.", "_orig_mod.", "teacher.", "student.")
WEIGHTS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COUNTER = "num_batches_tracked"
"""Ends the name of a count that batch norms keep, and that old files lack."""
HEADS = ("fc.", "classifier.", "head.", "heads.", "projector.", "last_layer.", "mask_token", "dino_head.", "ibot_head.")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a weights file by name, without wrappers and prefixes.

    Raises:
        InputError: missing, damaged, or without tensors.
    """
    content: Any
    if path.suffix == ".safetensors":
        content = _read_safetensors(path)
    else:
        content = load_plain(path)
        for wrapper in WRAPPERS:
            if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
                content = content[wrapper]
    tensors = (
        {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
        if isinstance(content, dict)
        else {}
    )
    if not tensors:
        raise InputError(f"{path}: holds no named tensors; give a state dict or a safetensors file")
    while prefix := _common_prefix(tensors):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def _common_prefix(names: Iterable[str]) -> str | None:
    """Return a known prefix that all names begin with, but for those of heads beside the backbone."""
    own = [name for name in names if not name.startswith(HEADS)]
    return next((prefix for prefix in PREFIXES if own and all(name.startswith(prefix) for name in own)), None)


def load_weights(backbone: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put the user's tensors into a backbone; its final layer, if the file has one, is left out.

    Raises:
        InputError: a tensor of the backbone is missing in the file, has another shape, or is not of finite
            floating-point numbers, or the file has more blocks; the line names it.
    """
    wanted = backbone.state_dict()
    needed = {name: value for name, value in tensors.items() if name in wanted or not name.startswith(HEADS)}
    _check_values(wanted, needed, path)
    given = _renamed(backbone, needed)
    _check_values(wanted, {name: value for name, value in given.items() if value is not needed.get(name)}, path)
    missing = [name for name in wanted if name not in given and not name.endswith(COUNTER)]
    if missing:
        raise InputError(
            f"{path}: lacks {len(missing)} of the backbone's {len(wanted)} tensors, first {missing[0]}; "
            "name the network these weights belong to with --backbone"
        )
    for name in wanted.keys() & given.keys():
        if wanted[name].shape != given[name].shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(given[name].shape)}, the backbone wants {tuple(wanted[name].shape)}; "
                "name the network these weights belong to with --backbone"
            )
    kinds = {_kind(name) for name in wanted}
    more = [name for name in given if name not in wanted and _kind(name) in kinds]
    if more:
        raise InputError(
            f"{path}: has {len(more)} tensors of blocks that the backbone lacks, first {more[0]}; "
            "name the network these weights belong to with --backbone"
        )
    backbone.load_state_dict({name: given.get(name, value) for name, value in wanted.items()})


def _check_values(wanted: dict[str, Tensor], given: dict[str, Tensor], path: Path) -> None:
    """Refuse what a backbone cannot compute with; `load_state_dict` would cast it and say nothing.

    Raises:
        InputError: a tensor is of another kind of numbers, or not finite in the backbone's arithmetic.
    """
    for name in wanted.keys() & given.keys():
        value, dtype = given[name], str(given[name].dtype).removeprefix("torch.")
        if name.endswith(COUNTER):  # nothing is computed with it, and whoever halves all of a file halves it too
            continue
        if not wanted[name].is_floating_point():
            if value.is_floating_point() or value.is_complex():
                raise InputError(f"{path}: {name} is of {dtype}; it is an index of integers")
        elif value.dtype not in WEIGHTS:
            raise InputError(
                f"{path}: {name} is of {dtype}; weights are float16, bfloat16, float32 or float64: "
                "give the file they were quantized from"
            )
        elif not value.to(wanted[name].dtype).isfinite().all():
            raise InputError(f"{path}: {name} holds NaN or infinity; give weights from before their training failed")


def _kind(name: str) -> str:
    """Return the name of a tensor without the numbers that tell a network's blocks apart."""
    return ".".join("" if part.isdigit() else part for part in name.split("."))


def has_own_stem(tensors: dict[str, Tensor]) -> bool:
    """Say whether a ResNet's weights come with the 7×7 first convolution of their authors."""
    first = tensors.get("conv1.weight")
    return first is None or first.shape[-1] == 7


def _renamed(backbone: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring DINOv2's names to timm's, and position embeddings to the size of the images, by their libraries' own ways.

    What these cannot bring is left as it is.
    """
    if "pos_embed" in tensors and hasattr(backbone, "patch_embed"):
        from timm.models.vision_transformer import checkpoint_filter_fn

        converted: dict[str, Tensor] = checkpoint_filter_fn(tensors, backbone)  # type: ignore[arg-type]
        return converted
    if "encoder.pos_embedding" in tensors and isinstance(backbone, VisionTransformer):
        with suppress(ValueError):  # one for each image, or none for a square
            tensors = interpolate_embeddings(backbone.image_size, backbone.patch_size, OrderedDict(tensors))
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    need_weights(path)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file or damaged ({error})") from error
    return tensors
