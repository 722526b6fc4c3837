"""Backbones: the stems, the shapes, and weights of other libraries."""

from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import nn

from barlowmatch.errors import InputError
from barlowmatch.models.backbones import build_backbone, natural_stem
from barlowmatch.models.weights import has_own_stem, load_weights, read_weights


@pytest.mark.parametrize(("size", "resolution"), [(32, 4), (96, 3)])
def test_small_images_keep_their_resolution_in_the_stem(size: int, resolution: int) -> None:
    """The last stage sees 4×4 at 32 px (stride 8 in all) and 3×3 at 96 px (stride 32)."""
    backbone = build_backbone("resnet18", size, natural_stem(size))
    seen: list[torch.Size] = []
    backbone.layer4.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape))
    assert backbone(torch.zeros(2, 3, size, size)).shape == (2, 512)
    assert seen[0][-2:] == (resolution, resolution)
    assert backbone.conv1.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("name", "dimension"),
    [("resnet18_half", 256), ("resnet18_quarter", 128), ("wide_resnet50_2", 2048), ("mobilenet_v3_small", 576)],
)
def test_embeddings_have_the_width_the_backbone_says(name: str, dimension: int) -> None:
    backbone = build_backbone(name, 32, "small")
    assert backbone.dimension == dimension
    assert backbone(torch.zeros(2, 3, 32, 32)).shape == (2, dimension)


def test_timms_networks_are_taken_by_name() -> None:
    backbone = build_backbone("vit_tiny_patch16_224", 64, "small")
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, 192)


def test_torchvisions_transformers_are_made_for_the_images() -> None:
    backbone = build_backbone("vit_b_32", 64, "small")
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, 768)
    with pytest.raises(InputError, match="--backbone vit_b_32: cannot take images of 48 px"):
        build_backbone("vit_b_32", 48, "small")


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "mobilenetv4_conv_small_035", "ghostnet_050"])
def test_a_layer_that_widens_the_features_at_the_end_counts(name: str) -> None:
    backbone = build_backbone(name, 64, "small")
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, backbone.dimension)


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("googlenet", 64, "does not give one embedding an image"),
        ("inception_v3", 96, "cannot take images of 96 px"),
        ("squeezenet1_1", 64, "has no linear last layer"),
        ("maxvit_t", 224, "does not give one embedding an image"),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_a_network_that_gives_no_embedding_is_refused(name: str, size: int, said: str) -> None:
    with pytest.raises(InputError, match=f"--backbone {name}: {said}.*name another") as error:
        build_backbone(name, size, "small")
    assert "\n" not in str(error.value)


def test_looking_at_a_network_leaves_no_trace() -> None:
    """Statistics and random numbers are as if nobody had looked."""
    torch.manual_seed(0)
    backbone = build_backbone("mobilenet_v3_small", 64, "small")
    after = torch.rand(1)
    torch.manual_seed(0)
    reference = torchvision.models.mobilenet_v3_small(weights=None)
    assert torch.equal(after, torch.rand(1))
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, reference.state_dict()[name]), name


def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean resnet18"):
        build_backbone("resnet_18", 32, "small")


def torchvision_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return torchvision.models.resnet18(weights=None).state_dict()


@pytest.mark.parametrize("kind", ["plain", "wrapped", "safetensors"])
def test_torchvisions_weights_compute_what_torchvision_computes(tmp_path: Path, kind: str) -> None:
    state = torchvision_weights()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({"state_dict": {f"module.{n}": v for n, v in state.items()}} if kind == "wrapped" else state, path)
    tensors = read_weights(path)
    assert has_own_stem(tensors)
    backbone = build_backbone("resnet18", 64, "own").eval()
    load_weights(backbone, tensors, path)
    reference = torchvision.models.resnet18(weights=None)
    reference.load_state_dict(state)
    reference.fc = nn.Identity()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(backbone(images), reference.eval()(images))


def test_dinov2s_names_are_understood(tmp_path: Path) -> None:
    """The hub's file has timm's names but for mask_token, and a position embedding of another grid."""
    backbone = build_backbone("vit_small_patch14_dinov2", 56, "own").eval()
    state = {name: value.clone() for name, value in backbone.state_dict().items()}
    torch.manual_seed(0)
    state["pos_embed"] = torch.randn(1, 1 + 37 * 37, 384)
    state["mask_token"] = torch.zeros(1, 384)
    torch.save(state, tmp_path / "dino.pt")
    load_weights(backbone, read_weights(tmp_path / "dino.pt"), tmp_path / "dino.pt")
    assert backbone.pos_embed.shape == (1, 1 + 4 * 4, 384)
    assert backbone(torch.zeros(1, 3, 56, 56)).shape == (1, 384)


def vision_transformer(image_size: int, width: int = 16) -> nn.Module:
    return torchvision.models.VisionTransformer(image_size, 16, 1, 2, width, 16)


