"""Heads: what dropout draws from, and which classes keep their row."""

import pytest
import torch
from torch import nn

from barlowmatch.models.heads import Classifier, SampleDropout, build_projector, classifier_width, keep_known_classes
from barlowmatch.randomness import SampleRandom


def random(index: list[int], step: int = 3) -> SampleRandom:
    return SampleRandom(7, step, torch.tensor(index))


def test_a_samples_mask_does_not_depend_on_its_batch() -> None:
    dropout = SampleDropout(0.4, "d").train()
    together = dropout(torch.ones(4, 500), random([5, 6, 7, 8]))
    alone = dropout(torch.ones(1, 500), random([7]))
    assert torch.equal(together[2], alone[0])
    assert not torch.equal(together[1], together[2])
    assert not torch.equal(alone, dropout(torch.ones(1, 500), random([7], step=4)))


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    values = SampleDropout(0.3, "d").train()(torch.ones(200, 500), random(list(range(200))))
    assert (values == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert values.mean().item() == pytest.approx(1.0, abs=0.01)


def test_nothing_is_dropped_in_evaluation() -> None:
    values = torch.randn(3, 9)
    assert torch.equal(SampleDropout(0.9, "d").eval()(values, random([1, 2, 3])), values)


def test_heads_have_the_papers_layers() -> None:
    projector, classifier = build_projector(64, 128), Classifier(64, 128, 10, 0.1)
    assert [type(layer) for layer in projector] == [
        nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear
    ]  # fmt: skip
    assert sum(isinstance(module, nn.Linear) for module in classifier.modules()) == 4
    assert classifier.eval()(torch.zeros(2, 64)).shape == (2, 10)


@pytest.mark.parametrize(("classes", "width"), [(1, 512), (10, 512), (100, 1024), (800, 8192), (10_000, 8192)])
def test_the_classifier_grows_with_the_classes(classes: int, width: int) -> None:
    assert classifier_width(classes) == width


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_surviving_classes_keep_their_row(kind: torch.dtype) -> None:
    """Also those of a network that was trained at another precision."""
    old, new = nn.Linear(4, 3), nn.Linear(4, 3)
    fresh = new.weight.detach().clone()
    kept = keep_known_classes(new, old.weight.detach().to(kind), old.bias.detach().to(kind), [2, -1, 0])
    assert kept == 2
    assert torch.equal(new.weight[0], old.weight[2])
    assert torch.equal(new.weight[2], old.weight[0])
    assert torch.equal(new.bias[2], old.bias[0])
    assert torch.equal(new.weight[1], fresh[1])
