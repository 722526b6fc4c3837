"""Parameters of the command that tries strategies on images whose labels are known."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_checkpoint, need_embeddings
from barlowmatch.configs.fields import Range, Reads
from barlowmatch.configs.shared import ComputeOptions, Views
from barlowmatch.errors import InputError

DEFAULT_STRATEGIES = "random,auto,kmeans,k-center,typiclust,probcover,maxherding,margin,badge,balanced-oracle"


@dataclass(frozen=True, kw_only=True)
class SimulateConfig(ComputeOptions):
    """Try strategies on images whose labels are known, and compare each with asking at random."""

    representations_path: Annotated[
        Path | None,
        Reads(need_embeddings),
        Doc("Folder of embeddings; default made from --dataset-folder by --checkpoint-path."),
    ] = None
    checkpoint_path: Annotated[
        Path | None,
        Reads(need_checkpoint),
        Doc("Checkpoint that embeds the images, and that --learner classifier and fixmatch start from."),
    ] = None
    dest_path: Annotated[Path, Doc("Folder for picks, curves, table and plot; finished parts in it are reused.")] = (
        Path("simulation")
    )
    strategies: Annotated[
        str,
        Doc(
            "Strategies, separated by commas. `balanced-oracle` knows the classes and fills them evenly; `inverted` is "
            "the original code's rule. `random` always runs."
        ),
    ] = DEFAULT_STRATEGIES
    budgets: Annotated[str, Doc("Numbers of labels at which accuracy is measured, ascending, by commas.")] = (
        "10,20,40,80,160"
    )
    repeats: Annotated[
        int, Range(1, 10_000), Doc("Repetitions, each with its own part of the pool and first draw.")
    ] = 10
    learner: Annotated[
        Literal["probe", "knn", "classifier", "fixmatch"],
        Doc("What learns from the labels: a linear probe or neighbours on the embeddings, or a stage of training."),
    ] = "probe"
    learner_epochs: Annotated[int, Range(1, 100_000, "epochs"), Doc("Epochs of --learner classifier and fixmatch.")] = (
        30
    )
    views: Annotated[
        Views,
        Doc("What leaves a picture's class alone, for --learner classifier and fixmatch; as in train-classifier."),
    ] = "natural"
    start: Annotated[
        Literal["own", "random"],
        Doc("Who chooses the first labels: the strategy itself where it can, or one random draw shared by all."),
    ] = "own"
    pool_share: Annotated[float, Range(0, 1, open_low=True), Doc("Share of the pool that a repetition sees.")] = 0.8
    imbalance: Annotated[
        float, Range(1, 10_000), Doc("Largest over smallest class in the pool; sizes fall geometrically between.")
    ] = 1.0
    junk: Annotated[str, Doc("Share of pool images that show nothing: each costs a label and teaches none.")] = "0%"
    label_noise: Annotated[str, Doc("Share of answers that name a wrong class.")] = "0%"
    seed: Annotated[int, Range(0, 2**31 - 1), Doc("Every random choice derives from it.")] = 0
    shard: Annotated[str, Doc("i/n: do every n-th part of the work only; a last run without it draws it together.")] = (
        "1/1"
    )

    def __post_init__(self) -> None:
        """Check ranges, and that the texts are what they should be."""
        super().__post_init__()
        _ = self.budget_list, self.strategy_list, self.shard_pair
        parse_share(self.junk, "--junk")
        parse_share(self.label_noise, "--label-noise")

    @property
    def budget_list(self) -> tuple[int, ...]:
        """The budgets as numbers."""
        try:
            budgets = tuple(int(word) for word in self.budgets.split(","))
        except ValueError:
            budgets = ()
        if not budgets or budgets[0] < 1 or any(after <= before for before, after in pairwise(budgets)):
            raise InputError(f"--budgets {self.budgets}: must be ascending numbers such as 10,20,40")
        return budgets

    @property
    def strategy_list(self) -> tuple[str, ...]:
        """The strategies' names, `random` first."""
        names = [word.strip() for word in self.strategies.split(",") if word.strip()]
        return tuple(dict.fromkeys(["random", *names]))

    @property
    def shard_pair(self) -> tuple[int, int]:
        """Which part of how many, from 1."""
        first, _, second = self.shard.partition("/")
        if not (first.isdigit() and second.isdigit() and 1 <= int(first) <= int(second)):
            raise InputError(f"--shard {self.shard}: must be i/n with i from 1 to n, such as 2/8")
        return int(first), int(second)


def parse_share(text: str, flag: str) -> float:
    """Return a share given as `3%` or `0.03`.

    Raises:
        InputError: it is neither, or not from 0 to below 1.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise InputError(f"{flag} {text}: must be a share such as 3% or 0.03")
    return value
