"""ResNets whose norms go by passes of our own: where there are none they compute what they did (see test_norms.py)."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from barlowmatch.fast import winograd
from barlowmatch.fast.residual import fuse_norms, has_fused_norms
from barlowmatch.models.backbones import build_backbone
from barlowmatch.models.folding import fold_batch_norms


def pair(block: type[BasicBlock | Bottleneck] = BasicBlock) -> tuple[nn.Module, nn.Module]:
    """Return a network as it is built and the same one with fused norms, in float64."""
    torch.manual_seed(0)
    plain = ResNet(block, [2, 1, 1, 1]).double()
    fused = copy.deepcopy(plain)
    assert fuse_norms(fused) == 6
    return plain, fused


def images(seed: int) -> torch.Tensor:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_fused_networks_compute_the_same(block: type[BasicBlock | Bottleneck]) -> None:
    plain, fused = pair(block)
    assert has_fused_norms(fused)
    assert not has_fused_norms(plain)
    for step in range(2):
        for network in (plain, fused):
            network.zero_grad()
            network(images(step)).square().sum().backward()
        for one, other in zip(plain.parameters(), fused.parameters(), strict=True):
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-12, atol=1e-14)
    assert list(plain.state_dict()) == list(fused.state_dict())
    for one, other in zip(plain.buffers(), fused.buffers(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(fused.eval()(images(9)), plain.eval()(images(9)), rtol=1e-12, atol=1e-14)


def test_their_norms_still_fold_into_convolutions() -> None:
    plain, fused = pair()
    expected = plain.eval()(images(0))
    assert fold_batch_norms(fused.eval()) == 14
    torch.testing.assert_close(fused(images(0)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("by_winograd", [False, True])
def test_folded_networks_compute_the_same_in_fewer_passes(
    block: type[BasicBlock | Bottleneck], by_winograd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "LEAST_PRODUCTS", 0)
    plain, fused = pair(block)
    for network in (plain, fused):
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.constant_(part.running_var, 3.0)
    fused = fused.float().to(memory_format=torch.channels_last).eval()
    assert fold_batch_norms(fused) == 14 + 6 * (block is Bottleneck)
    if by_winograd:
        assert winograd.use_winograd(fused)
    before = torch.rand(4, 3, 64, 64, dtype=torch.float64)
    expected = plain.eval()(before).detach()
    in_steps = fused(before.float()).detach()
    with torch.no_grad():
        found = fused(before.float())
    assert any(layer in winograd._KEPT for layer in fused.modules()) == by_winograd
    for one in (found, in_steps):
        torch.testing.assert_close(one.double(), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_a_copy_computes_with_its_own_weights() -> None:
    _, fused = pair()
    before = fused.eval()(images(0))
    other = copy.deepcopy(fused)
    with torch.no_grad():
        for parameter in fused.parameters():
            parameter.zero_()
    assert torch.equal(other(images(0)), before)


def test_other_networks_stay_as_they_are() -> None:
    assert fuse_norms(build_backbone("mobilenet_v3_small", 32, "own")) == 0