def test_torchvisions_transformers_are_brought_to_the_size_of_the_images() -> None:
    state, backbone = vision_transformer(64).state_dict(), vision_transformer(96)
    backbone.heads = nn.Identity()
    load_weights(backbone, state, Path("w.pt"))
    grids = [held["encoder.pos_embedding"][0, 1:] for held in (state, backbone.state_dict())]
    for few, many in ((0, 0), (3, 5), (12, 30), (15, 35)):  # the corners of 4×4 and 6×6 patches
        torch.testing.assert_close(grids[0][few], grids[1][many])
    assert torch.equal(state["conv_proj.weight"], backbone.conv_proj.weight)
    with pytest.raises(InputError, match=r"has shape .*; name the network"):
        load_weights(backbone, vision_transformer(64, 32).state_dict(), Path("w.pt"))
    state["encoder.pos_embedding"] = state["encoder.pos_embedding"][:, :-1]
    with pytest.raises(InputError, match=r"encoder\.pos_embedding has shape"):
        load_weights(backbone, state, Path("w.pt"))


def test_a_norm_in_the_head_of_timms_network_belongs_to_the_backbone() -> None:
    state = timm.create_model("convnext_atto", num_classes=3).state_dict()
    state["head.norm.weight"] = torch.rand(320)
    backbone = build_backbone("convnext_atto", 32, "own")
    load_weights(backbone, state, Path("w.pt"))
    assert torch.equal(backbone.state_dict()["head.norm.weight"], state["head.norm.weight"])


@pytest.mark.parametrize("head", ["dino_head.mlp.0.weight", "projector.0.weight"])
def test_a_backbone_beside_the_heads_it_was_pretrained_with_is_found(tmp_path: Path, head: str) -> None:
    """As in DINOv2's teacher checkpoints, and in solo-learn's."""
    state = torchvision_weights()
    named = {f"backbone.{name}": value for name, value in state.items()}
    torch.save({"teacher": {**named, head: torch.zeros(2, 512)}}, tmp_path / "w.pt")
    backbone = build_backbone("resnet18", 64, "own")
    load_weights(backbone, read_weights(tmp_path / "w.pt"), tmp_path / "w.pt")
    assert torch.equal(backbone.state_dict()["conv1.weight"], state["conv1.weight"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weight: weight.to(torch.int8), "is of int8; weights are float16, bfloat16, float32 or float64"),
        (lambda weight: weight > 0, "is of bool; "),
        (lambda weight: weight.to(torch.complex64), "is of complex64; "),
        (lambda weight: torch.full_like(weight, torch.nan), "holds NaN or infinity"),
        (lambda weight: (weight.double() + 1) * 1e300, "holds NaN or infinity"),  # once it is float32
        (lambda weight: weight.to(torch.float8_e4m3fn), "is of float8_e4m3fn; "),  # its scale would stand elsewhere
    ],
)
def test_weights_that_no_network_computes_with_are_refused(
    change: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    """load_state_dict would cast them and say nothing."""
    backbone = convolution_and_norm()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    with pytest.raises(InputError, match=rf"w\.pt: 0\.weight {said}"):
        load_weights(backbone, {**before, "0.weight": change(before["0.weight"])}, Path("w.pt"))
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


def test_weights_that_were_saved_in_half_precision_are_taken_with_their_counters() -> None:
    state = {name: value.half() for name, value in convolution_and_norm().state_dict().items()}
    state["1.num_batches_tracked"] = torch.tensor(7e4).half()  # infinity
    backbone = convolution_and_norm()
    load_weights(backbone, state, Path("w.pt"))
    assert torch.equal(backbone.state_dict()["0.weight"], state["0.weight"].float())


def convolution_and_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_a_position_embedding_is_looked_at_before_it_is_resized() -> None:
    state = vision_transformer(64).state_dict()
    state["encoder.pos_embedding"] = state["encoder.pos_embedding"].to(torch.int8)
    with pytest.raises(InputError, match=r"w\.pt: encoder\.pos_embedding is of int8"):
        load_weights(vision_transformer(96), state, Path("w.pt"))


def test_an_index_that_a_network_computes_with_is_of_integers() -> None:
    """As torchvision's Swin transformers keep theirs."""
    backbone = nn.BatchNorm1d(3)
    backbone.register_buffer("index", torch.arange(3))
    state = {**backbone.state_dict(), "index": torch.tensor([2, 1, 0])}
    load_weights(backbone, state, Path("w.pt"))
    assert backbone.state_dict()["index"].tolist() == [2, 1, 0]
    with pytest.raises(InputError, match=r"w\.pt: index is of float32; it is an index of integers"):
        load_weights(backbone, {**state, "index": torch.rand(3)}, Path("w.pt"))


def test_weights_of_a_deeper_network_are_refused() -> None:
    """ResNet-34 has all tensors of ResNet-18, in the same shapes, and more."""
    state = torchvision.models.resnet34(weights=None).state_dict()
    with pytest.raises(InputError, match=r"w\.pt: has 96 tensors .* first layer1\.2\.conv1\.weight; .*--backbone"):
        load_weights(build_backbone("resnet18", 64, "own"), state, Path("w.pt"))


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    torch.save(torchvision_weights(), tmp_path / "w.pt")
    tensors = read_weights(tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"w\.pt: lacks .*--backbone"):
        load_weights(build_backbone("wide_resnet50_2", 64, "own"), tensors, tmp_path / "w.pt")
    with pytest.raises(InputError, match="shape"):
        load_weights(build_backbone("resnet18", 64, "medium"), tensors, tmp_path / "w.pt")
    for nothing in (torch.zeros(3), {1: torch.zeros(3)}, {"state_dict": {("a",): torch.zeros(3)}}):
        torch.save(nothing, tmp_path / "none.pt")
        with pytest.raises(InputError, match="no named tensors"):
            read_weights(tmp_path / "none.pt")
