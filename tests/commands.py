"""The product's commands as processes of their own, forked from one that has imported what all of them need.

Starting Python anew takes seconds each time, most of it for torch and torchvision; `tests/test_cli.py` does so, and the
tests that mount, launch or serve.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from barlowmatch.cli import COMMANDS

Finished = subprocess.CompletedProcess[str]

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload([f"barlowmatch.stages.{command.stage}" for command in COMMANDS.values()])


class Started:
    """A command that runs: `python -m barlowmatch WORDS`.

    Args:
        words: command and flags.
        cwd: where; by default here.
        environment: variables beside those of the tests.
    """

    def __init__(
        self, words: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.words = list(words)
        self._said = [tempfile.NamedTemporaryFile("r", encoding="utf-8") for _ in range(2)]  # noqa: SIM115 - by `finish`
        paths = [file.name for file in self._said]
        variables = {**os.environ, **(environment or {})}
        self._process = forks.Process(target=_become, args=(self.words, cwd or Path.cwd(), variables, paths))
        self._process.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.exitcode is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def finish(self, seconds: float = 300) -> Finished:
        """Wait for the end and return it, with what was printed."""
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"still running: {self.words}"
        out, err = (file.read() for file in self._said)
        for file in self._said:
            file.close()
        return Finished(self.words, self._process.exitcode, out, err)


def _become(words: list[str], cwd: Path, environment: dict[str, str], paths: list[str]) -> NoReturn:
    from barlowmatch.cli import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for descriptor, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
    sys.argv = ["barlowmatch", *words]
    sys.exit(main())
