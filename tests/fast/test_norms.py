"""Batch norm, addition and ReLU in few passes on the CPU, against torch's in float64 (those of a GPU: test_gpu.py)."""

import copy
from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from barlowmatch.fast import residual
from barlowmatch.fast.loops import norms as passes
from barlowmatch.fast.loops import pooled_norms
from barlowmatch.fast.loops.pooled_norms import norm_relu_pool
from barlowmatch.fast.norms import norm_relu
from barlowmatch.fast.residual import fuse_norms

SHAPES = [(5, 130, 2, 3), (64, 64, 33, 17), (2, 8, 3, 3)]
"""A number of channels that no vector divides; rows of several pieces; a handful."""
TOLERANCES = [(torch.float32, 1e-4), (torch.bfloat16, 4e-3)]
"""Of the norm; bfloat16 rounds what is written by 2e-3 of it."""


def channels_last(shape: tuple[int, ...], mean: float = 0.0) -> Tensor:
    return (mean + torch.randn(shape)).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("adds", "relu"), [(False, True), (True, True), (False, False), (True, False)])
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_values_gradients_and_statistics_are_torchs(
    shape: tuple[int, ...], adds: bool, relu: bool, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    norm, exact = nn.BatchNorm2d(shape[1], momentum=0.3), nn.BatchNorm2d(shape[1], momentum=0.3).double()
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    exact.load_state_dict(norm.state_dict())
    # Means far from zero, where sums of squares would cost float32 four of its digits.
    inputs = [channels_last(shape, 100), *([torch.randn(shape)] if adds else [])]
    mine = [tensor.to(dtype).requires_grad_() for tensor in inputs]
    theirs = [tensor.detach().double().requires_grad_() for tensor in mine]
    found = norm_relu(passes, norm, mine[0], mine[1] if adds else None, relu=relu)
    total = exact(theirs[0]) + (theirs[1] if adds else 0)
    expected = total.relu() if relu else total
    upward = torch.where(total.detach().abs() < 1e-3, 0, torch.randn(shape)).to(dtype)  # the slope at a kink is either
    found.backward(upward), expected.backward(upward.double())
    pairs = [(found, expected), *((one.grad, other.grad) for one, other in zip(mine, theirs, strict=True))]
    pairs += [(one.grad, other.grad) for one, other in zip(norm.parameters(), exact.parameters(), strict=True)]
    pairs += list(zip(norm.buffers(), exact.buffers(), strict=True))
    assert len(pairs) == 7 + adds
    for one, other in pairs:
        assert (one.double() - other.double()).norm() <= tolerance * other.double().norm()


@pytest.mark.parametrize("shape", [(3, 20, 12, 12), (2, 64, 33, 18), (5, 16, 1, 2)])
@pytest.mark.parametrize("piece", [2**18, 1000])
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
def test_pooled_values_gradients_and_statistics_are_torchs(
    shape: tuple[int, ...], piece: int, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "PIECE", piece)
    torch.manual_seed(0)
    norm, exact = nn.BatchNorm2d(shape[1], momentum=0.3), nn.BatchNorm2d(shape[1], momentum=0.3).double()
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)  # some are negative, and turn the order about
    exact.load_state_dict(norm.state_dict())
    mine = channels_last(shape, 10).to(dtype).requires_grad_()
    theirs = mine.detach().double().requires_grad_()
    found = norm_relu_pool(norm, mine)
    expected = F.max_pool2d(exact(theirs).relu(), 3, 2, 1)
    upward = torch.where(expected.detach().abs() < 1e-4, 0, torch.randn(expected.shape)).to(dtype)
    found.backward(upward), expected.backward(upward.double())
    pairs = [(found, expected), (mine.grad, theirs.grad), *zip(norm.buffers(), exact.buffers(), strict=True)]
    pairs += [(one.grad, other.grad) for one, other in zip(norm.parameters(), exact.parameters(), strict=True)]
    assert len(pairs) == 7
    for one, other in pairs:
        assert (one.double() - other.double()).norm() <= tolerance * other.double().norm()


