"""The kernels of GPUs, run by Triton's interpreter here, and built for a GPU that is not there."""

import importlib
import os
import subprocess
import sys

import pytest
import torch

triton = pytest.importorskip("triton")

JITTER = """
import torch
from barlowmatch.data import color
from barlowmatch.kernels import color as kernel

torch.manual_seed(0)
count = 24
for side in (5, 40):  # less than a block of pixels, and more
    images = torch.rand(count, 3, side, side)
    images[0], images[1], images[2] = 0, 0.5, 1
    order = torch.rand(count, 4).argsort(1)
    order[::5] = color.NONE
    strengths = torch.tensor([0.6, 0.6, 0.8, -0.1]) + torch.tensor([0.8, 0.8, 0.4, 0.2]) * torch.rand(count, 4)
    grey = torch.rand(count) < 0.3
    for operations in (4, 3):  # with hue and without
        chosen = torch.where(order < operations, order, color.NONE)[:, :operations]
        expected, found = images.clone(), images.clone()
        color.jitter(expected, chosen, strengths[:, :operations], grey)
        kernel.jitter(found, chosen, strengths[:, :operations], grey)
        assert (found - images).abs().mean() > 0.05
        print(float((found - expected).abs().max()))
"""
CROP = """
import torch
from barlowmatch.data import resampling
from barlowmatch.kernels import resampling as kernel

torch.manual_seed(0)
for side, size in ((12, 12), (19, 12), (9, 17)):  # as large, shrunk, and enlarged to more than a block of pixels
    images = torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8).transpose(2, 3)  # in any layout
    length = torch.randint(1, side + 1, (4, 2))
    length[0], length[1, 0], length[2] = side, 1, 1
    start = (torch.rand(4, 2) * (side - length + 1)).long()
    boxes = torch.cat([start, length], 1)
    expected = resampling._crop_and_resize_at_once(images, boxes, size)
    print(float((kernel.crop_and_resize(images, boxes, size) - expected).abs().max()))
"""
BLUR = """
import torch
from barlowmatch.data import resampling
from barlowmatch.kernels import resampling as kernel

torch.manual_seed(0)
for height, width in ((9, 34), (11, 10)):
    images = torch.rand(4, 3, height, width)
    sigma = torch.tensor([0.1, 0.6, 1.3, 2.0])
    print(float((kernel.blur(images, sigma, resampling.BLUR_RADIUS) - resampling.blur(images, sigma)).abs().max()))
"""
LARS = """
import torch
from barlowmatch import optim
from barlowmatch.kernels import optim as kernel

torch.manual_seed(0)
kernel.CHUNK, kernel.BLOCK = 64, 16
shapes = ((5, 33), (4, 3, 3, 3), (1, 1), (130, 2), (3, 2))
for rule in ({"eta": 0.003}, {"eta": 0.3, "clip": True}, {"adapt": False}):
    rule = {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01, **rule}
    mine = [torch.randn(shape) for shape in shapes]
    mine[1] = mine[1].contiguous(memory_format=torch.channels_last)
    mine[4].zero_()  # a weight of norm zero takes a plain step
    theirs = [torch.nn.Parameter(weight.clone()) for weight in mine]
    optimizer, velocities = optim.LARS(theirs, **rule), [torch.zeros_like(weight) for weight in mine]
    before = [weight.clone() for weight in mine]
    for step in range(4):
        gradients = [torch.randn_like(weight) for weight in mine]
        for weight, gradient in zip(theirs, gradients):
            weight.grad = gradient.clone()
        optimizer.step()
        assert kernel.fits(mine, gradients, velocities)
        kernel.step(mine, gradients, velocities, **{name: optimizer.defaults[name] for name in optimizer.defaults})
    assert all((one - other).abs().mean() > 1e-3 for one, other in zip(mine, before))
    print(max(float((one - other).abs().max()) for one, other in zip(mine, theirs)))
one = torch.zeros(8, 4, 1, 1)
assert kernel.fits([one], [one.contiguous(memory_format=torch.channels_last)], [one.clone()])
assert not kernel.fits([torch.zeros(2, 3).T], [torch.zeros(3, 2)], [torch.zeros(3, 2)])
assert not kernel.fits([torch.zeros(9)[::2]], [torch.zeros(9)[::2]], [torch.zeros(9)[::2]])
assert not kernel.fits([torch.zeros(8).double()], [torch.zeros(8).double()], [torch.zeros(8).double()])
"""
NORMS = """
import torch
from torch import nn
from torch.nn import functional as F
from barlowmatch.kernels import norms as kernel

torch.manual_seed(0)
kernel.TILE, kernel.PROGRAMS, kernel.SPLITS = 256, 7, 2
for shape, adds, relu in (((3, 20, 5, 4), False, True), ((5, 130, 2, 3), True, True), ((2, 8, 3, 3), True, False)):
    norm = nn.BatchNorm2d(shape[1], momentum=0.3)
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    exact = nn.BatchNorm2d(shape[1], momentum=0.3).double()
    exact.load_state_dict(norm.state_dict())
    values = 100 + torch.randn(shape).contiguous(memory_format=torch.channels_last)  # a mean far from zero
    added = torch.randn(shape) if adds else None
    upward = torch.randn(shape)
    mine = [values.clone().requires_grad_()] + ([added.clone().requires_grad_()] if adds else [])
    theirs = [tensor.detach().double().requires_grad_() for tensor in mine]
    found = kernel.norm_relu(mine[0], norm, mine[1] if adds else None, relu=relu)
    expected = exact(theirs[0]) + (theirs[1] if adds else 0)
    expected = F.relu(expected) if relu else expected
    found.backward(upward), expected.backward(upward.double())
    pairs = [(found, expected), *((one.grad, other.grad) for one, other in zip(mine, theirs))]
    pairs += [(one.grad, other.grad) for one, other in zip(norm.parameters(), exact.parameters())]
    pairs += [(one, other) for one, other in zip(norm.buffers(), exact.buffers())]
    for one, other in pairs:
        assert other.double().abs().max() > 0.1
        print(float((one - other).abs().max() / other.abs().max()) * 0.01)
    assert kernel.norm_relu(torch.full(shape, float("nan")), norm).isnan().all()
"""


