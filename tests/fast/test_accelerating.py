"""Networks made faster: which layers go which way, and that all else about them stays."""

import copy
import pickle
from collections import Counter

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from barlowmatch.fast.accelerating import accelerate
from barlowmatch.models.backbones import build_backbone

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("bfloat16", "native", "ways"),
    [
        (False, "amx_tile", {"WinogradConvolution": 14}), (True, "amx_tile", {"Im2colConvolution": 13}),
        (True, "avx512_bf16", {"Im2colConvolution": 13}), (True, None, {}),
    ],
)  # fmt: skip
def test_convolutions_and_norms_go_our_own_ways_on_a_cpu(
    bfloat16: bool, native: str | None, ways: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    for instructions in ("amx_tile", "avx512_bf16"):
        has_them = instructions == native
        monkeypatch.setattr(torch.cpu, f"_is_{instructions}_supported", lambda has_them=has_them: has_them)
    network = build_backbone("resnet18_half", 32, "small")
    accelerate(network, CPU, bfloat16=bfloat16)
    plain = {"Conv2d": 20 - sum(ways.values())}
    names = [type(layer).__name__ for layer in network.modules() if isinstance(layer, (nn.Conv2d, BasicBlock, ResNet))]
    assert Counter(names) == ways | plain | {"FusedBasicBlock": 8, "FusedResNet": 1}


def test_a_device_that_there_is_nothing_for_gets_torchs_own() -> None:
    network = build_backbone("resnet18_quarter", 32, "small")
    before = [type(layer) for layer in network.modules()]
    accelerate(network, torch.device("mps"), bfloat16=False)
    assert [type(layer) for layer in network.modules()] == before


@pytest.mark.parametrize("bfloat16", [False, True])
def test_names_weights_and_hooks_stay_and_copies_go_the_same_ways(
    bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    network = build_backbone("resnet18_half", 32, "small")
    parts = [*network.modules()]
    before, weights = network.state_dict(keep_vars=True), [*network.parameters()]
    called = []
    network.layer3[0].conv1.register_forward_hook(lambda *_: called.append(1))
    accelerate(network, CPU, bfloat16=bfloat16)
    assert all(one is other for one, other in zip(network.modules(), parts, strict=True))
    assert all(one is other for one, other in zip(network.parameters(), weights, strict=True))
    after = network.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    network(torch.rand(2, 3, 32, 32))
    assert called == [1]
    network.layer3[0].conv1._forward_hooks.clear()  # which a function of this test would keep from being pickled
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert [type(layer) for layer in copied.modules()] == [type(layer) for layer in network.modules()]
