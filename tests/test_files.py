"""What is written is there whole, or nothing of it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from barlowmatch.errors import InputError
from barlowmatch.files import whole_file, whole_folder, write_texts

Whole = Callable[[Path], AbstractContextManager[Path]]


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_a_failure_leaves_none_of_the_folders_that_it_made(tmp_path: Path, whole: Whole) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(KeyError), whole(tmp_path / "there" / "a" / "b" / "c"):
        raise KeyError
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"], "what was there stays, though it is empty"


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_a_folder_that_somebody_else_uses_meanwhile_stays(tmp_path: Path, whole: Whole) -> None:
    def fail() -> None:
        with whole(tmp_path / "a" / "b" / "c"):
            (tmp_path / "a" / "theirs").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "theirs"]


def test_a_path_that_cannot_be_leaves_nothing_of_the_way_to_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"), whole_file(tmp_path / "a" / "b" / ("x" * 300) / "c"):
        pass
    assert not list(tmp_path.iterdir())


def test_files_that_belong_together_leave_their_folders_together(tmp_path: Path) -> None:
    unwritable = "\ud8ff"  # no bytes of a file name stand behind it
    with pytest.raises(UnicodeEncodeError):
        write_texts({tmp_path / "a" / "b" / "1": "one", tmp_path / "a" / "2": unwritable})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_any_name_that_the_disk_takes_will_do(tmp_path: Path, whole: Whole) -> None:
    with whole(tmp_path / ("\u6f22" * 85)) as partial:  # 255 bytes
        partial.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["\u6f22" * 85]


def test_the_working_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".", tmp_path):
        with pytest.raises(InputError, match="is the folder that this command runs in"), whole_folder(Path(name)):
            pass
    assert not list(tmp_path.iterdir())


def test_success_keeps_the_folders(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a" / "b" / "c") as partial:
        partial.write_text("whole")
    assert (tmp_path / "a" / "b" / "c").read_text() == "whole"
