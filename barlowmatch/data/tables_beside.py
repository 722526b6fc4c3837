"""Tables that lie with the images: `labels.csv` and `metadata.csv`, in the dataset's folder and in its split folders.

Each says something about some of the images, and all of them are read: a label, a split or a group is what whichever
table has one says, and where two differ there is a complaint.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

from barlowmatch.data.dataset import SYNONYMS
from barlowmatch.data.file_rows import FileRows, composed, local
from barlowmatch.data.folders import Tree
from barlowmatch.data.repeats import without_repeats
from barlowmatch.data.tables import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    Table,
    delimiter_of,
    read_table,
    rows_of,
)
from barlowmatch.errors import InputError
from barlowmatch.events import Emit, Said, silent

TABLE_NAMES = ("labels.csv", "metadata.csv")
"""What tables are called, in small letters or capitals."""
_HEAD = 2**16
"""Bytes of a file that are looked at for the names of its columns."""
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
            called = _called(tree, prefix, name)
            if called is not None:
                table = read_table(tree.root / (prefix + called))
                table.need(FILE_COLUMNS)
                found.append((prefix, table))
    return found


def _called(tree: Tree, prefix: str, name: str) -> str | None:
    """Return what the table `name` of a folder is called there: so, else the one name that differs by capitals."""
    if prefix + name in tree.others:
        return name
    inside = [other[len(prefix) :] for other in tree.others if other.startswith(prefix)]
    alike = [other for other in inside if other.lower() == name]
    return alike[0] if len(alike) == 1 else None


def tell_otherwise_called(tree: Tree, splits: Sequence[str], tables: Tables, emit: Emit) -> None:
    """Warn of CSV files that lie where tables are read and name files and labels, and are called something else.

    A manifest is read where it is given, so none is told of.
    """
    read = {table.path for _, table in tables}
    places = [name for name in tree.others if name.rpartition("/")[0] in ("", *splits)]
    paths = [tree.root / name for name in places if name.lower().endswith(".csv")]
    unread = sorted(path for path in paths if path not in read and _has_labels(path))
    if unread:
        more = f" and {len(unread) - 1:,} more tables are" if len(unread) > 1 else " is"
        way_out = f"tables are called {' or '.join(TABLE_NAMES)}, so rename what holds labels"
        emit(Said(message=f"{unread[0]}{more} not read: {way_out}", level="warning"))


def _has_labels(path: Path) -> bool:
    """Say whether a file is a table with a column of files and one of labels, and no manifest."""
    try:
        with path.open("rb") as file:
            text = file.read(_HEAD).decode("utf-8-sig", "surrogateescape")  # any table may lie there, of any size
        _, header = next(rows_of(path, text, delimiter_of(text)), (0, []))
    except (OSError, InputError):
        return False
    names = {name.strip().lower() for name in header}
    return bool(names & set(FILE_COLUMNS) and names & set(LABEL_COLUMNS)) and not names >= {"sha256", "split"}


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


def spread(
    tables: Tables, files: Sequence[str], group_by: str | None, complain: Complain, emit: Emit = silent
) -> Columns:
    """Return what tables say, row by row of `files`.

    Args:
        tables: of the dataset; of two that say something of a file, the first counts.
        files: the images.
        group_by: a further column in which they may not differ.
        complain: told of names that are no images, and of tables that differ in label, split or group.
        emit: hears of rows that repeat others.

    Raises:
        InputError: a table says two things of a file.
    """
    columns: Columns = {}
    known = FileRows(files)
    sources: dict[tuple[str, int], Path] = {}
    alike = {LABEL, "split", "group", (group_by or LABEL).lower()}
    for prefix, given in tables:
        table, places = _placed(given, prefix, known, files, complain, emit)
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


def _placed(
    table: Table, prefix: str, known: FileRows, files: Sequence[str], complain: Complain, emit: Emit
) -> tuple[Table, list[int | None]]:
    """Return a table without repeated rows, and the dataset's row that each speaks of, None for what is no image."""
    names, folder = table.need(FILE_COLUMNS), table.path.parent.absolute()
    places = [known.find(prefix + name) for name in names]
    places = [
        known.find(prefix + local(name, folder)) if place is None else place
        for name, place in zip(names, places, strict=True)
    ]
    meant = [name if place is None else files[place] for name, place in zip(names, places, strict=True)]
    table, rows = without_repeats(table, meant, emit)
    names, places = [names[row] for row in rows], [places[row] for row in rows]
    missing = [row for row, place in enumerate(places) if place is None]
    if missing:
        complain(
            f"{table.path}: line {table.lines[missing[0]]} names {names[missing[0]]}, which is not among the images"
            f" ({len(missing)} such lines); correct the name or remove the line"
        )
    return table, places


def _meaning(column: str, value: str) -> str:
    """Return what a value means, however it is spelled."""
    plain = composed(value.strip())
    return SYNONYMS.get(plain.lower(), plain) if column == "split" else plain
