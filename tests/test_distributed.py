"""Several processes compute what one computes: sums, batch norm, gradients, shares of a batch."""

import pytest
import torch
from torch import Tensor, nn

from barlowmatch import distributed
from tests.processes import in_processes

BATCH = 11


def network() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 6), nn.BatchNorm1d(6)
    ).double()


def images() -> Tensor:
    return torch.randn(BATCH, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def gradients_and_statistics(_rank: int = 0) -> list[Tensor]:
    """A loss that couples all samples: the squared sum over the batch of an output's square."""
    net = network()
    distributed.synchronise_batch_norm(net)
    part = images()[distributed.share(BATCH)]
    outputs = net(part)
    loss = distributed.all_reduce_sum((outputs**3).sum(0)).pow(2).sum()
    loss.backward()
    distributed.average_gradients(net.parameters())
    return [p.grad.clone() for p in net.parameters()] + [b.clone() for b in net.buffers()]


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_gradients_and_batch_norm_equal_one_process(count: int) -> None:
    expected = gradients_and_statistics()
    for found in in_processes(count, gradients_and_statistics):
        for one, many in zip(expected, found, strict=True):
            torch.testing.assert_close(many, one, rtol=1e-9, atol=1e-9)


def shares_and_decisions(rank: int) -> tuple[list[int], tuple[bool, ...], str]:
    part = list(range(BATCH))[distributed.share(BATCH)]
    return part, distributed.any_process((rank == 1, False), torch.device("cpu")), distributed.from_main(f"from {rank}")


def test_shares_cover_the_batch_and_decisions_agree() -> None:
    results = in_processes(3, shares_and_decisions)
    assert [place for part, _, _ in results for place in part] == list(range(BATCH))
    assert {decision for _, decision, _ in results} == {(True, False)}
    assert {word for _, _, word in results} == {"from 0"}


def test_one_process_is_left_alone() -> None:
    net = network()
    distributed.synchronise_batch_norm(net)
    assert not any(isinstance(module, distributed.SyncBatchNorm) for module in net.modules())
    assert distributed.share(7) == slice(0, 7)
