"""Convolutions as matrix products give what a convolution gives, and its gradients."""

import copy

import pytest
import torch
from timm.layers import StdConv2d
from torch import nn
from torch.nn import functional as F

from barlowmatch.fast import im2col
from barlowmatch.fast.im2col import convolve, use_im2col
from barlowmatch.models.backbones import build_backbone


@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize(
    ("shape", "filters", "side", "stride", "padding"),
    [((3, 5, 4, 4), 7, 3, 1, 1), ((2, 6, 7, 5), 4, 3, 2, 1), ((2, 3, 8, 8), 5, 1, 2, 0), ((4, 3, 6, 6), 2, 1, 1, 0),
     ((1, 2, 9, 9), 3, 5, 3, 2), ((2, 4, 5, 5), 3, 3, 1, 0), ((2, 4, 1, 1), 3, 3, 1, 1)],
)  # fmt: skip
def test_outputs_and_gradients_are_those_of_a_convolution(
    shape: tuple[int, ...], filters: int, side: int, stride: int, padding: int, tiny: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(im2col, "_is_tiny", lambda *_: tiny)
    torch.manual_seed(0)
    images = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(filters, shape[1], side, side, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(filters, dtype=torch.float64, requires_grad=True)
    found, expected = (convolve(images, weight, bias, stride, padding), F.conv2d(images, weight, bias, stride, padding))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(convolve(images, weight, None, stride, padding) + bias.view(-1, 1, 1), expected)
    behind = torch.randn_like(expected)
    pairs = zip(*(torch.autograd.grad(one, (images, weight, bias), behind) for one in (found, expected)), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("shape", "filters", "stride"),
    [((64, 256, 4, 4), 256, 1), ((64, 512, 3, 3), 512, 1), ((80, 256, 8, 8), 512, 2), ((4, 64, 8, 8), 64, 1)],
)
def test_in_bfloat16_they_are_as_near_as_torchs(shape: tuple[int, ...], filters: int, stride: int) -> None:
    torch.manual_seed(0)
    images = torch.randn(shape).bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(filters, shape[1], 3, 3).bfloat16().requires_grad_()
    exact = [value.detach().double().requires_grad_() for value in (images, weight)]
    expected = F.conv2d(exact[0], exact[1], None, stride, 1)
    behind = torch.randn(expected.shape).bfloat16()
    references = [expected, *torch.autograd.grad(expected, exact, behind.double())]
    errors = []
    for result in (convolve(images, weight, None, stride, 1), F.conv2d(images, weight, None, stride, 1)):
        found = [result, *torch.autograd.grad(result, (images, weight), behind)]
        pairs = zip(found, references, strict=True)
        errors.append(
            [float((one.detach().double() - other.detach()).norm() / other.detach().norm()) for one, other in pairs]
        )
    for mine, torchs in zip(*errors, strict=True):
        assert mine <= torchs + 1e-3


def test_small_maps_of_a_network_go_by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    plain = build_backbone("resnet18_half", 32, "small").to(memory_format=torch.channels_last)
    changed = copy.deepcopy(plain)
    assert len(use_im2col(changed)) == 13  # of 64 channels and more
    counted = []
    monkeypatch.setattr(im2col, "convolve", lambda *given: (counted.append(1), convolve(*given))[1])
    images = torch.rand(64, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    gradients = []
    for network in (plain, changed):
        with torch.autocast("cpu", torch.bfloat16):
            loss = network(images).float().square().mean()
        loss.backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    assert len(counted) == 10  # of maps of 8 and 4 px
    assert all(parameter.grad.dtype == torch.float32 for parameter in changed.parameters())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99
    changed(images)
    assert len(counted) == 10  # in float32 they go as before


def test_what_comes_out_may_be_changed_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(im2col, "_is_tiny", lambda *_: True)
    network = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(inplace=True)).to(
        memory_format=torch.channels_last
    )
    use_im2col(network)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(torch.rand(8, 64, 4, 4)).float().sum()
    loss.backward()
    assert network[0].bias.grad.norm() > 0


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(64, 64, 3, groups=2), nn.Conv2d(64, 64, 3, dilation=2), nn.Conv2d(64, 64, 3, padding_mode="reflect"),
     nn.Conv2d(32, 64, 3, bias=False), nn.Conv2d(64, 64, (1, 3), bias=False),
     nn.Conv2d(64, 64, 3, padding="same", bias=False), StdConv2d(64, 64, 3)],
)  # fmt: skip
def test_other_layers_are_left_alone(layer: nn.Conv2d) -> None:
    assert use_im2col(layer) == []
