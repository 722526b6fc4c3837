"""Timing operations of a network, forward and back."""

import time
from collections.abc import Callable, Sequence

from torch import Tensor


def forward_and_back(function: Callable[..., Tensor], inputs: Sequence[Tensor], behind: Tensor) -> tuple[float, float]:
    """Return the milliseconds that a function takes forward, and back to all its inputs from the gradient behind it."""
    fresh = [tensor.detach().requires_grad_() for tensor in inputs]
    started = time.perf_counter()
    outputs = function(*fresh)
    between = time.perf_counter()
    outputs.backward(behind)  # type: ignore[no-untyped-call]
    return 1e3 * (between - started), 1e3 * (time.perf_counter() - between)
