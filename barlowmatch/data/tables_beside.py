"""Tables that lie with the images: `labels.csv` and `metadata.csv`, in the dataset's folder and in its split folders.

Each says something about some of the images, and all of them are read: a label, a split or a group is what whichever
table has one says, and where two differ there is a complaint.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

from barlowmatch.data.dataset import SYNONYMS
from barlowmatch.data.file_rows import FileRows, composed, local
from barlowmatch.data.folders import Tree
from barlowmatch.data.tables import FILE_COLUMNS, LABEL_COLUMNS, Table, read_table, refuse_repeats
from barlowmatch.events import Emit, Said

TABLE_NAMES = ("labels.csv", "metadata.csv")
LABEL = LABEL_COLUMNS[0]

Columns = dict[str, list[str]]
"""What tables say beside the file, one value a dataset row, "" where they say nothing; labels are in `LABEL`."""
Complain = Callable[[str], None]
Tables = list[tuple[str, Table]]
"""Tables, each with the prefix of the names in it: of its folder, with a slash."""


def find_tables(tree: Tree, splits: Sequence[str]) -> Tables:
    """Return the tables of a tree: those of its folder, then those of its split folders.

    Raises:
        InputError: one cannot be read, or does not say of which files it speaks.
    """
    found = []
    for prefix in ("", *(f"{folder}/" for folder in splits)):
        for name in TABLE_NAMES:
            if prefix + name in tree.others:
                table = read_table(tree.root / (prefix + name))
                table.need(FILE_COLUMNS)
                found.append((prefix, table))
    return found


def tell_unread(tree: Tree, known: Set[str], emit: Emit) -> None:
    """Warn of tables in other folders than the `known` ones: whose files they name is not known."""
    places = [f"{folder}/{name}" for folder in tree.folders if folder not in known for name in TABLE_NAMES]
    unread = [place for place in places if place in tree.others]
    if unread:
        more = f" and {len(unread) - 1:,} more tables are" if len(unread) > 1 else " is"
        way_out = f"tables are read in {tree.root} itself and in its split folders, so put its rows into one there"
        emit(Said(message=f"{tree.root / unread[0]}{more} not read: {way_out}", level="warning"))


def has_labels(tables: Tables) -> bool:
    """Say whether any table has a label."""
    return any(table.labels() is not None for _, table in tables)


def spread(tables: Tables, files: Sequence[str], group_by: str | None, complain: Complain) -> Columns:
    """Return what tables say, row by row of `files`.

    Args:
        tables: of the dataset; of two that say something of a file, the first counts.
        files: the images.
        group_by: a further column in which they may not differ.
        complain: told of names that are no images, and of tables that differ in label, split or group.

    Raises:
        InputError: a table names a file twice.
    """
    columns: Columns = {}
    known = FileRows(files)
    sources: dict[tuple[str, int], Path] = {}
    alike = {LABEL, "split", "group", (group_by or LABEL).lower()}
    for prefix, table in tables:
        places = _places(table, prefix, known, files, complain)
        differing = []
        for column, values in _columns(table):
            target = columns.setdefault(column, [""] * len(files))
            for row, (place, value) in enumerate(zip(places, values, strict=True)):
                if place is None or not value.strip():
                    continue
                if not target[place]:
                    target[place] = value
                    if column in alike and len(tables) > 1:
                        sources[column, place] = table.path
                elif column in alike and _meaning(column, value) != _meaning(column, target[place]):
                    differing.append((row, place, column, value))
        if differing:
            row, place, column, value = differing[0]
            complain(
                f'{table.path}: line {table.lines[row]} says {column} "{value}" of {files[place]}, and '
                f'{sources[column, place]} says "{columns[column][place]}" ({len(differing)} such values); '
                "correct one of the two tables"
            )
    return columns


def _columns(table: Table) -> Iterator[tuple[str, list[str]]]:
    """Yield the columns of a table but that of files; that of labels under its one name too."""
    labels = table.labels()
    if labels is not None:
        yield LABEL, labels
    for name, values in table.columns.items():
        if name not in FILE_COLUMNS and (name != LABEL or labels is None):
            yield name, values


def _places(table: Table, prefix: str, known: FileRows, files: Sequence[str], complain: Complain) -> list[int | None]:
    """Return the row of the dataset that each row of a table speaks of, None for what is no image."""
    names, folder = table.need(FILE_COLUMNS), table.path.parent.absolute()
    places = [known.find(prefix + name) for name in names]
    places = [
        known.find(prefix + local(name, folder)) if place is None else place
        for name, place in zip(names, places, strict=True)
    ]
    refuse_repeats(table, [name if place is None else files[place] for name, place in zip(names, places, strict=True)])
    missing = [row for row, place in enumerate(places) if place is None]
    if missing:
        complain(
            f"{table.path}: line {table.lines[missing[0]]} names {names[missing[0]]}, which is not among the images"
            f" ({len(missing)} such lines); correct the name or remove the line"
        )
    return places


def _meaning(column: str, value: str) -> str:
    """Return what a value means, however it is spelled."""
    plain = composed(value.strip())
    return SYNONYMS.get(plain.lower(), plain) if column == "split" else plain
