"""Randomness that belongs to a sample: a function of (seed, step, sample), never of a stream.

A counter-based generator: a draw is the splitmix64 finaliser (Steele, Lea, Flood 2014) of a key that mixes seed, step,
sample and the draw's name, so that any batch, any order and any number of processes give a sample the same numbers.
Integer arithmetic alone: the CPU and an accelerator agree bit for bit.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1


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

    def bits(self, name: str, *shape: int) -> Tensor:
        """Return 64 random bits a value, (B, *shape) int64."""
        count = 1
        for size in shape:
            count *= size
        stream = _key(self.seed, self.step, (*self.path, name))
        sample = _mix(self.index.to(torch.int64) * _signed(_GOLDEN) + _signed(stream))
        places = torch.arange(1, count + 1, device=self.index.device) * _signed(_GOLDEN)
        return _mix(sample[:, None] + places).view(len(self.index), *shape)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Return uniform numbers in [0, 1), (B, *shape) float32."""
        return _shift(self.bits(name, *shape), 40).to(torch.float32) * 2.0**-24

    def between(self, name: str, low: float, high: float, *shape: int) -> Tensor:
        """Return uniform numbers in [low, high), (B, *shape) float32."""
        return low + (high - low) * self.uniform(name, *shape)

    def happens(self, name: str, probability: float) -> Tensor:
        """Return for each sample whether an event of this probability happens, (B,) bool."""
        return self.uniform(name) < probability

    def integers(self, name: str, high: int, *shape: int) -> Tensor:
        """Return uniform integers in [0, high), (B, *shape) int64; the bias is below high / 2^24."""
        return (self.uniform(name, *shape) * high).to(torch.int64).clamp_(max=high - 1)

    def permutations(self, name: str, count: int) -> Tensor:
        """Return a random order of `count` things for each sample, (B, count) int64."""
        return self.bits(name, count).argsort(dim=1)


@lru_cache(maxsize=4)
def permutation(seed: int, number: int, count: int) -> Tensor:
    """Return the order of pass `number` over `count` rows, (count,) int64; it depends on these three alone."""
    random = SampleRandom(seed, number, torch.arange(count))
    return random.bits("permutation").argsort(stable=True)


@lru_cache(maxsize=1024)
def _key(seed: int, step: int, path: tuple[str, ...]) -> int:
    text = "\0".join((str(seed), str(step), *path)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _mix(values: Tensor) -> Tensor:
    """Return splitmix64's finaliser of each 64-bit value."""
    values = (values ^ _shift(values, 30)) * _signed(_FIRST)
    values = (values ^ _shift(values, 27)) * _signed(_SECOND)
    return values ^ _shift(values, 31)


def _shift(values: Tensor, places: int) -> Tensor:
    """Shift right filling with zeros; torch's own shift of signed integers copies the sign."""
    return (values >> places) & ((1 << (64 - places)) - 1)


def _signed(value: int) -> int:
    return (value & _MASK) - (1 << 64) if value & (1 << 63) else value & _MASK
