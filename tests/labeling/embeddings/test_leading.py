"""The greatest of a row are those that a stable sort puts first, equal ones in the order of their columns."""

import numpy as np
import pytest

from labeling.embeddings.leading import leading


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("levels", [1, 3, 10**6])
def test_the_leading_are_those_of_a_stable_sort(columns: int, levels: int) -> None:
    values = (np.random.default_rng(columns).integers(0, levels, (500, columns)) / levels).astype(np.float32)
    before = values.copy()
    places, found = leading(values, 3)
    expected = np.argsort(-values, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(values, expected, 1))
    np.testing.assert_array_equal(values, before)
