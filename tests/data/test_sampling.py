"""Which images a step sees: every one once a pass, whatever the batch, and the same whoever asks."""

import time

import numpy as np
import pytest

from barlowmatch.data.sampling import Stream
from barlowmatch.randomness import permutation


@pytest.mark.parametrize(("count", "batch"), [(11, 3), (7, 64), (1, 5)])
def test_every_image_once_a_pass_in_a_new_order(count: int, batch: int) -> None:
    rows = np.arange(100, 100 + count)
    stream = Stream(rows, batch, seed=3)
    steps = [stream.at(step) for step in range(3 * count)]
    seen, positions = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*steps, strict=True))
    passes = seen.reshape(-1, count)
    assert positions.tolist() == list(range(3 * count * batch))
    assert all(sorted(one) == rows.tolist() for one in passes)
    if count > 5:
        assert len({tuple(one) for one in passes[:3]}) == 3
    for number in range(3):
        assert passes[number].tolist() == rows[permutation(3, number, count).numpy()].tolist()
    assert all((Stream(rows, batch, seed=3).at(step)[0] == steps[step][0]).all() for step in (2, 0))
    assert stream.steps_per_pass == max(1, round(count / batch))


def test_millions_are_shuffled_once_a_pass_whatever_else_is_drawn_beside_them() -> None:
    few, many = Stream(np.arange(10), 64, seed=0), Stream(np.arange(2_000_000), 64, seed=0)
    began = time.process_time()
    permutation(0, 0, 2_000_000)
    once = time.process_time() - began

    began = time.process_time()
    for step in range(40):
        few.at(step)
        many.at(step)

    assert time.process_time() - began < 8 * once
