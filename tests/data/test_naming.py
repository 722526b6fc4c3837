"""Names in written datasets: none is lost in another, none is passed over, and each can be had on its system."""

import time
import unicodedata
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barlowmatch.data.folders import is_passed_over
from barlowmatch.data.naming import checked_folders, kept, numbered, safe, safe_folders
from barlowmatch.data.natural import natural_key
from barlowmatch.errors import InputError

AWKWARD = (
    "1.png", "1.PNG", "1.jpg", "A.png", "a.png", "a-2.png", "two words.png", "dots.in.name.png", "CON.png",
    "caf\u00e9.png", "cafe\u0301.png", " x.png", "'=1+1.png", ".hidden.png", "noext", "\udcff.png", "x" * 251 + ".png",
)  # fmt: skip
FILES = st.lists(
    st.tuples(st.sampled_from(["", "x/", "y/", "out/cat/"]), st.sampled_from(AWKWARD)), unique=True, max_size=30
)


def on_a_disk(name: str) -> str:
    """Return what a disk that ignores case and the composition of letters takes a name for."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@given(FILES, st.data())
def test_files_keep_their_names_and_no_two_are_alike_on_any_disk(
    drawn: list[tuple[str, str]], data: st.DataObject
) -> None:
    files = [folder + name for folder, name in drawn]
    folders = [data.draw(st.sampled_from(["out/cat", "out/dog"])) for _ in files]
    names = kept(files, folders)
    pairs = zip(files, folders, strict=True)
    names_wanted = Counter(on_a_disk(f"{folder}/{PurePosixPath(file).name}") for file, folder in pairs)
    assert len(set(map(on_a_disk, names))) == len(files)
    for file, folder, name in zip(files, folders, names, strict=True):
        path = PurePosixPath(name)
        assert str(path.parent) == folder
        assert path.suffix == PurePosixPath(file).suffix
        assert not is_passed_over(path.name)
        assert len(path.name.encode("utf-8", "surrogateescape")) <= 255
        wanted = f"{folder}/{PurePosixPath(file).name}"
        if names_wanted[on_a_disk(wanted)] == 1 and name != wanted:
            assert PurePosixPath(file).name.startswith(".") or "-2" in wanted, "nothing was in its way"


def test_the_one_that_lies_there_keeps_its_name_and_the_others_get_numbers_before_the_suffix() -> None:
    files = ["x/a.png", "x/a-2.png", "train/a.png", "y/A.png"]
    assert kept(files, ["train"] * 4) == ["train/a-2.png", "train/a-2-2.png", "train/a.png", "train/A-3.png"]


def test_a_million_of_one_name_would_take_no_longer_each() -> None:
    files = [f"{number}/image.png" for number in range(6_000)]
    start = time.process_time()
    assert kept(files, ["train/cat"] * len(files))[-1] == "train/cat/image-6000.png"
    assert time.process_time() - start < 2  # looking at each number anew takes half a minute


@given(st.lists(st.tuples(st.sampled_from(AWKWARD), st.sampled_from(["train", "val"])), max_size=30))
def test_numbers_begin_at_0_in_each_folder_and_readers_meet_them_in_that_order(drawn: list[tuple[str, str]]) -> None:
    names = numbered([file for file, _ in drawn], [folder for _, folder in drawn])
    for folder in ("train", "val"):
        inside = [name for name in names if name.startswith(f"{folder}/")]
        assert [PurePosixPath(name).stem for name in inside] == [str(number) for number in range(len(inside))]
        assert sorted(inside, key=natural_key) == inside
    for (file, folder), name in zip(drawn, names, strict=True):
        assert name.startswith(f"{folder}/")
        assert PurePosixPath(name).suffix == PurePosixPath(file).suffix.lower()


@given(st.lists(st.text(min_size=1, max_size=130), min_size=1, max_size=6, unique=True))
def test_folders_of_classes_are_safe_and_no_two_alike(names: list[str]) -> None:
    folders = safe_folders(names)
    assert folders.keys() == set(names)
    assert len({on_a_disk(folder) for folder in folders.values()}) == len(names)
    for folder in folders.values():
        assert folder not in ("", ".", "..")
        assert not set(folder) & set('/\\<>:"|?*\0')
        assert not is_passed_over(folder)
        assert not folder.endswith((".", " "))
        assert len(folder.encode()) <= 255


HOSTILE = ["../../etc", "CON", "nul.png", ".hidden", "a/b", "trailing.", "\x00", "   ", "lost+found", "a" * 119 + " b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_become_plain_ones(name: str) -> None:
    assert Path(safe(name)).name == safe(name)
    assert safe(name).lower() not in ("con", "nul.png", ".hidden", "", "lost+found")
    assert safe(name).rstrip(". ") == safe(name)


def test_where_the_folder_alone_says_the_class_its_name_is_never_changed() -> None:
    fitting = ["CON", "a:b", "Cat", "cat", "two words", "caf\u00e9", "dots."]
    assert checked_folders(fitting) == {name: name for name in fitting}
    for name in ("a/b", "", "..", ".hidden", "\0", "lost+found", "\u00e9" * 128):
        with pytest.raises(InputError, match="cannot be the name of a folder; rename the class"):
            checked_folders([name])
