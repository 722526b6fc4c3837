"""Help as it is printed: numbers in one piece, lines as wide as the terminal, and an example at the end."""

import io
import re
import shutil
import textwrap
from typing import TextIO

_COMMA = "\ue000"
"""Stands for the comma in a number while lines are broken: tyro breaks them behind commas."""


class Page(io.StringIO):
    """Takes what tyro prints, which is to look as on the stream it is meant for."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream, spelled as tyro does, which chooses the frame by it."""
        return str(self._stream.encoding).lower()

    def isatty(self) -> bool:
        """Say whether it is a terminal, for which there are colors."""
        return self._stream.isatty()

    def text(self, example: str | None) -> str:
        """Return what was printed.

        Args:
            example: a command line to end with; it stays in one line.
        """
        said = re.sub("\n{3,}", "\n\n", self.getvalue().replace(_COMMA, ","))
        lines = "\n".join(map(_wrapped, said.splitlines()))
        return lines + ("\n" if example is None else f"\n\nexample:\n  {example}\n")


def unbroken(text: str) -> str:
    """Return a text whose numbers, and lists of them, stay in one line."""
    return re.sub(r"(?<=\d),(?=\d)", _COMMA, text)


def _wrapped(line: str) -> str:
    """Return a line no wider than the terminal; tyro leaves those outside of its frame as they are.

    What follows is set in by a first word and its gap, as behind `usage:` and behind the names of a list.
    """
    if line.startswith(("│", "|")) or "\x1b" in line:
        return line
    head = re.match(r"usage: |\s+\S+\s{2,}", line)
    width = shutil.get_terminal_size().columns
    indent = " " * (len(head[0]) if head else 0)
    return textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
