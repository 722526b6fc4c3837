"""The kernels of GPUs, run by Triton's interpreter here, and built for a GPU that is not there."""

import importlib
import os
import subprocess
import sys

import pytest
import torch

from barlowmatch.fast import kernels
from barlowmatch.machine.compute import Compute

triton = pytest.importorskip("triton")


@pytest.mark.slow
def test_kernels_compute_what_the_operations_do() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tests.fast.interpreted"], env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    errors = {name: float(value) for name, value in map(str.split, finished.stdout.splitlines())}
    assert set(errors) == {"jitter", "crop", "blur", "lars", "norms"}
    assert {name: value for name, value in errors.items() if not value < 2e-6} == {}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there they can be built")
def test_a_run_says_why_it_goes_without_kernels() -> None:
    device = torch.device("cuda")
    assert not kernels.available(device)
    said = str(Compute(device, torch.float32, autocast=False))
    assert said.startswith("cuda, float32; slower, as no kernels of our own can be built here: ")
    assert "NVIDIA" in said


def test_a_step_takes_only_numbers_that_lie_alike() -> None:
    from barlowmatch.fast.kernels import optim

    one, square = torch.zeros(8, 4, 1, 1), torch.zeros(3, 3)
    assert optim.fits([one], [one.contiguous(memory_format=torch.channels_last)], [one.clone()])
    assert not optim.fits([square], [square.T], [square])
    assert not optim.fits([torch.zeros(6)[::2]], [torch.zeros(6)[::2]], [torch.zeros(6)[::2]])
    assert not optim.fits([square.double()], [square.double()], [square.double()])
    assert not optim.fits([square, square], [square, square.double()], [square, square])


KERNELS = {
    "color._jitter": "images: *fp32, packed: *fp32, plane: i32",
    "resampling._crop": "images: *u8, boxes: *i64, result: *fp32, height: i32, width: i32, size: i32, channels: i32",
    "resampling._blur": (
        "images: *fp32, sigma: *fp32, result: *fp32, height: i32, width: i32, stride: i32, length: i32, channels: i32"
    ),
    "optim._squares": "pointers: *i64, chunks: *i64, squares: *fp32, count: i32, number: i32, weight_decay: fp32",
    "optim._scales": ("squares: *fp32, tensors: *i64, scales: *fp32, number: i32, eta: fp32, lr: fp32, clip: i32"),
    "optim._move": (
        "pointers: *i64, chunks: *i64, scales: *fp32, count: i32, lr: fp32, weight_decay: fp32, momentum: fp32"
    ),
    "norm_passes.sum_up": "x: *bf16, partial: *fp32, rows: i32, columns: i32, chunk: i32, across: i32",
    "norm_passes.finish": (
        "x: *bf16, partial: *fp32, weight: *fp32, bias: *fp32, running_mean: *fp32, running_var: *fp32, "
        "coefficients: *fp32, moments: *fp32, rows: i32, columns: i32, splits: i32, momentum: fp32, eps: fp32"
    ),
    "norm_passes.apply": (
        "x: *bf16, added: *bf16, coefficients: *fp32, y: *bf16, rows: i32, columns: i32, across: i32"
    ),
    "norm_passes.sum_gradients": (
        "x: *bf16, y: *bf16, gradient: *bf16, masked: *bf16, coefficients: *fp32, moments: *fp32, partial: *fp32, "
        "rows: i32, columns: i32, chunk: i32, across: i32"
    ),
    "norm_passes.finish_gradients": (
        "partial: *fp32, coefficients: *fp32, moments: *fp32, sums: *fp32, rows: i32, columns: i32, splits: i32"
    ),
    "norm_passes.gradient": (
        "x: *bf16, gradient: *bf16, coefficients: *fp32, sums: *fp32, by_x: *bf16, rows: i32, columns: i32, across: i32"
    ),
}
CONSTANTS = {
    "TAPS": 4, "RADIUS": 8, "BLOCK": 256, "CHUNK": 1024, "ADDS": True, "RELU": True, "BY_RESULT": True, "HIGH": 32,
    "WIDE": 128, "SPLITS": 64,
}  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.skipif(torch.cuda.is_available(), reason="built and run by tests/test_gpu.py")
def test_a_kernel_can_be_built_for_a_gpu(name: str) -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    module, function = name.split(".")
    kernel = getattr(importlib.import_module(f"barlowmatch.fast.kernels.{module}"), function)
    types = dict(item.split(": ") for item in KERNELS[name].split(", "))
    constants = {key: value for key, value in CONSTANTS.items() if key in kernel.arg_names}
    signature = types | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    assert "cubin" in triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm
