"""Several processes compute what one computes: sums, batch norm, gradients, shares of a batch."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from barlowmatch.configs.shared import RunOptions
from barlowmatch.errors import InputError
from barlowmatch.events import silent
from barlowmatch.machine import distributed
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Architecture, seeded_network
from barlowmatch.models.sync_norm import SyncBatchNorm, synchronise_batch_norm
from barlowmatch.runs.run import Run
from barlowmatch.training.loop import Trainer
from barlowmatch.training.task import Task
from tests.processes import in_processes

BATCH = 11


def network() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 6, bias=False),
        nn.BatchNorm1d(6, affine=False, momentum=None),
    )  # fmt: skip


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(1)) + 5


def gradients_and_statistics(
    _rank: int, count: int, dtype: torch.dtype, autocast: bool, device: str = "cpu"
) -> list[Tensor]:
    """A loss that couples all samples: the squared sum over the batch of an output's cube."""
    net = network().to(device, dtype, memory_format=torch.channels_last)
    synchronise_batch_norm(net)
    part = (
        images(count)[distributed.own_part(count)].to(device, dtype, memory_format=torch.channels_last).requires_grad_()
    )
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
        outputs = net(part)
    loss = distributed.all_reduce_sum((outputs.to(dtype) ** 3).sum(0)).pow(2).sum()
    loss.backward()
    distributed.average_gradients(net.parameters())
    assert part.grad is not None
    everything = part.new_zeros(count, *part.shape[1:])
    everything[distributed.own_part(count)] = part.grad
    by_images = distributed.all_reduce_sum(everything) / distributed.world_size()
    found = [p.grad for p in net.parameters()] + list(net.buffers()) + [by_images.detach()]
    return [tensor.cpu() for tensor in found]


@pytest.mark.parametrize(
    ("processes", "count"), [(2, BATCH), pytest.param(3, BATCH, marks=pytest.mark.slow), (3, 2)],
    ids=["two", "three", "one of three without images"],
)  # fmt: skip
def test_gradients_and_batch_norm_equal_one_process(processes: int, count: int) -> None:
    expected = gradients_and_statistics(0, count, torch.float64, False)
    for found in in_processes(processes, gradients_and_statistics, count, torch.float64, False):
        for one, many in zip(expected, found, strict=True):
            torch.testing.assert_close(many, one, rtol=1e-9, atol=1e-9)


def of_timms_norms(_rank: int) -> list[Tensor]:
    """Return what a network of timm's norms, which hold their activations, gives in training, and then in use."""
    from timm.layers import BatchNormAct2d

    torch.manual_seed(5)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), BatchNormAct2d(4), nn.Conv2d(4, 4, 3), BatchNormAct2d(4, act_layer=nn.SiLU))
    synchronise_batch_norm(net)
    outputs = net(images(BATCH)[distributed.own_part(BATCH)])
    outputs.square().sum().backward()
    distributed.average_gradients(net.parameters())
    gradients = [weight.grad * distributed.world_size() for weight in net.parameters() if weight.grad is not None]
    return [*(gradient.detach() for gradient in gradients), net.eval()(images(BATCH)).detach()]


def test_norms_that_hold_their_activation_keep_it() -> None:
    expected = of_timms_norms(0)
    for found in in_processes(2, of_timms_norms):
        for one, many in zip(expected, found, strict=True):
            torch.testing.assert_close(many, one, rtol=1e-3, atol=1e-3)


def shares_and_decisions(rank: int) -> tuple[list[int], tuple[bool, ...], str]:
    part = list(range(BATCH))[distributed.own_part(BATCH)]
    return part, distributed.any_process((rank == 1, False), torch.device("cpu")), distributed.from_main(f"from {rank}")


def test_shares_cover_the_batch_and_decisions_agree() -> None:
    results = in_processes(3, shares_and_decisions)
    assert [place for part, _, _ in results for place in part] == list(range(BATCH))
    assert {decision for _, decision, _ in results} == {(True, False)}
    assert {word for _, _, word in results} == {"from 0"}


class BadInOneProcess(Task):
    """Its loss is not finite in the second process alone."""

    samples_per_step = views_per_step = steps_per_epoch = 2

    def __init__(self) -> None:
        super().__init__()
        architecture = Architecture(
            backbone="resnet18_quarter", stem="small", image_size=8, fit="pad", mean=(0.5,) * 3, std=(0.2,) * 3
        )
        self.network = seeded_network(architecture, 0, 0)

    def batch(self, _step: int) -> Tensor:
        return torch.rand(4, 3, 8, 8)

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        return {"loss": self.network.embed(batch).mean() + (torch.inf if distributed.rank() == 1 else 0.0)}

    def optimizer(self) -> Optimizer:
        return torch.optim.SGD(self.network.parameters(), lr=0.1)

    def rate(self, _step: int, _total: int) -> float:
        return 1.0


def how_it_stops(_rank: int) -> str:
    nowhere, compute = Path("nowhere"), Compute(torch.device("cpu"), torch.float32, autocast=False)
    run = Run("pretrain", nowhere, silent, nowhere / "last.pt", nowhere / "best.pt")
    with pytest.raises(InputError) as stopped:
        Trainer(BadInOneProcess(), RunOptions(num_epochs=2), run, compute, {}).train()
    return str(stopped.value)


def test_a_loss_that_is_bad_in_one_process_is_told_by_all_with_its_step() -> None:
    assert all(said.startswith("step 0: the loss is not finite") for said in in_processes(2, how_it_stops))


def test_one_process_is_left_alone() -> None:
    net = network()
    synchronise_batch_norm(net)
    assert not any(isinstance(module, SyncBatchNorm) for module in net.modules())
    assert distributed.own_part(7) == slice(0, 7)


def test_batch_norm_in_bfloat16_is_as_near_to_float64_as_that_of_one_process() -> None:
    exact = gradients_and_statistics(0, 64, torch.float64, False)
    alone = gradients_and_statistics(0, 64, torch.float32, True)
    both = in_processes(2, gradients_and_statistics, 64, torch.float32, True)[0]
    for many, one, right in zip(both, alone, exact, strict=True):
        assert distance(many, right) <= 2 * distance(one, right) + 1e-5


def distance(found: Tensor, right: Tensor) -> float:
    return float((found.double() - right.double()).norm() / right.double().norm())
