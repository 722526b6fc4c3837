"""Numbers in sentences."""

import pytest

from barlowmatch.words import count


@pytest.mark.parametrize(
    ("number", "noun", "plural", "words"),
    [
        (0, "image", None, "0 images"),
        (1, "image", None, "1 image"),
        (1, "class", "classes", "1 class"),
        (2, "class", "classes", "2 classes"),
        (1200, "label", None, "1,200 labels"),
    ],
)
def test_one_is_no_plural(number: int, noun: str, plural: str | None, words: str) -> None:
    assert count(number, noun, plural) == words
