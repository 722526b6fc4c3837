"""Randomness that belongs to a sample: a function of (seed, step, sample), never of a stream.

A counter-based generator: a draw is the splitmix64 finaliser (Steele, Lea, Flood 2014) of a key that mixes seed, step,
sample and the draw's name, so that any batch, any order and any number of processes give a sample the same numbers.
Integer arithmetic alone: the CPU and an accelerator agree bit for bit.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from barlowmatch.machine.transfer import send

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


@dataclass(frozen=True, eq=False)
class SampleRandom:
    """The random numbers of the samples of a batch.

    Attributes:
        seed: of the run.
        step: of the run.
        index: which samples, (B,) int64; the same index in the same step gives the same numbers.
        path: names of the streams this one was derived through.
    """

    seed: int
    step: int
    index: Tensor
    path: tuple[str, ...] = ()

    def child(self, name: str) -> "SampleRandom":
        """Return an independent source for the same samples, for a second view of them, say."""
        return replace(self, path=(*self.path, name))

    def of(self, chosen: Tensor) -> "SampleRandom":
        """Return the source of some of the samples, given by their places in the batch."""
        return replace(self, index=self.index[chosen])

    def on(self, device: torch.device | str) -> "SampleRandom":
        """Return the same source drawing on `device`; the numbers are the same everywhere."""
        return replace(self, index=send(self.index, torch.device(device)))

    def bits(self, name: str, *shape: int) -> Tensor:
        """Return 64 random bits a value, (B, *shape) int64."""
        stream = _key(self.seed, self.step, (*self.path, name))
        words = _words if self.index.device.type == "cpu" else _words_on_device
        return words(self.index.to(torch.int64), stream, math.prod(shape)).view(len(self.index), *shape)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Return uniform numbers in [0, 1), (B, *shape) float32, whole multiples of 2^-24."""
        count = math.prod(shape)
        # Each 64-bit word gives two numbers: a mask for a wide layer costs half as much.
        fractions = _fractions if self.index.device.type == "cpu" else _fractions_on_device
        return fractions(self.bits(name, (count + 1) // 2), count).view(len(self.index), *shape)

    def between(self, name: str, low: float, high: float, *shape: int) -> Tensor:
        """Return uniform numbers in [low, high), (B, *shape) float32."""
        return low + (high - low) * self.uniform(name, *shape)

    def happens(self, name: str, probability: float) -> Tensor:
        """Return for each sample whether an event of this probability happens, (B,) bool."""
        return self.uniform(name) < probability

    def integers(self, name: str, high: int, *shape: int) -> Tensor:
        """Return integers in [0, high), high < 2^31, (B, *shape) int64; uniform but for a bias below high / 2^32."""
        return (_shift(self.bits(name, *shape), 32) * high) >> 32

    def permutations(self, name: str, count: int) -> Tensor:
        """Return a random order of `count` things for each sample, (B, count) int64."""
        return self.bits(name, count).argsort(dim=1, stable=True)


def permutation(seed: int, number: int, count: int) -> Tensor:
    """Return the order of pass `number` over `count` rows, (count,) int64; it depends on these three alone."""
    random = SampleRandom(seed, number, torch.arange(count))
    return random.bits("permutation").argsort(stable=True)


@lru_cache(maxsize=1024)
def _key(seed: int, step: int, path: tuple[str, ...]) -> int:
    text = "\0".join((str(seed), str(step), *path)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _words(index: Tensor, stream: int, count: int) -> Tensor:
    """Return `count` words of the stream for each sample, (B, count) int64.

    By numpy, whose operations begin sooner: a view takes dozens of draws of a few hundred numbers.
    """
    sample = _mix(index.numpy().view(np.uint64) * np.uint64(_GOLDEN) + np.uint64(stream))
    places = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return torch.from_numpy(_mix(sample[:, None] + places).view(np.int64))


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64's finaliser of each word; `values` is overwritten."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(_FIRST)
    values ^= values >> np.uint64(27)
    values *= np.uint64(_SECOND)
    values ^= values >> np.uint64(31)
    return values


def _fractions(words: Tensor, count: int) -> Tensor:
    """Return the upper 24 bits of the first `count` halves of words as fractions (B, count)."""
    halves = words.numpy().view(np.uint32)[:, :count]
    return torch.from_numpy((halves >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24))


def _fractions_on_device(words: Tensor, count: int) -> Tensor:
    """Return the same by torch."""
    halves = words.view(torch.int32)[:, :count]
    return ((halves >> 8) & 0xFFFFFF).to(torch.float32).mul_(2.0**-24)


def _words_on_device(index: Tensor, stream: int, count: int) -> Tensor:
    """Return the same by torch, whose whole numbers are signed."""
    sample = _mix_signed(index * _signed(_GOLDEN) + _signed(stream))
    places = torch.arange(1, count + 1, device=index.device) * _signed(_GOLDEN)
    return _mix_signed(sample[:, None] + places)


def _mix_signed(values: Tensor) -> Tensor:
    """Return splitmix64's finaliser of each word; `values` is overwritten."""
    values ^= _shift(values, 30)
    values *= _signed(_FIRST)
    values ^= _shift(values, 27)
    values *= _signed(_SECOND)
    values ^= _shift(values, 31)
    return values


def _shift(values: Tensor, places: int) -> Tensor:
    """Shift right filling with zeros; torch's own shift of signed integers copies the sign."""
    return (values >> places).bitwise_and_((1 << (64 - places)) - 1)


def _signed(value: int) -> int:
    """Return the signed number with the same 64 bits."""
    return value - (1 << 64) if value & (1 << 63) else value
