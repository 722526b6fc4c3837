"""The kernel that jitters colors on a GPU, run by Triton's interpreter here, and built for a GPU that is not there."""

import os
import subprocess
import sys

import pytest
import torch

triton = pytest.importorskip("triton")

INTERPRETED = """
import torch
from barlowmatch.data import color, fused

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
        fused.jitter(found, chosen, strengths[:, :operations], grey)
        assert (found - images).abs().mean() > 0.05
        print(float((found - expected).abs().max()))
"""


def test_the_kernel_computes_what_the_operations_do() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", INTERPRETED], env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    errors = [float(line) for line in finished.stdout.split()]
    assert len(errors) == 4
    assert max(errors) < 2e-6


@pytest.mark.skipif(torch.cuda.is_available(), reason="built and run by tests/test_gpu.py")
def test_the_kernel_can_be_built_for_a_gpu() -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from barlowmatch.data import fused

    types = {"images": "*fp32", "packed": "*fp32", "plane": "i32", "BLOCK": "constexpr"}
    source = ASTSource(fn=fused._jitter, signature=types, constexprs={"BLOCK": fused.BLOCK})
    assert "cubin" in triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm
