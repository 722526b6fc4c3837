"""3×3 convolutions, forward and backward on the CPU, ours against torch's own, channels_last.

Ours are by Winograd's algorithm in float32, by matrix products (im2col) in bfloat16. The layers are those of ResNet-18
with the 3×3 stem that go by the algorithm, or whose maps are small enough; `--size` is the side of the images.
"""

import argparse
from functools import partial
from statistics import geometric_mean, median
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from barlowmatch.fast import im2col, winograd
from barlowmatch.fast.allocator import keep_freed_memory
from benchmarks.measuring import table
from benchmarks.operations import forward_and_back


class Layer(NamedTuple):
    """A convolution: channels in and out, how many pixels the filter moves, and the side of the maps."""

    channels: int
    filters: int
    stride: int
    side: int


def layers(size: int) -> list[Layer]:
    """Return the layers for images of a size."""
    plain = [Layer(64 * 2**stage, 64 * 2**stage, 1, -(-size // 2**stage)) for stage in range(4)]
    return plain + [Layer(128 * 2**stage, 256 * 2**stage, 2, -(-size // 2 ** (1 + stage))) for stage in range(2)]


def small_layers(size: int) -> list[Layer]:
    """Return the layers of which a map's outputs are few."""
    strided = [Layer(64 * 2**stage, 128 * 2**stage, 2, -(-size // 2**stage)) for stage in range(3)]
    fitting = [one for one in layers(size)[:4] + strided if (one.side // one.stride) ** 2 <= im2col.SMALL]
    return sorted(fitting, key=lambda layer: layer.stride)


def compare(layer: Layer, batch: int, turns: int, dtype: torch.dtype) -> tuple[float, float, float, float]:
    """Return the library's milliseconds forward and backward and then ours, the median of turns."""
    cl = torch.channels_last
    images = torch.randn(batch, layer.channels, layer.side, layer.side).to(dtype).contiguous(memory_format=cl)
    weight = torch.randn(layer.filters, layer.channels, 3, 3).to(dtype).contiguous(memory_format=cl)
    plain = partial(F.conv2d, stride=layer.stride, padding=1)
    behind = torch.randn_like(plain(images, weight))
    by_product = partial(im2col.convolve, stride=layer.stride, padding=1)
    sides = (plain, by_product if dtype == torch.bfloat16 else partial(winograd.convolve, stride=layer.stride))
    found = [
        [ms for side in sides for ms in forward_and_back(side, (images, weight), behind)] for _ in range(turns + 1)
    ]
    theirs_forward, theirs_backward, forward, backward = (median(column) for column in zip(*found[1:], strict=True))
    return theirs_forward, theirs_backward, forward, backward


def run(argv: list[str]) -> dict[str, Any]:
    """Measure, print a table, and return the ratios over all layers."""
    parser = argparse.ArgumentParser(prog="benchmarks convolution", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="side of the images in px")
    parser.add_argument("--batch", type=int, default=256, help="images in a batch")
    parser.add_argument("--turns", type=int, default=5, help="turns of each side; the median counts")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args(argv)
    keep_freed_memory()
    dtype = getattr(torch, options.precision)
    chosen = layers(options.size) if dtype == torch.float32 else small_layers(options.size)
    if not chosen:
        raise SystemExit(f"--size {options.size}: no layer has maps of so few pixels; give it a smaller one")
    times = [compare(layer, options.batch, options.turns, dtype) for layer in chosen]
    header = ("channels", "map", "stride", "forward, torch ms", "ours", "backward, torch ms", "ours", "ratio")
    rows = [
        [f"{layer.channels} → {layer.filters}", f"{layer.side} px", str(layer.stride), f"{tf:.0f}", f"{f:.0f}",
         f"{tb:.0f}", f"{b:.0f}", f"{(tf + tb) / (f + b):.2f}"]
        for layer, (tf, tb, f, b) in zip(chosen, times, strict=True)
    ]  # fmt: skip
    print(table(header, rows))
    plain, strided = ([time for layer, time in zip(chosen, times, strict=True) if layer.stride == n] for n in (1, 2))
    return {
        "ratio_forward": round(geometric_mean(theirs / ours for theirs, _, ours, _ in plain), 2),
        "ratio_backward": round(geometric_mean(theirs / ours for _, theirs, _, ours in plain), 2),
        "ratio_vs_torch": round(geometric_mean((tf + tb) / (f + b) for tf, tb, f, b in plain), 2),
        "ratio_of_stride_2": round(geometric_mean((tf + tb) / (f + b) for tf, tb, f, b in strided), 2),
    }
