"""What only an accelerator can show; skipped where there is none."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from barlowmatch.cli import parse_config, run_command
from barlowmatch.data.layouts import read_dataset
from barlowmatch.data.views import FAMILIES, View, barlow_views, strong_view, weak_view
from barlowmatch.events import silent
from barlowmatch.fast import kernels
from barlowmatch.fast.norms import norm_relu
from barlowmatch.fast.residual import fuse_norms
from barlowmatch.machine.compute import choose_compute
from barlowmatch.models.backbones import build_backbone
from barlowmatch.randomness import SampleRandom
from barlowmatch.runs.run import Run
from barlowmatch.stages.classify import Supervised
from barlowmatch.stages.fixmatch import FixMatch
from barlowmatch.stages.images import load_images
from barlowmatch.stages.networks import Origin, build_classifying_network, build_pretraining_network
from barlowmatch.stages.pretrain import BarlowTwins, Pair
from barlowmatch.training import gradients
from barlowmatch.training.gradients import Gradients, ReplayedGradients
from barlowmatch.training.loop import Trainer
from barlowmatch.training.optim import LARS
from tests.machine.test_distributed import distance, gradients_and_statistics
from tests.processes import in_processes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

SMALL = "--backbone resnet18_quarter --batch-size 16 --num-epochs 1"
NATURAL = FAMILIES["natural"]
VIEWS: dict[str, Callable[[int], View]] = {
    "first": lambda size: barlow_views(NATURAL, size)[0],
    "second": lambda size: barlow_views(NATURAL, size)[1],
    "weak": lambda size: weak_view(NATURAL, size),
    "strong": lambda size: strong_view(NATURAL, size),
}
HEADS = {"pretrain": "--projector-width 64", "train-classifier": "--classifier-width 64", "fixmatch": "--mu 2"}


@pytest.fixture(autouse=True)
def whole_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions in float32 keep all its digits, where a GPU would round what it multiplies to ten bits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def waves(count: int, size: int) -> Tensor:
    """Return smooth colored images, uint8 (count, 3, size, size)."""
    places = torch.arange(size, dtype=torch.float64) / size
    random = torch.Generator().manual_seed(0)
    slopes = 6 * torch.rand(3, count, 3, 1, 1, generator=random, dtype=torch.float64)
    waves = torch.sin(slopes[0] * places.view(-1, 1) + slopes[1] * places + slopes[2])
    return ((waves + 1) * 127.5).round().to(torch.uint8)


@pytest.mark.parametrize("size", [32, 96])
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_those_of_the_cpu(name: str, size: int) -> None:
    images, view = waves(64, size), VIEWS[name](size)
    random = SampleRandom(3, 5, torch.arange(64))
    here, there = view(images, random), view(images.cuda(), random).cpu()
    # The CPU's crop rounds to levels, which what comes after it (a solarization, say) may spread for single pixels.
    assert (here - there).abs().mean() < 0.5 / 255
    assert ((here - there).abs() < 2.5 / 255).double().mean() > 0.99


def trainer_of(stage: str, data: Path, home: Path, more: str = "") -> Trainer:
    line = f"--dataset-folder {data} --cache-folder {home / 'cache'} --device cuda {SMALL} {HEADS[stage]} {more}"
    config = parse_config(stage, line.split())
    compute = choose_compute(config)
    dataset = read_dataset(config)
    images = load_images(dataset, config, compute, silent)
    if stage == "pretrain":
        task = BarlowTwins(build_pretraining_network(config, Origin(), images), images, config, compute)
    else:
        network = build_classifying_network(config, Origin(), images, dataset.classes, silent)
        task = {"train-classifier": Supervised, "fixmatch": FixMatch}[stage](network, images, config, compute)
    return Trainer(task, config, Run(stage, home, silent, home / "last.pt", home / "best.pt"), compute, {})


def test_there_are_kernels() -> None:
    assert kernels.available(torch.device("cuda", torch.cuda.current_device()))  # else all others test nothing


@contextmanager
def waiting_forbidden() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(("stage", "more"), [*((stage, "") for stage in HEADS), ("pretrain", "--optimizer muon")])
def test_no_step_waits_for_the_gpu(stage: str, more: str, seed_layout: Path, tmp_path: Path) -> None:
    trainer = trainer_of(stage, seed_layout, tmp_path, more)
    for step in range(6):
        if step < 2:  # kernels are chosen in the first ones
            trainer._step(trainer.task.batch(step))
            continue
        with waiting_forbidden():
            trainer._step(trainer.task.batch(step))


@pytest.mark.parametrize("backbone", ["resnet18_quarter", "mnasnet0_5"])  # the second is compiled
def test_what_is_replayed_are_the_gradients(
    backbone: str, seed_layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "COMPILE_SECONDS", 0.0)
    trainer = trainer_of("pretrain", seed_layout, tmp_path, f"--precision float32 --backbone {backbone}")
    task, compute = trainer.task, trainer.compute
    task.train()
    before = {name: value.clone() for name, value in task.named_buffers()}
    replayed = ReplayedGradients(task, compute, task.batch(0), steps=1000, minutes=None, emit=silent)
    for name, value in task.named_buffers():
        assert torch.equal(value, before[name]), name
    found = {}
    for how in (replayed, Gradients(task, compute)):
        for step in range(1, 4):
            metrics = how(task.batch(step))
            together = torch.cat([parameter.grad.flatten() for parameter in task.parameters()])
            found.setdefault(step, []).append((float(metrics["loss"]), together.clone()))
    for (loss, gradient), (expected_loss, expected) in found.values():
        assert loss == pytest.approx(expected_loss, rel=1e-2)
        assert torch.cosine_similarity(gradient, expected, dim=0) > 0.99
    assert found[1][0][0] != found[2][0][0]
    torch.randn(3, device="cuda")  # the generator draws outside of the graph


@pytest.mark.parametrize("shape", [(64, 64, 33, 17), (32, 512, 4, 4), (16, 2048, 3, 3), (8, 48, 7, 7)])
@pytest.mark.parametrize(("adds", "relu"), [(False, True), (True, True), (False, False)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_fused_norms_are_torchs_in_float64(
    shape: tuple[int, ...], adds: bool, relu: bool, dtype: torch.dtype, tolerance: float
) -> None:
    from barlowmatch.fast.kernels import norms as passes

    torch.manual_seed(0)
    norm = nn.BatchNorm2d(shape[1]).cuda()
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    exact = nn.BatchNorm2d(shape[1]).cuda().double()
    exact.load_state_dict(norm.state_dict())
    mine = [(2 + torch.randn(shape, device="cuda")).to(dtype).requires_grad_() for _ in range(1 + adds)]
    theirs = [tensor.detach().double().requires_grad_() for tensor in mine]
    upward = torch.randn(shape, device="cuda").to(dtype)
    found = norm_relu(passes, norm, mine[0], mine[1] if adds else None, relu=relu)
    expected = exact(theirs[0]) + (theirs[1] if adds else 0)
    expected = expected.relu() if relu else expected
    found.backward(upward), expected.backward(upward.double())
    pairs = [(found, expected), *((one.grad, other.grad) for one, other in zip(mine, theirs, strict=True))]
    pairs += [(one.grad, other.grad) for one, other in zip(norm.parameters(), exact.parameters(), strict=True)]
    pairs += list(zip(norm.buffers(), exact.buffers(), strict=True))
    for one, other in pairs:
        assert (one.double() - other.double()).norm() <= tolerance * other.double().norm()


def test_a_resnet_with_fused_norms_has_the_gradients_of_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from barlowmatch.fast.kernels import norms

    torch.manual_seed(0)
    plain = build_backbone("resnet18", 32, "small").cuda().to(memory_format=torch.channels_last)
    fused = copy.deepcopy(plain)
    assert fuse_norms(fused) == 9
    images = torch.rand(64, 3, 32, 32, device="cuda").contiguous(memory_format=torch.channels_last)
    gradients, counted = [], []
    monkeypatch.setattr(norms, "apply", lambda *given, apply=norms.apply: (counted.append(1), apply(*given))[1])
    for network in (plain, fused):
        network(images).square().sum().backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    assert len(counted) == 20
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_a_run_replays_its_steps(seed_layout: Path, tmp_path: Path) -> None:
    trainer = trainer_of("pretrain", seed_layout, tmp_path, "--num-epochs 3")
    trainer.train()
    assert isinstance(trainer.gradients, ReplayedGradients)
    torch.randn(3, device="cuda")


def test_a_network_that_cannot_be_recorded_is_computed_step_by_step(seed_layout: Path, tmp_path: Path) -> None:
    trainer = trainer_of("pretrain", seed_layout, tmp_path)
    trainer.task.network.projector.register_forward_hook(lambda _module, _inputs, output: output * float(output.max()))
    trainer.train()
    assert not isinstance(trainer.gradients, ReplayedGradients)
    torch.randn(3, device="cuda")


def test_batches_of_the_second_stream_are_whole(seed_layout: Path, tmp_path: Path) -> None:
    trainer = trainer_of("pretrain", seed_layout, tmp_path)
    busy = torch.randn(4096, 4096, device="cuda")
    sums = []
    with trainer.prefetcher.batches(0) as batches:
        for _ in range(20):
            batch = next(batches)
            for _ in range(4):
                busy @ busy  # what reads the batch comes late, and nobody waits for it
            sums.append((batch.first.double().sum(), batch.second.double().sum()))
    for step, found in enumerate(sums):
        expected = trainer.task.batch(step)
        assert found == (expected.first.double().sum(), expected.second.double().sum())


def test_a_batch_is_made_while_the_step_before_is_computed(seed_layout: Path, tmp_path: Path) -> None:
    trainer = trainer_of("pretrain", seed_layout, tmp_path)
    busy, make, made = torch.randn(8192, 8192, device="cuda"), trainer.prefetcher._made, []
    given = threading.Event()  # the step

    def late(step: int, after: torch.cuda.Event) -> Pair:
        if step == 3:
            given.wait()
        batch = make(step, after)
        made.append(trainer.prefetcher._stream.record_event())
        return batch

    trainer.prefetcher._made = late
    with trainer.prefetcher.batches(0) as batches:
        for _ in range(3):  # kernels are built in the first ones
            next(batches)
            torch.cuda.synchronize()
        for _ in range(40):  # a step of most of a second
            busy @ busy
        computed = torch.cuda.current_stream().record_event()
        given.set()
        next(batches)
        made[3].synchronize()
        assert not computed.query()


def test_lars_is_the_one_of_the_cpu() -> None:
    torch.manual_seed(0)
    shapes = ((5, 33), (64, 3, 3, 3), (1, 1), (4000, 1000), (16, 8, 1, 1))
    weights = [torch.randn(shape) for shape in shapes]
    weights[1] = weights[1].contiguous(memory_format=torch.channels_last)
    for rule in ({"eta": 0.003}, {"eta": 0.3, "clip": True}, {"adapt": False}):
        here, there = ([nn.Parameter(weight.to(device, copy=True)) for weight in weights] for device in ("cpu", "cuda"))
        optimizers = [LARS(parameters, 0.2, weight_decay=0.01, **rule) for parameters in (here, there)]
        for _ in range(3):
            for one, other in zip(here, there, strict=True):
                one.grad = torch.randn_like(one)
                other.grad = one.grad.cuda()
            for optimizer in optimizers:
                optimizer.step()
        for one, other in zip(here, there, strict=True):
            torch.testing.assert_close(other.cpu(), one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("autocast", [False, True], ids=["float64", "bfloat16"])
def test_batch_norm_of_two_processes_is_that_of_one(autocast: bool) -> None:
    dtype = torch.float32 if autocast else torch.float64
    exact = gradients_and_statistics(0, 64, torch.float64, False)
    alone = gradients_and_statistics(0, 64, dtype, autocast, "cuda")
    both = in_processes(2, gradients_and_statistics, 64, dtype, autocast, "cuda")[0]
    for many, one, right in zip(both, alone, exact, strict=True):
        assert distance(many, right) <= 2 * distance(one, right) + (1e-5 if autocast else 1e-9)


def test_all_stages_run(seed_layout: Path, tmp_path: Path) -> None:
    def run(command: str, line: str) -> None:
        words = f"--dataset-folder {seed_layout} --cache-folder {tmp_path / 'cache'} --device cuda {line}".split()
        assert run_command(command, parse_config(command, words), silent) == 0

    for stage, start in (("pretrain", ""), ("train-classifier", "pretrain"), ("fixmatch", "train-classifier")):
        transfer = f"--transfer-path {tmp_path / start / 'last.pt'}" if start else ""
        backbone = "" if start else "--backbone resnet18_quarter"
        for epochs in (1, 2):  # the second time it goes on
            run(
                stage,
                f"--run-dir {tmp_path / stage} --batch-size 16 --num-epochs {epochs} {HEADS[stage]} {backbone} "
                f"{transfer} --resume {'auto' if epochs == 1 else 'never'}",
            )
    checkpoint = f"--checkpoint-path {tmp_path / 'fixmatch' / 'last.pt'}"
    run("embed", f"{checkpoint} --out-path {tmp_path / 'embeddings'}")
    run("evaluate", checkpoint)
    run("predict", f"{checkpoint} --out-path {tmp_path / 'predictions.csv'}")
