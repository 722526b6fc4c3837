"""What a stage adds to the training loop: a network, the batch of a step, its loss and how it is judged."""

from abc import ABC, abstractmethod
from typing import Any

from torch import nn
from torch.optim import Optimizer

from barlowmatch.models.network import Network


class Task(nn.Module, ABC):
    """What a stage adds to the loop: `forward(batch)` returns `{"loss": …}` and figures worth watching.

    Attributes:
        network: what is trained.
        samples_per_step: images or pairs a step works on, over all processes.
        views_per_step: images the network sees in a step, over all processes.
        steps_per_epoch: steps that make an epoch.
        ema_decay: largest decay of the averaged model; None = no average is kept.
        start_share: share in that average of the network as it was at the start.
        judged_by: the figure of `evaluate` that picks the best model; None = the last one is the best.
        replayable: whether `forward` depends on the tensors of its batch alone, a dataclass of nothing else, so that a
            GPU may replay it without Python.
    """

    network: Network
    samples_per_step: int
    views_per_step: int
    steps_per_epoch: int
    ema_decay: float | None = None
    start_share: float = 0.0
    judged_by: str | None = None
    replayable: bool = False

    @abstractmethod
    def batch(self, step: int) -> Any:
        """Return this process's share of the batch of `step`; called from another thread, ahead of time."""

    @abstractmethod
    def optimizer(self) -> Optimizer:
        """Return a new optimizer over the parameters to train; each group's `lr` is its base rate."""

    @abstractmethod
    def rate(self, step: int, total: int) -> float:
        """Return the factor on the base learning rates at `step` of `total`."""

    def evaluate(self, network: Network) -> dict[str, float]:
        """Return figures of `network` on the validation split; nothing where there is none."""
        return {}

    def at_start(self) -> dict[str, float]:
        """Return the figures of what the run begins with, where its end is to be compared with them; else nothing."""
        return {}

    def finish(self, network: Network) -> Network:
        """Return what to keep, and to judge, of the trained `network` once all steps are made; twice gives the same."""
        return network

    def closing(self, figures: dict[str, float]) -> dict[str, Any]:
        """Return what `result.json` should hold of the latest evaluation, which gave `figures`."""
        return dict(figures)

    def extra_state(self) -> dict[str, Any]:
        """Return tensors and plain values of the task itself that a resumed run needs."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `extra_state` returned."""