def test_the_first_of_equal_values_wins_as_torch_has_it() -> None:
    images = torch.randint(0, 2, (2, 16, 9, 9)).float().requires_grad_()
    norm = nn.BatchNorm2d(16)
    nn.init.constant_(norm.bias, 2.0)  # all pass the ReLU
    behind = torch.randn(2, 16, 5, 5)
    found = torch.autograd.grad(norm_relu_pool(norm, images), images, behind)[0]
    expected = torch.autograd.grad(F.max_pool2d(norm(images).relu(), 3, 2, 1), images, behind)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("adds", [False, True])
def test_what_is_not_finite_is_not_hidden(value: float, adds: bool, dtype: torch.dtype) -> None:
    images, added = channels_last((4, 8, 5, 5)).to(dtype), channels_last((4, 8, 5, 5)).to(dtype) if adds else None
    images[2, 3, 1, 1] = value
    found = norm_relu(passes, nn.BatchNorm2d(8), images, added)
    assert found[:, 3].isnan().all()
    assert found[:, [0, 1, 2, 4, 5, 6, 7]].isfinite().all()
    images = channels_last((4, 8, 5, 5)).to(dtype).requires_grad_()
    behind = torch.zeros(4, 8, 5, 5, dtype=dtype)
    result = norm_relu(passes, nn.BatchNorm2d(8), images, added)
    behind[tuple((result > 0).nonzero()[0])] = value
    assert not torch.autograd.grad(result, images, behind)[0].isfinite().all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("adds", "relu"), [(False, True), (True, True), (False, False), (True, False)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_added_and_cut_in_one_pass_is_torchs_to_the_bit(
    shape: tuple[int, ...], adds: bool, relu: bool, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    values, added = channels_last(shape).to(dtype), torch.randn(shape).to(dtype) if adds else None
    values[0, 0, 0, 0], values[1, 3, 1, 2] = float("nan"), float("inf")
    total = values if added is None else values + added
    expected = total.relu() if relu else total.clone()
    found = passes.add_and_cut(values, added, relu)
    assert torch.equal(found.nan_to_num(-7), expected.nan_to_num(-7))
    assert found.data_ptr() == values.data_ptr()


def test_it_can_be_repeated_to_the_bit_by_any_number_of_threads() -> None:
    images = channels_last((64, 64, 32, 32)).requires_grad_()
    norm, threads, found = nn.BatchNorm2d(64), torch.get_num_threads(), []
    try:
        for number in (1, 3, 3):
            torch.set_num_threads(number)
            result = norm_relu(passes, norm, images)
            found.append([result, *torch.autograd.grad(result.square().sum(), (images, *norm.parameters()))])
    finally:
        torch.set_num_threads(threads)
    for others in found[1:]:
        assert all(map(torch.equal, found[0], others))


@pytest.mark.parametrize(("block", "norms"), [(BasicBlock, 14), (Bottleneck, 20)])
def test_a_network_in_training_has_the_gradients_of_one_without(
    block: type[BasicBlock | Bottleneck], norms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, apply, pool = [], passes.apply, pooled_norms.norm_relu_pool
    monkeypatch.setattr(passes, "apply", lambda *given: (counted.append("norm"), apply(*given))[1])
    monkeypatch.setattr(pooled_norms, "norm_relu_pool", lambda *given: (counted.append("pool"), pool(*given))[1])
    torch.manual_seed(0)
    exact = ResNet(block, [2, 1, 1, 1]).double()
    fused = copy.deepcopy(exact).float().to(memory_format=torch.channels_last)
    fuse_norms(fused)
    images = torch.rand(16, 3, 64, 64)
    fused(images)
    assert counted == []  # maps are too small
    fused.load_state_dict(exact.state_dict())
    monkeypatch.setattr(residual, "LEAST_NUMBERS", 0)
    for network, batch in ((exact, images.double()), (fused, images)):
        network(batch).square().mean().backward()
    assert Counter(counted) == {"norm": norms, "pool": 1}
    for one, other in zip(fused.parameters(), exact.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        # Rounding turns a ReLU on or off here and there, in torch's own float32 too.
        assert (one.grad.double() - other.grad).norm() <= 2e-2 * other.grad.norm()
    for one, other in zip(fused.buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-5)
    fused.eval()(images)
    assert len(counted) == norms + 1
