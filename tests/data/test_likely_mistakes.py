"""Class names that look like mistakes are told; those of lists that differ little on purpose are not."""

import random
import string
import time

import pytest

from barlowmatch.data.likely_mistakes import likely_mistakes


@pytest.mark.parametrize(
    ("names", "labels", "told"),
    [
        (["healthy", "helthy", "dead"], [30, 1, 9], ['"helthy" (1) beside "healthy" (30)']),
        (["healthy", "haelthy"], [30, 2], ['"haelthy" (2) beside "healthy" (30)']),
        (["helathy cell", "healthy cell"], [2, 12], ['"helathy cell" (2) beside "healthy cell" (12)']),
        (["dividing", "dividimg"], [400, 20], ['"dividimg" (20) beside "dividing" (400)']),
        (["flower", "flowers"], [10, 1], ['"flowers" (1) beside "flower" (10)']),
        (["Cat", "cat"], [5, 5], ['"Cat" (5) and "cat" (5)']),
        (["cat ", "cat"], [5, 5], ['"cat " (5) and "cat" (5)']),
        (["T-shirt", "t_shirt"], [1, 1], ['"T-shirt" (1) and "t_shirt" (1)']),
        *(([name, "dog"], [3, 9], [f'"{name}" (3), which']) for name in ("NaN", "?", "unknown", "N/A", "None")),
    ],
)
def test_slips_are_told(names: list[str], labels: list[int], told: list[str]) -> None:
    found = likely_mistakes(names, labels)
    assert len(found) == len(told)
    assert all(one.startswith(other) for one, other in zip(found, told, strict=True))


@pytest.mark.parametrize(
    "names",
    [
        list("0123456789"),
        ["01", "1", "007", "7"],
        [f"class_{n}" for n in range(120)],
        ["plate 1-1", "plate 11", "plate-1 1 1"],
        ["Audi A4", "Audi A6", "Audi A8", "BMW 320i", "BMW 320d", "Golf GTI", "Golf GTD", "Mazda 3", "Mazda 5"],
        ["Quercus alba", "Quercus rubra", "Parus major", "Parus minor", "Larus fuscus", "Larus canus"],
        ["boat", "goat", "cat", "car", "cap", "dog", "hog", "pen", "pan", "male", "female"],
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    ],
)
def test_lists_that_differ_little_on_purpose_are_none(names: list[str]) -> None:
    for least in range(len(names)):
        assert likely_mistakes(names, [1 if place == least else 100 for place in range(len(names))]) == []


def test_of_two_names_with_many_labels_each_none_is_a_mistake() -> None:
    assert likely_mistakes(["horse", "house"], [40, 30]) == []


def test_ten_thousand_classes_take_no_time() -> None:
    choose = random.Random(0)
    names = list({"".join(choose.choices(string.ascii_lowercase, k=9)) for _ in range(10_000)})
    started = time.perf_counter()
    assert likely_mistakes([*names, f"{names[0]}x"], [50] * len(names) + [1])
    assert time.perf_counter() - started < 5
