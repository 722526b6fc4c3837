"""What the commands that are refused have before them: images, a classifier, a request."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from barlowmatch.cli import main
from tests.bad_input.commands import SMALL, snapshot
from tests.conftest import Command


@pytest.fixture
def home(tmp_path: Path, seed_layout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(seed_layout, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="package")
def classifier(tmp_path_factory: pytest.TempPathFactory, barlowmatch: Command, seed_layout: Path) -> Path:
    path = tmp_path_factory.mktemp("classifier") / "c.pt"
    done = barlowmatch("train-classifier", "--dataset-folder", seed_layout, "--checkpoint-path", path, *SMALL,
                       "--classifier-width", 32)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def requested(home: Path) -> Path:
    (home / "request.csv").write_text(
        "rank,file,score,strategy,reason\n1,unlabeled/3.png,1,random,r\n2,unlabeled/4.png,1,random,r\n"
    )
    return home


@pytest.fixture
def refused(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Check that a command line is refused as promised."""

    def check(line: str, *said: str) -> None:
        before = snapshot(home)
        status = main(line.split())
        *_, last = capsys.readouterr().err.strip().splitlines()
        assert status == 2, last
        for part in said:
            assert part in last
        assert last.startswith("barlowmatch: ")
        assert snapshot(home) == before
        assert not (home / "runs").exists()

    return check
