"""A name finds its file however its letters are put together, and never another one."""

import unicodedata
from pathlib import Path

import pytest

from barlowmatch.data.file_rows import FileRows, local

WHOLE, APART = (unicodedata.normalize(form, "é/が.png") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("file", "name"), [(WHOLE, APART), (APART, WHOLE), (APART, APART), ("\udce9", "\udce9")])
def test_a_name_finds_the_file_that_looks_alike(file: str, name: str) -> None:
    assert FileRows(["a.png", file]).find(name) == 1


def test_of_two_files_that_look_alike_each_has_its_own_name_and_others_mean_neither() -> None:
    mixed = WHOLE[0] + APART[2:]
    rows = FileRows([APART, WHOLE])
    assert [rows.find(name) for name in (WHOLE, APART, mixed, "e/が.png")] == [1, 0, None, None]


@pytest.mark.parametrize("name", ["a/b.png", "./a/b.png", "/photos/a/b.png", "a\\b.png", ".\\a\\b.png"])
def test_a_name_may_be_written_as_another_system_does(name: str) -> None:
    assert local(name, Path("/photos")) == "a/b.png"


@pytest.mark.parametrize("name", ["/photos2/b.png", "/b.png", "photos/b.png", "../b.png"])
def test_a_name_of_another_folder_is_none_of_this_one(name: str) -> None:
    assert local(name, Path("/photos")) == name