@pytest.mark.parametrize("script", [JITTER, CROP, BLUR, LARS, NORMS], ids=["jitter", "crop", "blur", "lars", "norms"])
def test_a_kernel_computes_what_the_operations_do(script: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    errors = [float(line) for line in finished.stdout.split()]
    assert errors
    assert max(errors) < 2e-6


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
    "norms._sums": "x: *bf16, partial: *fp32, rows: i32, columns: i32, chunk: i32, across: i32",
    "norms._finish": (
        "x: *bf16, partial: *fp32, weight: *fp32, bias: *fp32, running_mean: *fp32, running_var: *fp32, "
        "coefficients: *fp32, moments: *fp32, rows: i32, columns: i32, splits: i32, momentum: fp32, eps: fp32"
    ),
    "norms._apply_tile": (
        "x: *bf16, added: *bf16, coefficients: *fp32, y: *bf16, rows: i32, columns: i32, across: i32"
    ),
    "norms._sum_gradients_chunk": (
        "x: *bf16, y: *bf16, gradient: *bf16, masked: *bf16, coefficients: *fp32, moments: *fp32, partial: *fp32, "
        "rows: i32, columns: i32, chunk: i32, across: i32"
    ),
    "norms._finish_gradients": (
        "partial: *fp32, coefficients: *fp32, moments: *fp32, sums: *fp32, rows: i32, columns: i32, splits: i32"
    ),
    "norms._gradient_tile": (
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
    kernel = getattr(importlib.import_module(f"barlowmatch.kernels.{module}"), function)
    types = dict(item.split(": ") for item in KERNELS[name].split(", "))
    constants = {key: value for key, value in CONSTANTS.items() if key in kernel.arg_names}
    signature = types | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    assert "cubin" in triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm
