"""A name finds its file however its letters are put together, and never another one."""

import unicodedata

import pytest

from barlowmatch.data.file_rows import FileRows

WHOLE, APART = (unicodedata.normalize(form, "é/が.png") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("file", "name"), [(WHOLE, APART), (APART, WHOLE), (APART, APART), ("\udce9", "\udce9")])
def test_a_name_finds_the_file_that_looks_alike(file: str, name: str) -> None:
    assert FileRows(["a.png", file]).find(name) == 1


def test_of_two_files_that_look_alike_each_has_its_own_name_and_others_mean_neither() -> None:
    mixed = WHOLE[0] + APART[2:]
    rows = FileRows([APART, WHOLE])
    assert [rows.find(name) for name in (WHOLE, APART, mixed, "e/が.png")] == [1, 0, None, None]
