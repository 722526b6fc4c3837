"""The only training loop: steps, schedule, averaging, evaluation, checkpoints, resume, stopping, and time.

A stage is a `Task` (`barlowmatch.training.task`). Everything random in a step is a function of
(seed, step, sample), so the loop's whole state is the weights, the optimizer, the average and the step number.
"""

import math
import signal
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import torch
from torch import Tensor

from barlowmatch.checkpoints import Checkpoint, save_checkpoint
from barlowmatch.configs.shared import RunOptions
from barlowmatch.errors import InputError, NotFiniteError
from barlowmatch.events import CheckpointSaved, Evaluated, Progress, Said
from barlowmatch.machine import distributed, launcher
from barlowmatch.machine.compute import Compute
from barlowmatch.machine.distributed import world_size
from barlowmatch.models.network import Network
from barlowmatch.models.sync_norm import synchronise_batch_norm
from barlowmatch.runs.run import Run
from barlowmatch.stopping import Interrupted, StopRequest, stop_signals
from barlowmatch.training.activations import bound_activations, memory_advice
from barlowmatch.training.gradients import Gradients, ReplayedGradients
from barlowmatch.training.optim import Ema
from barlowmatch.training.pacing import Pace, say_what_fits
from barlowmatch.training.prefetch import Prefetcher
from barlowmatch.training.task import Task

EVALUATIONS = 20
"""About how many times a run measures itself."""
LOOK_STEPS = 16
"""Steps of an accelerator between two looks at its numbers."""
REPORT_SECONDS = 0.5
SAVING_SHARE = 0.05
"""Checkpoints at epoch ends may take this share of the time; a run of short epochs writes at some of them only."""


