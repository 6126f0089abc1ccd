"""What a cell is, and what is counted in each of its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

import numpy as np

TESTED, REJECTED = 0, 1
DEFINED, BELOW, ABOVE, FLAT = 0, 1, 2, 3


@dataclass(slots=True)
class Counts:
    """Counts by row, and the rows whose truth is not known.

    A row of intervals: defined, wholly below the truth, wholly above it, of width 0. A row of
    tests: carried out, rejected. The runs that gave nothing are the cell's less the first count.
    """

    rows: dict[str, list[int]] = field(default_factory=dict)
    unstudied: set[str] = field(default_factory=set)

    def interval(self, row: str, low: float, high: float, truth: float) -> None:
        """Count an interval for a figure whose true value is ``truth``."""
        missed = (high < truth - 1e-12, low > truth + 1e-12)
        self._add(row, [1, *(int(m) for m in missed), int(high == low)])

    def test(self, row: str, rejected: bool) -> None:
        """Count a test."""
        self._add(row, [1, int(rejected)])

    def merge(self, other: Counts) -> None:
        """Add the counts of further runs."""
        self.unstudied |= other.unstudied
        for row, counts in other.rows.items():
            self._add(row, counts)

    def _add(self, row: str, counts: list[int]) -> None:
        before = self.rows.get(row, [0] * len(counts))
        self.rows[row] = [a + b for a, b in zip(before, counts, strict=True)]


class Cell(Protocol):
    """One kind of cohort: its name, how many runs the full study has, and how to make some."""

    @property
    def name(self) -> str:
        """Name under which the counts are kept: parts joined by slashes."""

    @property
    def runs(self) -> int:
        """Number of runs of the full study."""

    @property
    def chunk(self) -> int:
        """Number of runs after which counts are kept."""

    def simulate(self, first: int, last: int) -> Counts:
        """Make runs ``first`` to ``last`` - 1."""


def generator(cell: str, run: int) -> np.random.Generator:
    """The random numbers of one run, the same whatever was run before."""
    return np.random.default_rng([crc32(cell.encode()), run])
