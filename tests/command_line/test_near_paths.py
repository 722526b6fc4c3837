"""A path that is not there, and what was meant by it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from barlowmatch.command_line.inputs import (
    need_checkpoint,
    need_embeddings,
    need_file,
    need_images,
    need_labels,
    need_table,
)
from barlowmatch.errors import InputError
from labeling.project import ProjectFolder
from tests.command_line.test_flags import READ


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("pretrain/checkpoint.pt", "pretrain/best.pt", "labels.csv", "my photos/a.png", "reps/meta.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("images", "unfinished-reps", "birds"):
        (tmp_path / name).mkdir()
    (tmp_path / "birds/project.db").touch()
    (tmp_path / ".labels.cvs").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("need", "path", "meant"),
    [
        (need_checkpoint, "pretrain/chekpoint.pt", "pretrain/checkpoint.pt"),
        (need_checkpoint, "pretrian/chekpoint.pt", "pretrain/checkpoint.pt"),
        (need_checkpoint, "Pretrain/Best.pt", "pretrain/best.pt"),
        (need_file, "./pretrain/../lables.csv", "pretrain/../labels.csv"),
        (need_images, "Images", "images"),
        (need_images, "my_photos", "'my photos'"),
        (need_table, "labels.cvs", "labels.csv"),
        (need_labels, "label.csv", "labels.csv"),
        (need_embeddings, "rep", "reps"),
    ],
)
def test_what_is_near_is_named(here: Path, need: Callable[[Path], None], path: str, meant: str) -> None:
    with pytest.raises(InputError) as complaint:
        need(Path(path))
    assert str(complaint.value).endswith(f"; did you mean {meant}?")
    with pytest.raises(InputError, match=f"did you mean .*{meant.strip(chr(39))}'?\\?$"):
        need(here / path)


def test_a_project_near_is_named(here: Path) -> None:
    with pytest.raises(InputError, match=f"bird: no labeling project; did you mean {here}/birds\\?$"):
        ProjectFolder(Path("bird")).need()


@pytest.mark.parametrize(
    ("need", "path"),
    [
        (need_checkpoint, "pretrain/other.pt"),
        (need_checkpoint, "nowhere/checkpoint.pt"),
        (need_checkpoint, "image"),  # a folder is near
        (need_images, "label"),
        (need_images, "labels.csv/x"),
        (need_embeddings, "unfinished-rep"),
        (need_embeddings, "unfinished-reps"),
        (need_file, "x" * 300),
    ],
)
def test_what_is_not_near_or_of_another_kind_is_not_named(here: Path, need: Callable[[Path], None], path: str) -> None:
    with pytest.raises((InputError, OSError)) as complaint:
        need(Path(path))
    assert "did you mean" not in str(complaint.value)


def test_every_command_names_it(here: Path) -> None:
    """By the one helper: whoever reads a path says what it needs there by `Reads`."""
    from barlowmatch.cli import COMMANDS, config_class
    from barlowmatch.configs.fields import parameters

    for name, flag in READ:
        if name not in COMMANDS:
            continue
        parameter = next(one for one in parameters(config_class(COMMANDS[name])) if one.flag == flag)
        assert parameter.reads is not None
        for near in ("Images", "pretrain/chekpoint.pt", "labels.cvs", "rep"):
            try:
                parameter.reads.need(Path(near))
            except InputError as error:
                if "did you mean" in str(error):
                    break
        else:
            pytest.fail(f"{name} {flag} names nothing")