@dataclass
class State:
    """Where a run stands; with the weights, the optimizer and the average this is all a checkpoint holds."""

    step: int = 0
    total_steps: int = 0
    planned: bool = False
    """Whether `total_steps` is what the given time allows."""
    best: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains one task in one run.

    Args:
        task: the stage's method.
        config: how long, how often, from which seed.
        run: where to report and to write.
        compute: on what.
        facts: what every checkpoint of the run carries (stage, config, classes, architecture, dataset).

    Attributes:
        kept: the network that is evaluated and kept as the best: the average where there is one; finished at the end.
        prefetcher: where the batches come from.
    """

    def __init__(self, task: Task, config: RunOptions, run: Run, compute: Compute, facts: Checkpoint) -> None:
        self.task = task
        self.config = config
        self.run = run
        self.facts = facts
        self.compute = compute
        compute.prepare(task.network)
        images = math.ceil(task.views_per_step / distributed.world_size())
        recomputed = bound_activations(task.network, images, compute, config.activation_memory)
        if recomputed:
            run.emit(Said(message=f"activations of {recomputed} blocks are recomputed on the way back, to save memory"))
        synchronise_batch_norm(task.network)
        self.gradients = Gradients(task, compute)
        self._replayed = task.replayable and compute.device.type == "cuda" and not recomputed and world_size() == 1
        self.optimizer = task.optimizer()
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.ema = Ema(task.network, task.ema_decay, task.start_share) if task.ema_decay is not None else None
        self.kept = task.network if self.ema is None else cast("Network", self.ema.module)
        self.minutes = config.minutes
        self.state = State(total_steps=config.passes(task.steps_per_epoch) * task.steps_per_epoch)
        self.saved_at = time.monotonic()
        self.saving_seconds = 0.0
        self.prefetcher = Prefetcher(task, compute.device)
        self.last_bad = torch.full((), -1, dtype=torch.int64, device=compute.device)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take over the state of a checkpoint of the same run."""
        self.task.network.load_parts(checkpoint)
        if self.ema is not None:
            self.ema.load_state_dict(checkpoint["ema"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.task.load_extra_state(checkpoint["task"])
        self.state = State(
            checkpoint["step"], checkpoint["total_steps"], checkpoint.get("planned", False),
            checkpoint["best"], dict(checkpoint["metrics"]),
        )  # fmt: skip
        if self.state.planned and checkpoint["config"]["minutes"] == self.minutes:
            self.minutes = (
                None  # what was planned stays: the schedule goes on where it was, and the time is not doubled
            )

    def train(self) -> dict[str, float]:
        """Run to the end and return the closing figures.

        Raises:
            InputError: the loss became NaN or infinite; the last good checkpoint is kept.
            Interrupted: SIGTERM or SIGINT came; a checkpoint was written first.
        """
        with stop_signals() as request, self.prefetcher.batches(self.state.step) as batches:
            if self._replayed and self.state.step < self.state.total_steps:
                self._record()
            pace = Pace(self.minutes, self.state.step)
            if self.state.step and self._evaluation_due():
                self._evaluate()  # the checkpoint may have been written before this epoch was judged
            while self.state.step < self.state.total_steps:
                with memory_advice(self.state.step, self.compute.device):
                    metrics = self._step(next(batches))
                self.state.step += 1
                self._look_up(request, metrics, pace)
                if self._epoch_ended():
                    self._end_epoch()
                self._plan(pace)
            self._close(request)
        return self.state.metrics

    def _close(self, request: StopRequest) -> None:
        """Finish the network and judge it; the steps are kept first, so that a stop in the meantime costs none."""
        for finishing in (False, True):
            if finishing:
                with memory_advice(self.state.step, self.compute.device):
                    self.kept = self.task.finish(self.kept)
                self._evaluate()
            self._save(best=finishing and self.task.judged_by is None)
            if distributed.any_process((request.status is not None,), self.compute.device)[0]:
                raise Interrupted(request.status or 128 + signal.SIGTERM)

    def _record(self) -> None:
        """Have the gradients replayed from now on, where the network can be recorded."""
        self.task.train()
        batch, left = self.task.batch(self.state.step), self.state.total_steps - self.state.step
        try:
            self.gradients = ReplayedGradients(
                self.task, self.compute, batch, steps=left, minutes=self.minutes, emit=self.run.emit
            )
        except RuntimeError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            self.run.emit(Said(message=f"steps are not replayed as a CUDA graph ({reason})", level="warning"))

    def _step(self, batch: Any) -> dict[str, Tensor]:
        """Make one step, without waiting for the device."""
        self.task.train()
        factor = self.task.rate(self.state.step, self.state.total_steps)
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = base * factor
        # Networks of other libraries may draw from torch's own stream (stochastic depth); tie it to the step as well.
        torch.manual_seed(self.config.seed * 1_000_003 + self.state.step)
        metrics = self.gradients(batch)
        distributed.average_gradients(self.task.parameters())
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update(self.task.network)
        finite = torch.isfinite(metrics["loss"])
        self.last_bad = torch.where(finite | (self.last_bad >= 0), self.last_bad, self.state.step)
        return metrics

    def _looking(self) -> bool:
        """Say whether numbers are read after this step; an accelerator waits for that, so not after each."""
        step = self.state.step
        return self.compute.device.type == "cpu" or step % LOOK_STEPS == 0 or step >= self.state.total_steps

    def _look_up(self, request: StopRequest, metrics: dict[str, Tensor], pace: Pace) -> None:
        """Between steps: report, and stop for a bad loss or a signal, in every process alike."""
        if not self._looking():
            return
        step, device = self.state.step, self.compute.device
        due = pace.due(REPORT_SECONDS, step) or step == self.state.total_steps  # short runs have a curve too
        if launcher.is_main() and due:
            self._report(metrics, pace)
        bad, stop, save = distributed.any_process(
            (int(self.last_bad) >= 0, request.status is not None, self._saving_due()), device
        )
        if bad:  # perhaps in another process alone
            self._stop_for_bad_loss(int(self.last_bad) if self.last_bad >= 0 else step - 1)
        if stop or save:
            self._save()
        if stop:
            raise Interrupted(request.status or 128 + signal.SIGTERM)

    def _report(self, metrics: dict[str, Tensor], pace: Pace) -> None:
        step, total = self.state.step, self.state.total_steps
        figures = {name: float(value) for name, value in metrics.items()}
        figures["lr"] = self.optimizer.param_groups[0]["lr"]
        rate = pace.rate(step)
        self.run.emit(
            Progress(
                work=self.run.stage, done=step, total=total, unit="step", rate=rate,
                samples_rate=rate * self.task.samples_per_step, remaining=(total - step) / rate if rate else 0.0,
                metrics=figures,
            )
        )  # fmt: skip

    def _check_weights(self) -> None:
        """Before weights are saved: a finite loss may still have led to a step past all numbers."""
        norms = torch._foreach_norm([weight.detach() for weight in self.task.network.parameters()])
        if not bool(torch.isfinite(torch.stack(list(norms))).all()):
            self._stop_for_bad_loss(self.state.step)

    def _stop_for_bad_loss(self, step: int) -> NoReturn:
        path = self.run.last_path
        kept = f"{path} keeps the last good state" if path.is_file() else "nothing is saved"
        raise InputError(f"step {step}: the loss is not finite; {kept}; lower the learning rate or use float32")

    def _epoch_ended(self) -> bool:
        return self.state.step % self.task.steps_per_epoch == 0 and self.state.step < self.state.total_steps

    def _evaluation_due(self) -> bool:
        epoch = self.state.step // self.task.steps_per_epoch
        epochs = math.ceil(self.state.total_steps / self.task.steps_per_epoch)
        return self._epoch_ended() and epoch % max(1, epochs // EVALUATIONS) == 0

    def _end_epoch(self) -> None:
        if self._evaluation_due():
            self._evaluate()
        elapsed = time.monotonic() - self.saved_at
        if distributed.from_main(elapsed * SAVING_SHARE >= self.saving_seconds):
            self._save()

    def _plan(self, pace: Pace) -> None:
        """Where the time is given, set the number of steps from the steps timed so far."""
        if self.minutes is None or not self._looking():  # an accelerator is given steps faster than it makes them
            return
        total, warm = distributed.from_main((pace.plan(self.state.step, self.state.total_steps), pace.warm))
        if warm and not self.state.planned:
            epochs = total / self.task.steps_per_epoch
            self.run.emit(say_what_fits(self.minutes, total, epochs))
        self.state.total_steps, self.state.planned = total, self.state.planned or warm

    def _evaluate(self) -> None:
        """Judge the network that is kept, where there is anything to judge it by, and save it where it is the best."""
        try:
            with memory_advice(self.state.step, self.compute.device):
                figures = self.task.evaluate(self.kept)
        except NotFiniteError:
            self._stop_for_bad_loss(self.state.step)
        if not figures:
            return
        self.state.metrics = figures
        self.run.emit(Evaluated(step=self.state.step, split="val", metrics=figures))
        if self.task.judged_by is not None and (
            self.state.best is None or figures[self.task.judged_by] > self.state.best
        ):
            self.state.best = figures[self.task.judged_by]
            self._save_best()

    def _saving_due(self) -> bool:
        return launcher.is_main() and time.monotonic() - self.saved_at > 60 * self.config.checkpoint_minutes

    def _save(self, *, best: bool = False) -> None:
        self._check_weights()
        started = time.monotonic()
        if launcher.is_main():
            save_checkpoint(self.run.last_path, self._checkpoint())
            self.run.emit(CheckpointSaved(step=self.state.step, path=str(self.run.last_path)))
        if best:
            self._save_best()
        self.saved_at = time.monotonic()
        self.saving_seconds = self.saved_at - started

    def _save_best(self) -> None:
        if launcher.is_main():
            save_checkpoint(self.run.best_path, {**self._facts(), **self.kept.parts()})

    def _facts(self) -> Checkpoint:
        state = self.state
        return {
            **self.facts, "step": state.step, "total_steps": state.total_steps, "planned": state.planned,
            "metrics": dict(state.metrics),
        }  # fmt: skip

    def _checkpoint(self) -> Checkpoint:
        return {
            **self._facts(),
            **self.task.network.parts(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "task": self.task.extra_state(),
            "best": self.state.best,
        }
