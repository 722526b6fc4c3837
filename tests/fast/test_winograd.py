"""Winograd's algorithm gives what a convolution gives, and its gradients; float64 is the reference."""

import copy
from collections.abc import Iterator
from threading import Thread

import pytest
import torch
from timm.layers import StdConv2d
from torch import Tensor, nn
from torch.nn import functional as F

from barlowmatch.fast import winograd
from barlowmatch.fast.winograd import WinogradConvolution, convolve, use_winograd
from barlowmatch.models.backbones import build_backbone

ROUNDING = 3e-5
"""Of the largest value: what float32 leaves of an output that hundreds of products add up to."""


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def images_and_weight(shape: tuple[int, int, int, int], filters: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(shape) + filters)
    images = torch.randn(shape, generator=generator).contiguous(memory_format=torch.channels_last)
    return images.requires_grad_(), torch.randn(filters, shape[1], 3, 3, generator=generator).requires_grad_()


def assert_near(found: Tensor | None, expected: Tensor | None) -> None:
    assert found is not None
    assert expected is not None
    assert (found.double() - expected).abs().max() <= ROUNDING * expected.abs().max()


@pytest.mark.parametrize("stride", [1, 2])
# Each side is compiled for seconds.
@pytest.mark.parametrize("side", [4, 6, *(pytest.param(side, marks=pytest.mark.slow) for side in (3, 5))])
@pytest.mark.parametrize(
    ("shape", "filters"),
    [((3, 64, 32, 32), 64), ((2, 32, 24, 24), 40), ((70, 64, 6, 6), 64),
     ((9, 64, 8, 8), 128), ((40, 96, 4, 4), 64), ((2, 64, 7, 7), 72), ((5, 64, 14, 9), 64),
     ((1, 64, 1, 1), 64), ((1, 19, 5, 130), 16)],
)  # fmt: skip
def test_outputs_and_gradients_are_those_of_a_convolution(
    shape: tuple[int, int, int, int], filters: int, side: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(winograd.FORWARD, stride, [winograd.FORWARD[stride][side - 3]])
    monkeypatch.setitem(winograd.BACKWARD, stride, [winograd.BACKWARD[stride][side - 3]])
    images, weight = images_and_weight(shape, filters)
    bias = torch.linspace(-2, 3, filters).requires_grad_()
    exact = [value.detach().double().requires_grad_() for value in (images, weight, bias)]
    found, expected = convolve(images, weight, bias, stride), F.conv2d(*exact, stride, padding=1)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert_near(found, expected)
    behind = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    found.backward(behind)
    expected.backward(behind.double())
    for value, reference in zip((images, weight, bias), exact, strict=True):
        assert_near(value.grad, reference.grad)


@pytest.mark.parametrize(
    ("size", "stride", "side"),
    [(3, 1, 3), (4, 1, 4), (5, 1, 5), (6, 1, 6), (7, 1, 4), (8, 1, 4), (10, 1, 5), (12, 1, 6), (14, 1, 5), (16, 1, 4),
     (24, 1, 6), (28, 1, 6), (32, 1, 4), (6, 2, 3), (8, 2, 4), (10, 2, 5), (12, 2, 6), (14, 2, 4), (16, 2, 4)],
)  # fmt: skip
def test_maps_are_cut_into_the_tiles_that_take_the_fewest_products(
    size: int, stride: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, weight = images_and_weight((2, 64, size, size), 64)
    chosen = convolve(images, weight, stride=stride)
    monkeypatch.setitem(winograd.FORWARD, stride, [winograd.FORWARD[stride][side - 3]])
    assert torch.equal(convolve(images, weight, stride=stride), chosen)


def test_fewer_channels_than_a_vector_has_are_refused() -> None:
    for channels, filters in ((15, 64), (64, 8)):
        with pytest.raises(ValueError, match="there must be 16 at least"):
            convolve(*images_and_weight((2, channels, 8, 8), filters))


def test_what_is_frozen_gets_no_gradient() -> None:
    images, weight = images_and_weight((2, 64, 8, 8), 64)
    convolve(images, weight.detach()).sum().backward()
    assert weight.grad is None
    found = images.grad
    images.grad = None
    convolve(images.detach(), weight).sum().backward()
    assert images.grad is None
    assert found is not None
    assert_near(found, torch.autograd.grad(F.conv2d(images, weight, padding=1).sum(), images)[0].double())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_hidden(value: float, stride: int) -> None:
    images, weight = images_and_weight((4, 64, 8, 8), 64)
    with torch.no_grad():
        images[2, 5, 3, 4] = value
        assert not convolve(images, weight, stride=stride)[2].isfinite().all()
        assert convolve(images, weight, stride=stride)[[0, 1, 3]].isfinite().all()
    gradient = torch.zeros(4, 64, 8 // stride, 8 // stride)
    gradient[1, 7, 0, 0] = value
    outputs = convolve(torch.ones(4, 64, 8, 8), weight, stride=stride)
    assert not torch.autograd.grad(outputs, weight, gradient)[0].isfinite().all()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("adds", "relu"), [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("shape", [(3, 128, 24, 24), (70, 128, 6, 6), (5, 128, 14, 9)])
def test_what_follows_is_done_to_every_output_once(
    shape: tuple[int, int, int, int], adds: bool, relu: bool, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(winograd, "WORTHWHILE", 0)
    images, weight = images_and_weight(shape, 144)
    layer = nn.Conv2d(128, 144, 3, stride=stride, padding=1)
    layer.weight = nn.Parameter(weight.detach())
    assert use_winograd(layer) == [layer]
    assert isinstance(layer, WinogradConvolution)
    assert layer.takes(images)
    assert not layer.takes(images.bfloat16())
    exact = copy.deepcopy(layer).double()
    for _ in range(2):  # with filters transformed now, and those that were kept
        expected = exact(images.double()).detach()
        added = torch.randn(expected.shape) * expected.std() if adds else None  # not channels_last
        found = layer.to_the_end(images, added, relu=relu)
        assert not found.requires_grad
        total = expected if added is None else expected + added
        assert_near(found, total.relu() if relu else total)


def test_it_can_be_repeated_to_the_bit() -> None:
    images, weight = images_and_weight((16, 64, 16, 16), 64)
    first = torch.autograd.grad(convolve(images, weight).square().mean(), (images, weight))
    second = torch.autograd.grad(convolve(images, weight).square().mean(), (images, weight))
    assert all(map(torch.equal, first, second))


def test_the_threads_of_others_are_left_as_they_were(threads: int) -> None:
    images, weight = images_and_weight((16, 64, 16, 16), 64)
    convolve(images, weight)
    assert torch.get_num_threads() == threads
    found: list[int] = []
    other = Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert found == [threads]


def test_a_batch_of_fewer_rows_of_tiles_than_threads_leaves_their_number(threads: int) -> None:
    images, weight = images_and_weight((2, 64, 8, 8), 64)  # four rows of tiles: two shares for three threads
    convolve(images, weight).sum().backward()
    assert torch.get_num_threads() == threads


def test_only_wide_plain_convolutions_are_changed() -> None:
    network = build_backbone("resnet18", 32, "small")
    changed = use_winograd(network)
    assert len(changed) == 15  # two in each of eight blocks, but for the narrow one that halves the resolution
    assert all(layer.kernel_size == (3, 3) for layer in changed)
    assert [layer.in_channels for layer in changed if layer.stride == (2, 2)] == [128, 256]
    assert use_winograd(nn.Conv2d(16, 32, 3, padding=1)) == []
    assert use_winograd(nn.Conv2d(64, 64, 3, padding=1, groups=2)) == []
    assert use_winograd(StdConv2d(64, 64, 3, padding=1)) == []
    assert use_winograd(nn.Conv2d(64, 64, 3, padding=1, padding_mode="reflect")) == []


def test_a_network_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "LEAST_PRODUCTS", 0)
    torch.manual_seed(0)
    wide = (nn.Conv2d(64, 128, 3, padding=1), nn.Conv2d(128, 128, 3, stride=2, padding=1))
    network = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), *wide, nn.Flatten(), nn.Linear(128 * 9, 4))
    images = torch.rand(6, 3, 8, 8)
    exact = copy.deepcopy(network).double()
    assert use_winograd(network) == [*wide]
    for candidate in (network, copy.deepcopy(network)):
        assert_near(candidate(images), exact(images.double()))
    before = network(images).detach()
    copied = copy.deepcopy(network)
    with torch.no_grad():
        copied[2].weight.zero_()
    assert torch.equal(network(images), before)
    assert not torch.equal(copied(images), before)
    assert network.state_dict().keys() == exact.state_dict().keys()


def test_maps_too_small_for_tiles_and_thin_batches_are_convolved_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of 2 px has 16 products a channel, its one tile 36."""
    layer = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    use_winograd(layer)
    few, many = torch.rand(2, 64, 8, 8), torch.rand(600, 64, 8, 8)
    assert torch.equal(layer(few), F.conv2d(few, layer.weight, padding=1))
    assert not torch.equal(layer(many), F.conv2d(many, layer.weight, padding=1))
    monkeypatch.setattr(winograd, "LEAST_PRODUCTS", 0)
    assert not torch.equal(layer(few), F.conv2d(few, layer.weight, padding=1))
    small = torch.rand(2, 64, 2, 2)
    assert torch.equal(layer(small), F.conv2d(small, layer.weight, padding=1))


def test_what_comes_out_may_be_changed_in_place() -> None:
    images, weight = images_and_weight((2, 64, 8, 8), 64)
    F.relu(convolve(images, weight), inplace=True).sum().backward()
    assert weight.grad is not None
