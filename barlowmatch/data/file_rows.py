"""Finding the row of a file by its name, as a table has it."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path


def composed(name: str) -> str:
    """Return a name with each letter and its marks as one sign: macOS takes them apart, spreadsheets do not."""
    return unicodedata.normalize("NFC", name)


def local(name: str, folder: Path) -> str:
    """Return what a name means that is no file as it is written: below the folder, by its whole path, with backslashes.

    Args:
        name: as a person, a spreadsheet or another system wrote it.
        folder: that its files are in; absolute.
    """
    return name.replace("\\", "/").removeprefix(f"{folder}/").removeprefix("./")


class FileRows:
    """Rows by the names of their files; where no file has a name as it is written, the one that looks alike.

    Args:
        files: the name of each row.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self._rows = {file: row for row, file in enumerate(files)}

    def find(self, name: str) -> int | None:
        """Return the row of a name, None where no file, or more than one that looks alike, has it."""
        row = self._rows.get(name)
        return self._alike.get(composed(name)) if row is None else row

    @cached_property
    def _alike(self) -> dict[str, int]:
        """The row of each name in its composed form; made where it is asked for, as most tables need none."""
        names = [composed(file) for file in self._files]
        counts = Counter(names)
        return {name: row for row, name in enumerate(names) if counts[name] == 1}
