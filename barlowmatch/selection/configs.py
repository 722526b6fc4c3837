"""Parameters of the strategies, torch-free, so that forms and flags derive from them."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from barlowmatch.configs.fields import Range
from barlowmatch.configs.shared import Checked


@dataclass(frozen=True, kw_only=True)
class StrategyConfig(Checked):
    """Parameters of a strategy; most need none."""


@dataclass(frozen=True, kw_only=True)
class RandomConfig(StrategyConfig):
    """Nothing to set."""


@dataclass(frozen=True, kw_only=True)
class MarginConfig(StrategyConfig):
    """Nothing to set."""


@dataclass(frozen=True, kw_only=True)
class EntropyConfig(StrategyConfig):
    """Nothing to set."""


@dataclass(frozen=True, kw_only=True)
class LeastConfidenceConfig(StrategyConfig):
    """Nothing to set."""


@dataclass(frozen=True, kw_only=True)
class KCenterConfig(StrategyConfig):
    """Nothing to set."""


@dataclass(frozen=True, kw_only=True)
class BadgeConfig(StrategyConfig):
    """Nothing to set."""


@dataclass(frozen=True, kw_only=True)
class KMeansConfig(StrategyConfig):
    """How the labeled images are clustered."""

    clusters: Annotated[
        int | None, Range(1, 100_000), Doc("Clusters; default the classes or the labeled images, whichever is fewer.")
    ] = None
    iterations: Annotated[int, Range(1, 10_000), Doc("Passes of k-means at most.")] = 100


@dataclass(frozen=True, kw_only=True)
class TypiClustConfig(StrategyConfig):
    """How the images are clustered and what counts as typical."""

    clusters: Annotated[int, Range(1, 100_000), Doc("Clusters at most; fewer when there are fewer labels.")] = 500
    neighbours: Annotated[int, Range(1, 10_000), Doc("Neighbours whose mean distance makes a picture typical.")] = 20


@dataclass(frozen=True, kw_only=True)
class AutoConfig(StrategyConfig):
    """When to go from typical to uncertain images."""

    labels_per_class: Annotated[
        int, Range(1, 10_000), Doc("Labels every class should have before uncertain pictures are asked for.")
    ] = 5


@dataclass(frozen=True, kw_only=True)
class CoverageConfig(StrategyConfig):
    """What the pool is represented by while pictures are compared."""

    anchors: Annotated[
        int, Range(1, 10_000_000, "images"), Doc("Images over which coverage is averaged; more are drawn from.")
    ] = 50_000
    candidates: Annotated[
        int,
        Range(1, 10_000_000, "images"),
        Doc("Images among which the choice is made; at least four times the budget."),
    ] = 50_000


@dataclass(frozen=True, kw_only=True)
class MaxHerdingConfig(CoverageConfig):
    """How near two images must be to represent each other."""

    sigma: Annotated[float, Range(0, 10, open_low=True), Doc("Width of the Gaussian kernel on unit vectors.")] = 1.0


@dataclass(frozen=True, kw_only=True)
class UHerdingConfig(CoverageConfig):
    """How near two images must be to represent each other, and how doubt is scaled."""

    sigma: Annotated[
        float | None,
        Range(0, 10, open_low=True),
        Doc(
            "Width of the Gaussian kernel on unit vectors; default the least distance among labeled ones, copies aside."
        ),
    ] = None
    temperature: Annotated[
        float | None,
        Range(0, 1000, open_low=True),
        Doc("Divides the logits before doubt is measured; default the one with the least calibration error."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ProbCoverConfig(CoverageConfig):
    """How large the ball is that an image covers."""

    radius: Annotated[
        float | None,
        Range(0, 2, open_low=True),
        Doc("Radius of the ball on unit vectors; default the largest whose balls are pure."),
    ] = None
    purity: Annotated[
        float, Range(0, 1), Doc("Share of a ball that must be of one k-means cluster, where radius is not given.")
    ] = 0.95
    clusters: Annotated[
        int | None, Range(2, 100_000), Doc("Clusters by which purity is judged; default the number of classes.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class DropQueryConfig(StrategyConfig):
    """How much is dropped and what counts as flipping."""

    rate: Annotated[float, Range(0, 0.99), Doc("Share of the features dropped.")] = 0.75
    draws: Annotated[int, Range(1, 1000), Doc("Random drops tried on each image.")] = 3
