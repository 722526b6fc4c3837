"""Randomness of a sample: the published generator, uniform, independent, the same in any batch, the same for ever."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from barlowmatch.randomness import (
    SampleRandom,
    _fractions,
    _fractions_on_device,
    _key,
    _signed,
    _words,
    _words_on_device,
    permutation,
)

MANY = 200_000


def source(count: int = MANY, *, seed: int = 3, step: int = 7, start: int = 0) -> SampleRandom:
    return SampleRandom(seed, step, torch.arange(start, start + count))


def splitmix64(state: int, number: int) -> int:
    """Return the `number`-th output (from 1) of Steele, Lea and Flood's generator, in Python's own integers."""
    mask = (1 << 64) - 1
    z = (state + number * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def uniformity(values: Tensor, bins: int = 256) -> float:
    """Return the p-value of a chi-square test of values in [0, 1)."""
    counts = np.bincount((values.double() * bins).long().flatten().numpy(), minlength=bins)
    return float(stats.chisquare(counts).pvalue)


def correlation(one: Tensor, other: Tensor) -> float:
    """Return the correlation in units of its standard deviation under independence."""
    return float(np.corrcoef(one.double().numpy(), other.double().numpy())[0, 1]) * len(one) ** 0.5


def test_draws_of_a_sample_are_a_splitmix64_stream() -> None:
    bits = source(5).bits("name", 6)
    first = [int(value) % 2**64 for value in bits[:, 0]]
    for row in range(5):
        # The finaliser is invertible; from the first output follow the state and all further outputs.
        state = invert_splitmix64(first[row])
        assert [int(value) % 2**64 for value in bits[row]] == [splitmix64(state, n) for n in range(1, 7)]


@pytest.mark.parametrize("count", [1, 7])
def test_a_device_draws_the_numbers_of_the_cpu(count: int) -> None:
    index = torch.arange(-3, 50)
    for stream in (0xFEDCBA9876543210, 0x7EDCBA9876543210, 0x9EDCBA9876543210, 1):
        words = _words(index, stream, count)
        assert torch.equal(_words_on_device(index, stream, count), words)
    assert torch.equal(_fractions_on_device(words, 2 * count - 1), _fractions(words, 2 * count - 1))


def invert_splitmix64(output: int) -> int:
    mask = (1 << 64) - 1

    def unshift(value: int, places: int) -> int:
        result = value
        for _ in range(64 // places + 1):
            result = value ^ (result >> places)
        return result

    z = unshift(output, 31) * pow(0x94D049BB133111EB, -1, 1 << 64) & mask
    z = unshift(z, 27) * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & mask
    return (unshift(z, 30) - 0x9E3779B97F4A7C15) & mask


@pytest.mark.parametrize("vary", ["index", "step", "seed", "name", "place", "far index"])
def test_uniform_along_every_axis(vary: str) -> None:
    drawn = {
        "index": lambda: source().uniform("x"),
        "far index": lambda: source(start=2**40).uniform("x"),
        "step": lambda: torch.cat([source(1, step=step).uniform("x") for step in range(4000)]),
        "seed": lambda: torch.cat([source(1, seed=seed).uniform("x") for seed in range(4000)]),
        "name": lambda: torch.cat([source(1).uniform(f"name {n}") for n in range(4000)]),
        "place": lambda: source(1).uniform("x", MANY)[0],
    }[vary]()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert uniformity(drawn, bins=64) > 1e-4
    # Serial correlation up to lag 3, and uniformity of pairs of neighbours on a 16×16 board.
    assert all(abs(correlation(drawn[:-lag], drawn[lag:])) < 4.5 for lag in (1, 2, 3))
    board = (drawn[:-1:2] * 16).floor() * 16 + (drawn[1::2] * 16).floor()
    assert uniformity(board / 256, bins=256) > 1e-4


def test_every_bit_is_fair_and_moves_when_one_bit_of_the_index_moves() -> None:
    bits = source(50_000).bits("x")
    ones = np.array([int(((bits >> place) & 1).sum()) for place in range(64)])
    assert np.abs(ones - 25_000).max() < 5 * 0.5 * 50_000**0.5
    for place in range(0, 40, 3):
        moved = SampleRandom(3, 7, torch.arange(2000) ^ (1 << place)).bits("x") ^ source(2000).bits("x")
        flips = np.array([int(((moved >> bit) & 1).sum()) for bit in range(64)])
        assert np.abs(flips - 1000).max() < 5 * 0.5 * 2000**0.5


def test_names_children_steps_and_seeds_are_independent() -> None:
    draws = [
        source().uniform("x"), source().uniform("y"),
        source().child("x").uniform("x"), source().child("a").uniform("x"),
        source(step=8).uniform("x"), source(seed=4).uniform("x"), source(start=1).uniform("x"),
    ]  # fmt: skip
    for one in range(len(draws)):
        for other in range(one):
            assert abs(correlation(draws[one], draws[other])) < 4.5


def test_seed_and_step_do_not_run_into_each_other() -> None:
    assert not torch.equal(source(8, seed=1, step=23).bits("x"), source(8, seed=12, step=3).bits("x"))
    assert not torch.equal(source(8).child("ab").bits("c"), source(8).child("a").bits("bc"))


def test_a_sample_draws_the_same_in_any_batch() -> None:
    whole, alone = source(100), SampleRandom(3, 7, torch.tensor([42]))
    chosen = torch.tensor([99, 42, 0])
    for draw in (
        lambda s: s.uniform("x", 3, 5), lambda s: s.integers("x", 10, 2), lambda s: s.permutations("x", 7),
        lambda s: s.child("c").bits("x"), lambda s: s.happens("x", 0.5), lambda s: s.between("x", -1, 1),
    ):  # fmt: skip
        assert torch.equal(draw(whole)[42], draw(alone)[0])
        assert torch.equal(draw(whole)[chosen], draw(whole.of(chosen)))


def test_integers_and_permutations_are_fair() -> None:
    counts = np.bincount(source().integers("x", 7).numpy(), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-4
    orders = source().permutations("x", 4)
    assert torch.equal(orders.sort(1).values, torch.arange(4).expand(MANY, 4))
    counts = np.unique((orders * torch.tensor([64, 16, 4, 1])).sum(1).numpy(), return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4


def test_happens_as_often_as_asked() -> None:
    for probability in (0.0, 0.2, 0.8, 1.0):
        share = source().happens("x", probability).double().mean().item()
        assert abs(share - probability) <= 4.5 * (probability * (1 - probability) / MANY) ** 0.5


def test_what_has_no_probability_never_happens_whatever_is_drawn() -> None:
    """The sample whose draw is 0, found by going back through the generator."""
    mask, golden = (1 << 64) - 1, 0x9E3779B97F4A7C15
    mixed = invert_splitmix64(invert_splitmix64(0)) + golden
    index = (mixed - _key(3, 7, ("x",))) * pow(golden, -1, 1 << 64) & mask
    sample = SampleRandom(3, 7, torch.tensor([_signed(index)]))
    assert sample.uniform("x").tolist() == [0]
    assert sample.happens("x", 0.0).tolist() == [False]


def test_numbers_between_bounds_are_stretched_from_one_to_the_other() -> None:
    found = source().between("x", -1.0, 3.0, 2)
    torch.testing.assert_close((found + 1) / 4, source().uniform("x", 2))


def test_a_permutation_depends_on_seed_pass_and_count_alone() -> None:
    orders = [permutation(1, number, 1000) for number in range(50)]
    assert all(torch.equal(order.sort().values, torch.arange(1000)) for order in orders)
    assert torch.equal(permutation(1, 3, 1000), orders[3])
    for one, other in pairwise(orders):
        assert abs(correlation(one, other)) < 4.5
    first = torch.stack([order[0] for order in orders]).double()
    assert stats.kstest(first.numpy() / 1000, "uniform").pvalue > 1e-4


def test_values_never_change_silently() -> None:
    """Checkpoints of earlier versions resume with the same numbers only while these hold."""
    random = SampleRandom(11, 5, torch.tensor([0, 1, 2**33]))
    assert random.bits("golden").tolist() == GOLDEN_BITS
    assert (random.child("view").uniform("golden", 2) * 2**24).long().tolist() == GOLDEN_UNIFORM
    assert random.integers("golden", 1000, 2).tolist() == GOLDEN_INTEGERS
    assert random.permutations("golden", 4).tolist() == GOLDEN_ORDERS
    assert permutation(11, 5, 10).tolist() == GOLDEN_PERMUTATION


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_the_accelerator_draws_the_same_bits() -> None:
    for draw in (lambda s: s.uniform("x", 33), lambda s: s.integers("x", 10, 2), lambda s: s.permutations("x", 7)):
        assert torch.equal(draw(source(1000)), draw(source(1000).on("cuda")).cpu())


GOLDEN_BITS: list[int] = [-4910596772722234535, 1191902567761107452, 8522852760408336823]
GOLDEN_UNIFORM: list[list[int]] = [[5785191, 8709516], [8998063, 2974854], [8797645, 2173069]]
GOLDEN_INTEGERS: list[list[int]] = [[733, 919], [64, 159], [462, 931]]
GOLDEN_PERMUTATION: list[int] = [4, 1, 6, 0, 8, 9, 7, 2, 5, 3]
GOLDEN_ORDERS: list[list[int]] = [[0, 1, 3, 2], [3, 2, 0, 1], [2, 1, 0, 3]]
