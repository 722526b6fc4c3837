"""Which strategies there are, torch-free: what each is good for, its parameters, what it needs and where it is.

The order is that of the app's list: those that serve most people first.
"""

from dataclasses import dataclass
from typing import Literal

from barlowmatch.configs.fields import Parameter, parameters
from barlowmatch.errors import InputError
from barlowmatch.selection import configs

Need = Literal["embeddings", "labels", "probabilities", "head"]


@dataclass(frozen=True)
class Entry:
    """A strategy as a list or a form shows it.

    Attributes:
        name: as given to `--strategy`.
        summary: one sentence: what it asks for and when that serves.
        config: class of its parameters.
        needs: what it works on. Probabilities and head, where the folder has none, come from a linear classifier
            fitted to the labeled embeddings.
        place: `module:Class` of the implementation, imported when used.
    """

    name: str
    summary: str
    config: type[configs.StrategyConfig]
    needs: tuple[Need, ...]
    place: str


_ENTRIES = (
    Entry(
        "auto",
        "Typical pictures until every class has five labels, then uncertain ones that stand for many: start here.",
        configs.AutoConfig, ("embeddings",), "auto:Auto",
    ),
    Entry(
        "kmeans",
        "The paper's rule: pictures farthest from the centroids of the labeled ones; finds classes without labels.",
        configs.KMeansConfig, ("embeddings", "labels"), "kmeans:KMeans",
    ),
    Entry(
        "typiclust",
        "The most typical picture of each large cluster without labels: for the first labels of all.",
        configs.TypiClustConfig, ("embeddings",), "typiclust:TypiClust",
    ),
    Entry(
        "margin",
        "Pictures torn between two classes: for sharpening a classifier that already works.",
        configs.MarginConfig, ("probabilities",), "uncertainty:Margin",
    ),
    Entry(
        "badge",
        "Uncertain pictures that differ from each other: for large requests once a classifier works.",
        configs.BadgeConfig, ("embeddings", "probabilities"), "badge:Badge",
    ),
    Entry(
        "k-center",
        "Each picture the farthest from all labeled and chosen ones: covers the odd corners, outliers included.",
        configs.KCenterConfig, ("embeddings",), "k_center:KCenter",
    ),
    Entry(
        "maxherding",
        "Pictures that together resemble the whole pool most: steady at small budgets.",
        configs.MaxHerdingConfig, ("embeddings",), "maxherding:MaxHerding",
    ),
    Entry(
        "uherding",
        "Like maxherding, weighted by the classifier's doubt: goes from typical to uncertain as labels grow.",
        configs.UHerdingConfig, ("embeddings", "probabilities"), "uherding:UHerding",
    ),
    Entry(
        "probcover",
        "Pictures whose near surroundings cover most of the pool: for very small budgets.",
        configs.ProbCoverConfig, ("embeddings",), "probcover:ProbCover",
    ),
    Entry(
        "dropquery",
        "Pictures whose predicted class flips when features are dropped, spread over clusters.",
        configs.DropQueryConfig, ("embeddings", "head"), "dropquery:DropQuery",
    ),
    Entry(
        "entropy",
        "Pictures over which the classifier's doubt is spread widest.",
        configs.EntropyConfig, ("probabilities",), "uncertainty:Entropy",
    ),
    Entry(
        "least-confidence",
        "Pictures whose best guess is the least sure.",
        configs.LeastConfidenceConfig, ("probabilities",), "uncertainty:LeastConfidence",
    ),
    Entry(
        "random",
        "A uniform draw: the yardstick for all others, and the right choice for measuring.",
        configs.RandomConfig, (), "random:Random",
    ),
)  # fmt: skip

CATALOG = {entry.name: entry for entry in _ENTRIES}


def parameter_words() -> str:
    """Return which parameters the strategies have, with default and range, as help tells them."""
    told = {entry.name: [_words(parameter) for parameter in parameters(entry.config)] for entry in _ENTRIES}
    return "; ".join(f"{name}: {', '.join(words)}" for name, words in told.items() if words)


def _words(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f"={parameter.default}"
    return f"{parameter.name}{default}" + (f" ({parameter.range.words})" if parameter.range else "")


def find_strategy(name: str) -> Entry:
    """Return a strategy's entry.

    Raises:
        InputError: there is none of this name.
    """
    if name not in CATALOG:
        raise InputError(f"--strategy {name}: no such strategy; there are {', '.join(sorted(CATALOG))}")
    return CATALOG[name]
