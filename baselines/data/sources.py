"""Pixels by number: from the cache's shards, or from an array in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from baselines.data.cache import Stored, intensities
from baselines.data.shards import read_row

MOST_OPEN = 128
"""Shards that a process holds open at once."""

_BLOCK = 256

Raw = NDArray[Any]
"""int16 or uint8 of a cache, float32 of an array."""


class Pixels(Protocol):
    """Examples by number, each of ``shape``; ``raw`` gives them as they are kept."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        ...

    def __len__(self) -> int:
        """Give the number of examples."""
        ...

    def raw(self, numbers: NDArray[np.int64]) -> Raw:
        """Give examples as they are kept, (k, *shape); ``intensities`` makes [0, 1] of them."""
        ...

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give examples (k, *shape) in [0, 1]."""
        ...

    def take(self, numbers: NDArray[np.int64]) -> Pixels:
        """Give some of the examples, numbered from 0."""
        ...


@dataclass(frozen=True, slots=True)
class InMemory:
    """Examples in an array (n, *shape) float32 in [0, 1]."""

    array: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.array.shape[1:]

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.array)

    def raw(self, numbers: NDArray[np.int64]) -> Raw:
        """Give examples (k, *shape)."""
        return self.array[numbers]

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give examples (k, *shape)."""
        return self.array[numbers]

    def take(self, numbers: NDArray[np.int64]) -> InMemory:
        """Give some of the examples, numbered from 0."""
        return InMemory(self.array[numbers])


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Examples of a pixel cache, read row by row and never mapped: no page stays in the process.

    ``shard`` and ``row`` (n,) say where each stands. Each process opens the shards for itself.
    """

    shards: tuple[Path, ...]
    shard: NDArray[np.int32]
    row: NDArray[np.int32]
    shape: tuple[int, ...]
    bits: int
    _open: _Descriptors = field(default_factory=lambda: _Descriptors(), repr=False, compare=False)

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.row)

    def raw(self, numbers: NDArray[np.int64]) -> Raw:
        """Read examples (k, *shape) as they are kept. Raises OSError."""
        dtype: type[np.uint8 | np.int16] = np.uint8 if self.bits == 8 else np.int16
        stored = np.empty((len(numbers), *self.shape), dtype)
        flat = stored.reshape(len(numbers), -1).view(np.uint8)
        for place, number in enumerate(numbers.tolist()):
            descriptor = self._open.of(self.shards[self.shard[number]])
            read_row(descriptor, int(self.row[number]), memoryview(flat[place]))
        return stored

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read examples (k, *shape) in [0, 1]."""
        return intensities(self.raw(numbers))

    def take(self, numbers: NDArray[np.int64]) -> OnDisk:
        """Give some of the examples, numbered from 0."""
        return OnDisk(
            shards=self.shards,
            shard=self.shard[numbers],
            row=self.row[numbers],
            shape=self.shape,
            bits=self.bits,
        )


class _Descriptors:
    """Open shards of one process, the oldest closed first."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}
        self._process = os.getpid()

    def of(self, path: Path) -> int:
        """Give a descriptor of a shard, opened where it is not yet. Raises OSError."""
        if self._process != os.getpid():  # of the parent's, which a fork copied
            self._held, self._process = {}, os.getpid()
        if path not in self._held:
            if len(self._held) >= MOST_OPEN:
                os.close(self._held.pop(next(iter(self._held))))
            self._held[path] = os.open(path, os.O_RDONLY)
        return self._held[path]

    def __reduce__(self) -> tuple[type[_Descriptors], tuple[()]]:
        """Open files do not travel to another process."""
        return _Descriptors, ()

    def __del__(self) -> None:
        """Close what is open."""
        if self._process == os.getpid():
            for descriptor in self._held.values():
                os.close(descriptor)


def on_disk(stored: Stored, of_cases: NDArray[np.bool_]) -> OnDisk:
    """Give the examples of a cache that are kept, a mask (n,)."""
    return OnDisk(
        shards=stored.shards,
        shard=stored.shard[of_cases],
        row=stored.row[of_cases],
        shape=stored.shape,
        bits=stored.bits,
    )


def in_blocks(pixels: Pixels) -> Iterator[NDArray[np.float32]]:
    """Go through all examples in their order, some at a time, in [0, 1]."""
    for start in range(0, len(pixels), _BLOCK):
        yield pixels[np.arange(start, min(start + _BLOCK, len(pixels)))]
