"""Parameters of the command that chooses the images to request labels for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_embeddings, need_file, need_table
from barlowmatch.configs.fields import Range, Reads
from barlowmatch.configs.shared import Checked
from barlowmatch.selection.catalog import CATALOG, parameter_words

PAPER_RATIO = 0.025
"""The paper requests 12,800 of 512,000 images a round."""
Strategy = Annotated[
    str, Doc(f"What to ask for: {', '.join(CATALOG)} (kmeans is the paper's rule); docs/selection.md.")
]
StrategyParameters = Annotated[
    tuple[str, ...], Doc(f"Parameters of the strategy, as name=value. There are {parameter_words()}.")
]
REQUEST_COLUMNS = ("rank", "file", "score", "strategy", "reason")
"""Of the table of requested images; who reads it needs no torch."""


@dataclass(frozen=True, kw_only=True)
class SelectConfig(Checked):
    """Choose the images whose labels would help most, and write the request."""

    representations_path: Annotated[
        Path, Reads(need_embeddings), Doc("Folder of embeddings, as `embed` writes it.")
    ] = Path("representations")
    dest_path: Annotated[Path, Doc("Folder the request is written to; an older request there is replaced.")] = Path(
        "label_request"
    )
    strategy: Strategy = "kmeans"
    strategy_file: Annotated[
        Path | None,
        Reads(need_file),
        Doc("Python file with a strategy of your own, instead of --strategy (docs/selection.md); the file is run."),
    ] = None
    parameters: StrategyParameters = ()
    budget: Annotated[
        int | None, Range(1, 10**9, "images"), Doc("Images to request; default the paper's 2.5 % of all images.")
    ] = None
    asked: Annotated[
        tuple[Path, ...],
        Reads(need_table),
        Doc(
            "Earlier requests that are not answered yet (tables with a column `file`): their images are not asked for "
            "again, and what is like them counts as covered."
        ),
    ] = ()
    seed: Annotated[int, Range(0, 2**31 - 1), Doc("Every random choice derives from it.")] = 0
    round: Annotated[int, Range(1, 10**6), Doc("Number of the request: the original file is request_<n>.csv.")] = 1
    memory: Annotated[
        float,
        Range(0, 10**6, "GB"),
        Doc("Embeddings that take no more are kept in memory; larger ones are read in blocks."),
    ] = 6.0
