"""Rounds: requests that strategies wrote, taken up as questions to people."""

from pathlib import Path

from barlowmatch.data.tables import FILE_COLUMNS, Table, read_table
from barlowmatch.errors import InputError
from labeling.names import named_images
from labeling.project import writing
from storage.database import Database, transaction
from storage.errors import Refused
from storage.records import NewItem, Purpose
from storage.requests import Added, add_request


def import_request(folder: Path, path: Path, overlap: int = 1, purpose: Purpose = "train") -> Added:
    """Take up a request CSV (rank, file, score, strategy, reason; only file is needed).

    Raises:
        InputError: an unknown file, a rank or score that is no number, or no image that needs an answer; nothing is
            stored then.
    """
    with writing(folder) as db, transaction(db):
        items = read_request(db, path)
        strategies = {item.strategy for item in items}
        strategy = strategies.pop() if len(strategies) == 1 else None
        try:
            return add_request(db, items, purpose=purpose, strategy=strategy, overlap=overlap)
        except Refused as refused:
            raise InputError(f"{path}: {refused}; {refused.hint}") from refused


def read_request(db: Database, path: Path) -> list[NewItem]:
    """Return what a request CSV asks about, the most wanted first.

    Raises:
        InputError: an unknown file, a rank or score that is no number; the line names it.
    """
    table = read_table(path)
    files = table.need(FILE_COLUMNS)
    if not files:
        raise InputError(f"{path}: requests no image")
    items = []
    for row, image in enumerate(named_images(db, files)):
        if image is None:
            raise InputError(
                f"{path}: line {table.lines[row]} names {files[row]}, which is no image of the project; correct it "
                "or run import --rescan"
            )
        items.append((_number(table, row, "rank"), row, _item(table, row, image)))
    return [item for _, _, item in sorted(items, key=lambda entry: (entry[0] is None, entry[0] or 0, entry[1]))]


def _item(table: Table, row: int, image: int) -> NewItem:
    return NewItem(image, _text(table, row, "strategy"), _number(table, row, "score"), _text(table, row, "reason"))


def _text(table: Table, row: int, name: str) -> str | None:
    column = table.columns.get(name)
    return (column[row] or None) if column else None


def _number(table: Table, row: int, name: str) -> float | None:
    text = _text(table, row, name)
    try:
        number = None if text is None else float(text)
    except ValueError:
        raise InputError(f'{table.path}: line {table.lines[row]}: {name} "{text}" is no number') from None
    return number if number is not None and abs(number) < float("inf") else None
