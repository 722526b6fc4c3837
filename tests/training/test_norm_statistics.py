"""The statistics that batch norms have of whole images, against torch's own way to take them anew."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from barlowmatch.data.store import ImageStore
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Architecture, Network, seeded_network
from barlowmatch.models.sync_norm import synchronise_batch_norm
from barlowmatch.training import norm_statistics
from barlowmatch.training.norm_statistics import retake_statistics
from tests.processes import in_processes

COMPUTE = Compute(torch.device("cpu"), torch.float64, autocast=False)
SIDE = 8


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8)


def begun() -> Network:
    architecture = Architecture(
        backbone="resnet18_quarter", stem="small", image_size=SIDE, fit="pad", mean=(0.5,) * 3, std=(0.2,) * 3,
        classifier_width=16,
    )  # fmt: skip
    return seeded_network(architecture, 3, 1).double().train()


def trained() -> Network:
    """Return a network that has seen other pictures in training."""
    network = begun()
    network.classify(torch.rand(16, 3, SIDE, SIDE, dtype=torch.float64))
    return network


def normalised(images: np.ndarray, network: Network) -> Tensor:
    return (torch.from_numpy(images).double() / 255 - network.mean) / network.std


def retaken(network: Network, count: int, rows: np.ndarray | None = None) -> dict[str, Tensor]:
    store = ImageStore(pictures(count), torch.device("cpu"))
    retake_statistics(network, store, np.arange(count) if rows is None else rows, COMPUTE, seed=0)
    return {name: value.clone() for name, value in network.state_dict().items()}


def is_statistic(name: str) -> bool:
    return name.startswith("backbone.") and name.rpartition(".")[2] in ("running_mean", "running_var")


def test_they_are_those_that_torch_takes_of_the_same_batch() -> None:
    network, peer = trained(), trained()
    rows = np.arange(0, 40, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = retaken(network, 40, rows)
    update_bn([normalised(pictures(40)[rows], peer)], peer.backbone)
    expected = peer.state_dict()
    changed = {name for name in found if not torch.equal(found[name], before[name])}
    assert {name for name in found if is_statistic(name)} <= changed
    for name in changed:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-9)


def test_taken_again_they_are_the_same_and_training_goes_on_as_before() -> None:
    network = trained()
    momenta = [norm.momentum for norm in network.modules() if isinstance(norm, torch.nn.BatchNorm2d)]
    first, second = retaken(network, 30), retaken(network, 30)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [norm.momentum for norm in network.modules() if isinstance(norm, torch.nn.BatchNorm2d)] == momenta
    assert all(module.training for module in network.modules())


def test_each_of_several_batches_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of the first norm is that of all pictures, drawn in batches of equal size."""
    monkeypatch.setattr(norm_statistics, "images_at_once", lambda _size: 16)
    network = trained()
    found = retaken(network, 48)
    first: Callable[[Tensor], Tensor] = network.backbone.conv1  # type: ignore[assignment]
    expected = first(normalised(pictures(48), network)).mean((0, 2, 3))
    torch.testing.assert_close(found["backbone.bn1.running_mean"], expected, rtol=1e-9, atol=1e-9)


def test_of_many_images_a_sample_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norm_statistics, "SAMPLE", 20)
    seen: list[int] = []
    network = trained()
    network.backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
    retaken(network, 50)
    assert seen == [20]


def test_a_network_without_batch_norm_is_left_alone() -> None:
    network = trained()
    for name, _ in list(network.backbone.named_modules()):
        if name.rpartition(".")[2] in ("bn1", "bn2") or name.endswith("downsample.1"):
            network.backbone.set_submodule(name, torch.nn.Identity())
    seen: list[int] = []
    network.backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
    retaken(network, 10)
    assert seen == []


def by_several(_rank: int) -> dict[str, Tensor]:
    network = begun()
    synchronise_batch_norm(network)
    return retaken(network, 21)


def test_processes_share_the_images_and_get_the_same() -> None:
    alone = retaken(begun(), 21)
    for found in in_processes(2, by_several):
        for name, value in alone.items():
            torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)
