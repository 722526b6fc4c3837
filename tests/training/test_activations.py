"""Recomputed activations: the same numbers, less memory; chosen where they would not fit; advice when memory ends."""

import copy
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torchvision.models import VisionTransformer

from barlowmatch.errors import InputError
from barlowmatch.machine.compute import Compute
from barlowmatch.models.network import Architecture, Network, seeded_network
from barlowmatch.training import activations
from barlowmatch.training.activations import (
    activation_bytes,
    blocks,
    bound_activations,
    memory_advice,
    recompute_blocks,
)

FLOAT64 = Compute(torch.device("cpu"), torch.float64, autocast=False)


def network(backbone: str = "resnet18_quarter") -> Network:
    architecture = Architecture(
        backbone=backbone, stem="small", image_size=32, fit="squash", mean=(0.5,) * 3, std=(0.2,) * 3,
        projector_width=16,
    )  # fmt: skip
    result = seeded_network(architecture, 0, 0)
    FLOAT64.prepare(result)
    return result.train()


def kept(module: Network, images: Tensor) -> int:
    """Return the bytes of the tensors kept for the way back, by torch's own hooks."""
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        held = module.embed(images)
    assert held.requires_grad
    return sum(storages.values())


@pytest.mark.parametrize("backbone", ["resnet18_quarter", "mobilenet_v3_small", "regnetx_002"])
def test_gradients_and_statistics_are_the_same(backbone: str) -> None:
    plain, saving = network(backbone), network(backbone)
    assert recompute_blocks(saving.backbone) > 4
    images = torch.rand(6, 3, 32, 32, dtype=torch.float64)
    for module in (plain, saving):
        for _ in range(2):
            torch.manual_seed(1)
            module.project(images).square().sum().backward()
    for (name, mine), theirs in zip(plain.named_parameters(), saving.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.equal(mine.grad, theirs.grad), name
    for (name, mine), theirs in zip(plain.state_dict().items(), saving.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name


def test_blocks_are_found_within_the_encoder_of_torchvisions_transformers() -> None:
    small = VisionTransformer(image_size=32, patch_size=16, num_layers=3, num_heads=2, hidden_dim=32, mlp_dim=64)
    small.heads = nn.Flatten(1)
    assert blocks(small) == list(small.encoder.layers)


def test_a_copy_recomputes_with_its_own_weights() -> None:
    original = network()
    recompute_blocks(original.backbone)
    twin = copy.deepcopy(original)
    with torch.no_grad():
        for weight in original.parameters():
            weight.zero_()
    assert twin.embed(torch.rand(4, 3, 32, 32, dtype=torch.float64)).abs().sum() > 0


def test_memory_falls_and_is_foreseen() -> None:
    module = network()
    images = torch.rand(32, 3, 32, 32, dtype=torch.float64)
    before = kept(module, images)
    assert 32 * activation_bytes(module, FLOAT64) == pytest.approx(before, rel=0.1)
    assert all(float(norm.num_batches_tracked) == 1 for norm in norms(module))  # of `kept`: measuring leaves no trace
    recompute_blocks(module.backbone)
    assert kept(module, images) < before / 2.5


def test_auto_recomputes_only_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bound_activations(network(), 64, FLOAT64, "auto") == 0
    assert bound_activations(network(), 64, FLOAT64, "recompute") == len(blocks(network().backbone)) == 8
    monkeypatch.setattr(activations, "_free", lambda _device: 10_000_000)
    assert bound_activations(network(), 64, FLOAT64, "auto") == 8
    assert bound_activations(network(), 64, FLOAT64, "keep") == 0


@pytest.mark.parametrize(
    ("folder", "limit", "used"),
    [(".", "memory.max", "memory.current"), ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes")],
)
def test_a_container_has_what_its_limit_leaves(folder: str, limit: str, used: str, tmp_path: Path) -> None:
    group, cpu = tmp_path / folder, torch.device("cpu")
    available = psutil.virtual_memory().total
    assert 1e6 < activations._free(cpu, tmp_path) <= available, "no group"
    group.mkdir(exist_ok=True)
    (group / "memory.stat").write_text("anon 700000\ninactive_file 200000\nactive_file 50000\n")
    (group / limit).write_text("1000000\n")
    (group / used).write_text("950000\n")
    assert activations._free(cpu, tmp_path) == 300_000
    (group / limit).write_text("max\n")
    assert 1e6 < activations._free(cpu, tmp_path) <= available, "no limit"


def test_memory_that_ends_gives_advice() -> None:
    advice = "step 7: out of memory on cpu; try --activation-memory recompute"
    with pytest.raises(InputError, match=advice), memory_advice(7, torch.device("cpu")):
        torch.empty(2**55)
    on_a_mac = RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB, max allowed: 9.07 GB)")
    with pytest.raises(InputError, match=advice), memory_advice(7, torch.device("cpu")):
        raise on_a_mac
    with pytest.raises(RuntimeError, match="must match"), memory_advice(7, torch.device("cpu")):
        torch.ones(2) + torch.ones(3)


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
