"""Folded batch norms change no output, and only those that can be folded are."""

import copy

import pytest
import torch
from torch import Tensor, nn

from barlowmatch.models.backbones import build_backbone
from barlowmatch.models.folding import fold_batch_norms


def trained(network: nn.Module) -> nn.Module:
    """Give every batch norm statistics and a slope, as training does, and go to evaluation in float64."""
    torch.manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.normal_(part.weight, 1, 0.2)
            nn.init.normal_(part.bias)
    return network.eval().double()


@pytest.mark.parametrize(
    ("name", "folded"), [("resnet18", 20), ("resnet18_quarter", 20), ("resnet50", 53), ("densenet121", 59)]
)
def test_a_backbone_gives_the_same_embeddings(name: str, folded: int) -> None:
    """All norms of a ResNet, half of a DenseNet's: its others stand before their convolution."""
    network = trained(build_backbone(name, 64, "medium"))
    images = torch.rand(3, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected = network(images)
        assert fold_batch_norms(network) == folded
        torch.testing.assert_close(network(images), expected, rtol=1e-9, atol=1e-9)


class Shared(nn.Module):
    """One convolution for two norms, one norm for two convolutions, and a map that is used before its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (nn.Conv2d(4, 4, 1) for _ in range(3))
        self.first, self.second, self.third = (nn.BatchNorm2d(4) for _ in range(3))

    def forward(self, images: Tensor) -> Tensor:
        mixed = self.first(self.one(images)) + self.second(self.one(images))
        mixed = self.second(self.two(mixed))
        result: Tensor = self.three(mixed)
        return result * self.third(result)


class Asks(nn.Module):
    """Does what cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.body(images)
        return result if float(result.detach().sum()) > 0 else -result


@pytest.mark.parametrize("network", [Shared(), Asks()])
def test_what_cannot_be_folded_stays_as_it_is(network: nn.Module) -> None:
    network = trained(network)
    images = torch.rand(2, 4, 5, 5, dtype=torch.float64)
    expected = copy.deepcopy(network)(images)
    assert fold_batch_norms(network) == 0
    assert torch.equal(network(images), expected)
