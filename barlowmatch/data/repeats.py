"""Tables that name a file more than once."""

from collections.abc import Sequence

from barlowmatch.data.tables import FILE_COLUMNS, Table
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said
from barlowmatch.words import count


def without_repeats(table: Table, files: Sequence[str], emit: Emit) -> tuple[Table, list[int]]:
    """Return a table without the rows that only repeat earlier ones, and which rows are left.

    Args:
        table: with the rows.
        files: the file that each row means, however it is spelled there.
        emit: hears how many rows there were.

    Raises:
        InputError: two rows name a file and differ in what they say of it; the line names both lines.
    """
    first: dict[str, int] = {}
    said = [cells for name, cells in table.columns.items() if name not in FILE_COLUMNS]
    for row, file in enumerate(files):
        earlier = first.setdefault(file, row)
        if any(cells[row].strip() != cells[earlier].strip() for cells in said):
            lines = f"lines {table.lines[earlier]} and {table.lines[row]}"
            raise InputError(f"{table.path}: {lines} both name {file}, and differ; remove one")
    kept = list(first.values())
    if len(kept) == len(files):
        return table, kept
    told = f"left out {count(len(files) - len(kept), 'line')} that only repeat others"
    emit(Said(message=f"{table.path}: {told}"))
    columns = {name: [cells[row] for row in kept] for name, cells in table.columns.items()}
    return Table(table.path, columns, [table.lines[row] for row in kept]), kept
