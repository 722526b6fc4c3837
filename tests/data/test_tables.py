"""CSV files: cells come back as they were written, and none is a formula to a spreadsheet."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from barlowmatch.data.decimals import comma_separated
from barlowmatch.data.tables import guard, read_table, rows_text, table_text, unguard, write_numbers, write_table

TRICKY = st.text(st.sampled_from("=+-@;,\t\r\n\"' a1"), max_size=12)


@given(st.text() | TRICKY)
def test_guarded_cells_come_back_and_are_no_formulas(value: str) -> None:
    assert unguard(guard(value)) == value
    if guard(value).startswith(("=", "+", "-", "@", "\t", "\r")):
        float(value)


@given(st.lists(st.lists(TRICKY, min_size=1, max_size=4), min_size=1, max_size=4))
@example([["", "\r-1"]])
def test_a_spreadsheet_that_parts_cells_elsewhere_finds_no_formula(rows: list[list[str]]) -> None:
    """Where decimals have a comma, a spreadsheet parts cells by semicolons; a person may have it do so by tabs."""
    text = rows_text(rows)
    for delimiter in ",;\t":
        for cell in (cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row):
            if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
                float(cell.split(",")[0])  # a number that begins a row, and what follows


def test_a_name_with_the_other_delimiter_stays_one_cell_and_runs_nothing(tmp_path: Path) -> None:
    names = ["a.png,x;=cmd|'/C calc'!A0", "b\t=1+1.png", "c;d.png", 'e;"=1+1".png', "f\n=1+1;.png"]
    write_table(tmp_path / "t.csv", ("file", "label"), [(name, f"k;@{name}") for name in names])
    assert read_table(tmp_path / "t.csv").columns["file"] == names
    for delimiter in ";\t":
        with (tmp_path / "t.csv").open(newline="") as file:
            _, *rows = csv.reader(file, delimiter=delimiter)
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    with (tmp_path / "t.csv").open(newline="") as file:
        _, first, *_ = csv.reader(file, delimiter=";")
    assert first[0].startswith("a.png,x;'=cmd|'/C calc'!A0"), "quotes keep the first cell whole"


def test_tables_come_back_as_written(tmp_path: Path) -> None:
    names = [
        "a,b.png",
        '"q".png',
        "=1+1.png",
        "-x.png",
        "caf\udce9.png",
        "new\nline.png",
        "return\rline.png",
        "'=.png",
        " space .png",
        "ä;.png",
    ]
    labels = ["a,b", "=1", "two\rlines", *"tuvwxyz"]
    write_table(tmp_path / "t.csv", ("file", "label"), zip(names, labels, strict=True))
    assert read_table(tmp_path / "t.csv").columns == {"file": names, "label": labels}
    assert b"\r\n" not in (tmp_path / "t.csv").read_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_numbers_are_written_as_one_by_one(dtype: type) -> None:
    draws = np.random.default_rng(0)
    halves = (np.arange(0, 2**21, 33) / 2**21)[:60_000]  # whole millionths and a half occur
    edges = [0, 1, 5e-7, 1.5e-6, 0.9999995, 1e-40, 0.1, 1 / 3, 0.5]
    values = np.concatenate([draws.random(60_000) ** 4, halves, edges]).astype(dtype)[:, None].repeat(2, axis=1)
    assert list(comma_separated(values)) == [f"{a:.6f},{b:.6f}" for a, b in values.tolist()]
    strange = np.array([[-0.0, 0.5], [np.nan, 2.0], [-np.inf, 1e9]], dtype)
    assert list(comma_separated(strange)) == ["-0.000000,0.500000", "nan,2.000000", "-inf,1000000000.000000"]


def test_a_table_with_many_numbers_is_written_as_any_other() -> None:
    names = ["a.png", "=1+1.png", 'a "b", c.png', "new\nline.png", "re\rturn.png", "-1", "", "a;=1.png", "t\tab.png"]
    rows = [(name, "cat", "0.500000", "nan") for name in names]
    file = io.StringIO()
    write_numbers(file, ("file", "class", "p(=a)", "p"), [((name, label), f"{a},{b}") for name, label, a, b in rows])
    assert file.getvalue() == table_text(("file", "class", "p(=a)", "p"), rows)
