"""Find labels that are probably wrong, and write them to look at."""

from typing import Any

from barlowmatch.command_line.outputs import check_output_file, keeping_another, refuse_to_lose
from barlowmatch.configs.find_suspects import FindSuspectsConfig
from barlowmatch.data.tables import write_table
from barlowmatch.embeddings.folder import read_embeddings
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent
from barlowmatch.guessing.suspects import LEAST, find_suspects

COLUMNS = ("rank", "file", "label", "suggested", "odds")


def run(config: FindSuspectsConfig, emit: Emit = silent) -> dict[str, Any]:
    """Write the suspect labels of train to `--out-path` as CSV; return where, how many, and of how many judged.

    Raises:
        InputError: the embeddings cannot be used, fewer than two images have a label, or the file cannot be written
            or holds something else.
    """
    embeddings = read_embeddings(config.representations_path)
    check_output_file("--out-path", config.out_path, embeddings.dataset_folder)
    refuse_to_lose("--out-path", config.out_path, COLUMNS)
    rows = embeddings.labeled
    if len(rows) < 2:
        raise InputError(f"{embeddings.folder}: labels are judged by each other, and train has {len(rows)}")
    found = find_suspects(embeddings.unit_vectors(rows), embeddings.labels[rows], config.seed)
    names = [item.name for item in embeddings.classes]
    table = [
        (rank, embeddings.table.files[rows[place]], embeddings.table.labels[rows[place]], names[other], f"{odds:.6g}")
        for rank, (place, other, odds) in enumerate(zip(found.places, found.suggested, found.odds, strict=True), 1)
    ]
    with keeping_another(config.out_path, emit) as partial:
        write_table(partial, COLUMNS, table)
    message = f"{config.out_path}: {len(found)} of {found.judged} labels are suspect"
    left = len(rows) - found.judged
    if left:
        message += f"; {left} were not judged: of their class, or of every other, there are fewer than {LEAST} labels"
    emit(Said(message=message))
    return {"file": str(config.out_path), "count": len(found), "judged": found.judged}
