"""Runs of the tests: on one thread, and ended with their test."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling.project import ProjectFolder
from labeling.runs.launching import living_process


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def paths(folder: Path) -> Iterator[ProjectFolder]:
    """The project's paths; whatever still runs in it is ended afterwards."""
    paths = ProjectFolder(folder)
    yield paths
    for run in paths.runs.glob("*"):
        pid = living_process(run)
        if pid is not None and pid != os.getpid():
            os.killpg(os.getpgid(pid), signal.SIGKILL)
