"""The loss of a batch and its gradients: operation by operation, or on a GPU recorded once and replayed at once."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from barlowmatch.events import Emit, Said
from barlowmatch.fast.residual import has_fused_norms
from barlowmatch.machine.compute import Compute
from barlowmatch.training.task import Task

Metrics = dict[str, Tensor]

WARM_UP = 3
"""Passes before one is recorded: the first chooses kernels, the last is timed."""
COMPILE_SECONDS = 60.0
"""What `torch.compile` takes; it was half a minute for ResNet-18 and a minute for Wide-ResNet-50-2."""
COMPILE_GAIN = 0.2
"""Share of a step that it saves; it fuses batch norms, activations and additions."""


class Gradients:
    """Leaves the gradients of a batch's loss in the parameters, computed operation by operation.

    Args:
        task: whose loss.
        compute: in which arithmetic.
    """

    def __init__(self, task: Task, compute: Compute) -> None:
        self._task = task
        self._compute = compute

    def __call__(self, batch: Any) -> Metrics:
        """Return the figures of the step, `loss` among them, without a graph behind them."""
        for parameter in self._task.parameters():
            parameter.grad = None
        with self._compute.context():
            metrics: Metrics = self._task(batch)
        metrics["loss"].backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in metrics.items()}


class ReplayedGradients(Gradients):
    """The same on a GPU, recorded as a CUDA graph and replayed at once.

    Launching a thousand operations costs the host more time than a GPU needs for them. What is recorded is compiled
    first where the time that is left pays for it, but for residual networks, whose norms have kernels of our own.

    Args:
        task: whose loss; its forward pass depends on the tensors of the batch alone, and all batches are alike.
        compute: in which arithmetic.
        batch: any; while it is recorded no other thread should use the GPU.
        steps: how many are left.
        minutes: how long the run may take at most; None = as long as the steps take.
        emit: hears what was chosen.

    Raises:
        RuntimeError: the network does what cannot be recorded, such as asking the GPU for a number.
    """

    def __init__(
        self, task: Task, compute: Compute, batch: Any, *, steps: int, minutes: float | None, emit: Emit
    ) -> None:
        super().__init__(task, compute)
        self._stream = torch.cuda.Stream(compute.device)  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()
        self._batch = replace(batch, **{item.name: getattr(batch, item.name).clone() for item in fields(batch)})
        backbone = task.network.backbone
        try:
            with _buffers_kept(task):
                left = min(self._seconds() * steps, 60 * minutes if minutes is not None else math.inf)
                if COMPILE_GAIN * left > COMPILE_SECONDS and not has_fused_norms(backbone):
                    emit(Said(message="compiling the network, which pays in a run of this length"))
                    torch._dynamo.config.suppress_errors = True  # without a C compiler, say, it stays as it is
                    backbone.compile(dynamic=False)
                    self._seconds()
            with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
                self._metrics = super().__call__(self._batch)
        except RuntimeError:
            _renew_generator(compute.device)
            raise
        finally:
            backbone._compiled_call_impl = None  # evaluation, of other shapes, would be compiled as well

    def __call__(self, batch: Any) -> Metrics:
        """Return the figures of the step; the next call overwrites them."""
        for item in fields(batch):
            getattr(self._batch, item.name).copy_(getattr(batch, item.name))
        self._graph.replay()
        return self._metrics

    def _seconds(self) -> float:
        """Compute gradients a few times, on the stream that will record, and return the seconds of the last time."""
        elapsed = 0.0
        self._stream.wait_stream(torch.cuda.current_stream(self._compute.device))
        for _ in range(WARM_UP):
            started = time.monotonic()
            with torch.cuda.stream(self._stream):
                super().__call__(self._batch)
            self._stream.synchronize()
            elapsed = time.monotonic() - started
        return elapsed


def _renew_generator(device: torch.device) -> None:
    """Give a device's generator a new state: that of a broken recording waits for its end for ever."""
    generator = torch.cuda.default_generators[device.index or 0]
    generator.graphsafe_set_state(torch.Generator(device).graphsafe_get_state())


@contextmanager
def _buffers_kept(module: nn.Module) -> Iterator[None]:
    """Give the statistics of batch norm back the values they had."""
    kept = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in kept:
            buffer.copy_(value)
