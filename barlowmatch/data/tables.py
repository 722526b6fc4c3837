"""CSV files: read without trust, written so that a spreadsheet runs nothing in them.

Read are UTF-8 files (with or without a byte order mark) whose first line names the columns, separated by commas,
semicolons or tabs. Names of files and folders may hold bytes that are no UTF-8; they are kept by surrogateescape.
"""

import csv
import io
import itertools
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from barlowmatch.command_line.inputs import need_table
from barlowmatch.errors import InputError
from barlowmatch.files import write_text

FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
LABEL_COLUMNS = ("label", "class")
_PARTS = ";\t\r\n"
"""Where a spreadsheet that looks for another delimiter, and so for no quotes there, begins a cell or a row."""
_BEGINS = rf"(?:\A|(?<=[{_PARTS}]))"
_FORMULA = r"(?=[\"']*[=+\-@\t\r])"
_OPEN, _GUARDED = re.compile(_BEGINS + _FORMULA), re.compile(f"{_BEGINS}'{_FORMULA}")
_PART = re.compile(f"[{_PARTS}]")
_FIRST = tuple("=+-@\t\r\"'")


@dataclass(frozen=True)
class Table:
    """A CSV file by columns.

    Attributes:
        path: where it came from.
        columns: values by the column's name in lower case.
        lines: the line of the file each row ends on.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, names: Sequence[str]) -> list[str] | None:
        """Return the first column that has one of these names."""
        return next((self.columns[name] for name in names if name in self.columns), None)

    def labels(self) -> list[str] | None:
        """Return the column of labels: the first that has one of their names and any label in it."""
        columns = (self.columns[name] for name in LABEL_COLUMNS if name in self.columns)
        return next((values for values in columns if any(map(str.strip, values))), None)

    def need(self, names: Sequence[str]) -> list[str]:
        """Return the first column that has one of these names.

        Raises:
            InputError: there is none.
        """
        values = self.column(names)
        if values is None:
            found = ", ".join(f'"{name}"' for name in list(self.columns)[:6])
            raise InputError(
                f'{self.path}: line 1 has no column "{names[0]}" (it reads {found}); '
                "the first line names the columns, such as file,label"
            )
        return values


def read_table(path: Path) -> Table:
    """Read a CSV file.

    Raises:
        InputError: missing, in another encoding, without a header, or with rows of another length.
    """
    text = read_csv_text(path)
    rows = list(rows_of(path, text, delimiter_of(text)))
    if not rows:
        raise InputError(f"{path}: is empty; the first line names the columns, such as file,label")
    header = [unguard(name.strip().lower()) for name in rows[0][1]]
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise InputError(f'{path}: line 1 names the column "{min(repeated)}" twice; rename one')
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(f"{path}: line {line} has {len(row)} values and line 1 names {len(header)} columns")
    values = [list(map(unguard, column)) for column in zip(*(row for _, row in rows[1:]), strict=True)]
    columns = dict(zip(header, values or [[] for _ in header], strict=True))
    table = Table(path, columns, [line for line, _ in rows[1:]])
    for name in LABEL_COLUMNS:
        _check_text(table, name)
    return table


def read_csv_text(path: Path) -> str:
    """Return the text of a CSV file, bytes that are no UTF-8 kept by surrogateescape.

    Raises:
        InputError: it cannot be read, or is plainly no UTF-8 text.
    """
    try:
        need_table(path)
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is UTF-16; save it as CSV in UTF-8")
    if b"\0" in content:
        raise InputError(f"{path}: is no CSV text (it holds zero bytes); save it as CSV in UTF-8")
    return content.decode("utf-8-sig", "surrogateescape")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, whole or not at all."""
    write_text(path, table_text(header, rows))


def table_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV, its cells guarded against formulas."""
    return rows_text(itertools.chain([header], rows))


def rows_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV without a header, their cells guarded against formulas.

    All cells of a row are quoted where one holds what may end a cell elsewhere: a lone carriage return ends a line to
    every reader, but is quoted only by writers that end theirs with it, and a semicolon ends a cell where decimals have
    a comma.
    """
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = [guard(str(value)) for value in row]
        writer = quoted if any(map(_PART.search, cells)) else plain
        writer.writerow(cells)
    return text.getvalue()


def write_numbers(file: TextIO, header: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> None:
    """Write a table whose rows end in many numbers, as `table_text` has it: these need neither guards nor quotes.

    Args:
        file: open for text.
        header: names of all columns.
        rows: the cells that each begins with, and its numbers as text, parted by commas.
    """
    file.write(rows_text([header]))
    for cells, numbers in rows:
        if any(map(_PART.search, cells)):
            file.write(rows_text([[*cells, *numbers.split(",")]]))  # all cells are quoted then
        else:
            file.write(f"{rows_text([cells])[:-1]},{numbers}\n")


def guard(value: str) -> str:
    """Return a cell in which no spreadsheet finds a formula, wherever it parts cells; numbers stay as they are.

    An apostrophe is put before what looks like one at the start and after each semicolon, tab and end of line.
    """
    if not value.startswith(_FIRST) and not _PART.search(value):
        return value  # nearly all, at a third of the time
    return value if _is_number(value) else _OPEN.sub("'", value)


def unguard(value: str) -> str:
    """Return the value of a guarded cell."""
    return _GUARDED.sub("", value) if "'" in value else value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return value == value.strip()  # an end of a line before a number is one to a spreadsheet


def label_in(cell: str, classes: Container[str]) -> str:
    """Return the label in a cell; spaces around it count only where the name of a class has them."""
    return cell if cell in classes else cell.strip()


def delimiter_of(text: str) -> str:
    """Return what parts the columns of a CSV: spreadsheets of many languages write semicolons."""
    return max(",;\t", key=text.split("\n", 1)[0].count)


def rows_of(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and values of each row of a CSV that is not blank.

    Raises:
        InputError: it is no CSV; the line names the file.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is no CSV ({error})") from error


def is_text(value: str) -> bool:
    """Say whether a value is free of bytes that are no UTF-8."""
    return value.isascii() or not any("\udc80" <= character <= "\udcff" for character in value)


def shown(value: Any) -> Any:
    """Return plain values with all their text as it can be shown and sent: bytes that are no UTF-8 as escapes."""
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        case list():
            return [shown(item) for item in value]
        case dict():
            return {shown(name): shown(item) for name, item in value.items()}
        case _:
            return value


def _check_text(table: Table, name: str) -> None:
    """Refuse a column of class names in another encoding."""
    for line, value in zip(table.lines, table.columns.get(name, [""] * len(table)), strict=True):
        if not is_text(value):
            raise InputError(f"{table.path}: line {line}, column {name}: is not UTF-8; save the file as CSV in UTF-8")
