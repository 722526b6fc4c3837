"""On what to compute: the threads of processes that share a machine, and the arithmetic."""

from collections.abc import Iterator

import pytest
import torch

from barlowmatch.configs.shared import ComputeOptions
from barlowmatch.data.workers import cores
from barlowmatch.errors import InputError
from barlowmatch.fast.processor import emulates_bfloat16
from barlowmatch.fast.residual import has_fused_norms
from barlowmatch.fast.winograd import WinogradConvolution
from barlowmatch.machine import compute
from barlowmatch.machine.compute import Compute, bfloat16_pays, choose_compute
from barlowmatch.models.backbones import build_backbone


@pytest.fixture(autouse=True)
def all_that_a_processor_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(cores() + 3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_cores_serve_the_processes_of_a_machine_in_equal_parts(
    processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchrun sets OMP_NUM_THREADS to 1 where nobody set it."""
    for name, value in (("WORLD_SIZE", 4), ("LOCAL_WORLD_SIZE", processes), ("OMP_NUM_THREADS", 1)):
        monkeypatch.setenv(name, str(value))
    choose_compute(ComputeOptions(device="cpu", precision="float32"))
    assert torch.get_num_threads() == max(1, cores() // processes)


@pytest.mark.parametrize(
    ("threads", "variables", "expected"),
    [(1, {"WORLD_SIZE": "4", "OMP_NUM_THREADS": "1"}, 1), (None, {"WORLD_SIZE": "4", "OMP_NUM_THREADS": "3"}, None),
     (None, {"OMP_NUM_THREADS": "1"}, None)],
)  # fmt: skip
def test_what_the_user_says_holds(
    threads: int | None, variables: dict[str, str], expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    choose_compute(ComputeOptions(device="cpu", precision="float32", threads=threads))
    assert torch.get_num_threads() == (expected or cores() + 3)


@pytest.mark.parametrize("by_loops", [False, True])
def test_bfloat16_that_is_emulated_does_not_pay(by_loops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not emulates_bfloat16():
        pytest.skip("this processor computes in bfloat16")
    device = torch.device("cpu")
    assert not bfloat16_pays(device, by_loops)
    monkeypatch.setattr(compute, "emulates_bfloat16", lambda: False)
    assert not bfloat16_pays(device, by_loops), "timed, where it is not known before"


def test_bfloat16_pays_where_there_is_a_matrix_unit_without_being_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(compute, "_timed", None)
    assert bfloat16_pays(torch.device("cpu"), by_loops=True)


@pytest.mark.parametrize("by_loops", [False, True])
def test_networks_are_made_faster_unless_they_are_to_be_compared_with(by_loops: bool) -> None:
    network = build_backbone("resnet18_quarter", 32, "small")
    Compute(torch.device("cpu"), torch.float32, autocast=False, loops=by_loops).prepare(network)
    assert has_fused_norms(network) == by_loops
    assert any(isinstance(layer, WinogradConvolution) for layer in network.modules()) == by_loops
    assert network.conv1.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.mark.usefixtures("on_a_mac")
def test_float64_is_computed_where_there_is_such_arithmetic() -> None:
    """The GPUs of Macs have none; and on this machine, which is no Mac, anything else would be refused."""
    chosen = choose_compute(ComputeOptions(precision="float64"))
    assert (chosen.device.type, chosen.dtype) == ("cpu", torch.float64)
    for name in ("mps", "mps:0"):
        with pytest.raises(InputError, match=f"--precision float64: --device {name} has no such .*; use --device cpu"):
            choose_compute(ComputeOptions(precision="float64", device=name))
    with pytest.raises(InputError, match="--device mps: not available here"):
        choose_compute(ComputeOptions(precision="float32"))
