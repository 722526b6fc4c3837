"""Parameters of the command that finds labels that are probably wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from barlowmatch.command_line.inputs import need_embeddings
from barlowmatch.configs.fields import Range, Reads
from barlowmatch.configs.shared import Checked


@dataclass(frozen=True, kw_only=True)
class FindSuspectsConfig(Checked):
    """Find labels that the other labels speak against, the most doubtful first; nothing is changed."""

    representations_path: Annotated[
        Path, Reads(need_embeddings), Doc("Folder of embeddings, as `embed` writes it.")
    ] = Path("representations")
    out_path: Annotated[Path, Doc("CSV file of rank, file, label, the class suggested and its odds.")] = Path(
        "suspects.csv"
    )
    seed: Annotated[int, Range(0, 2**31 - 1), Doc("Every random choice derives from it.")] = 0
