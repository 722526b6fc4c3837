"""What is written is there whole, or nothing of it is."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from types import FrameType, SimpleNamespace

import pytest

from barlowmatch import files
from barlowmatch.errors import InputError
from barlowmatch.files import aside, put_back, replace_folder, whole_file, whole_folder, write_texts

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


def filled(path: Path, content: str) -> Path:
    """A folder of two files, beside the one that it is to become."""
    folder = aside(path)
    folder.mkdir()
    for name in ("1", "2"):
        (folder / name).write_text(content)
    return folder


def contents(path: Path) -> set[str]:
    return {file.read_text() for file in path.iterdir()}


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How one folder comes to the place of another: as here, and as on a system that cannot exchange them."""
    if request.param == "two renames":
        monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_a_folder_takes_the_place_of_another_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        replace_folder(filled(tmp_path / "e", content), tmp_path / "e")
        assert contents(tmp_path / "e") == {content}
        assert list(tmp_path.iterdir()) == [tmp_path / "e"]


def test_here_folders_are_exchanged_and_not_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_folder(filled(tmp_path / "e", "old"), tmp_path / "e")
    renamed: list[object] = []
    for module, name in ((Path, "rename"), (Path, "replace"), (os, "rename")):
        monkeypatch.setattr(module, name, lambda *paths, **options: renamed.append(paths))
    replace_folder(filled(tmp_path / "e", "new"), tmp_path / "e")
    assert contents(tmp_path / "e") == {"new"}
    assert not renamed


def killed_before_line(number: int, work: Callable[[], None]) -> bool:
    """Do some work in a process that is killed before the so-manieth line of files.py; say whether it came to that."""
    child = os.fork()
    if child == 0:
        left = count(number, -1)

        def trace(frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
            if frame.f_code.co_filename != files.__file__:
                return None
            if event == "line" and next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_whenever_a_process_is_killed_the_old_folder_or_the_new_one_is_there(tmp_path: Path, way: str) -> None:
    path, found, missing = tmp_path / ("e" * 255), [{""}], 0
    for line in count():
        if found[-1] != {"old"}:
            replace_folder(filled(path, "old"), path)
        new = filled(path, "new")
        killed = killed_before_line(line, lambda new=new: replace_folder(new, path))  # type: ignore[misc]
        missing += not path.exists()
        put_back(path)
        found.append(contents(path))
        if not killed:
            break
    moment = found.index({"new"})
    assert moment > 1
    assert found[1:] == [{"old"}] * (moment - 1) + [{"new"}] * (len(found) - moment)
    assert bool(missing) == (way == "two renames"), "exchanged, one of them is there at every moment"
    replace_folder(filled(path, "newest"), path)
    assert not list(tmp_path.glob(".replaced-*"))


def test_a_rename_that_fails_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_folder(filled(tmp_path / "e", "old"), tmp_path / "e")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "not there", tmp_path / "e")
    assert contents(tmp_path / "e") == {"old"}
    assert list(tmp_path.iterdir()) == [tmp_path / "e"]


def test_an_old_folder_is_not_put_back_over_a_new_one(tmp_path: Path) -> None:
    replace_folder(filled(tmp_path / "e", "new"), tmp_path / "e")
    put_back(tmp_path / "e")
    put_back(tmp_path / "never there")
    assert contents(tmp_path / "e") == {"new"}
    assert list(tmp_path.iterdir()) == [tmp_path / "e"]
