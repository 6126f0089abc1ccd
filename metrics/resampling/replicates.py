"""Replicates: one draw of case weights that serves every figure, every group and every gap.

A replicate is a draw with replacement of the patients, stratified by label: as many patients with
a positive case, and as many without, as there are. It is kept as weights, how often each case
counts, so a replicate of any figure is that figure with weights. Weights depend on the labels, the
patients and the seed alone: a figure or a group more changes no other, and submissions scored on
the same cohort are compared within the same replicates.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Bools, Floats, Ints
from metrics.edges import bin_of, n_called
from metrics.resampling.sums import (
    BIN_END,
    CALLED_END,
    FIGURES,
    LANES,
    TIE_END,
    TIE_START,
    TIED,
    Sums,
)

_LARGEST_FLUSH = 128
_WORTH_A_THREAD = 1 << 23
"""Cases times replicates: a few milliseconds of work, where a thread costs one to start."""


@dataclass(frozen=True, slots=True)
class Units:
    """What is drawn: the unit of each case, and the first unit of each stratum with the end."""

    unit: Ints
    starts: Ints


def units(y: Bools, patient: Ints, n_patients: int, *, stratified: bool = True) -> Units:
    """Number the patients, those with a positive case first; each of the two is a stratum.

    ``y`` (cases,), ``patient`` (cases,) numbers 0..n_patients-1. ``stratified`` False draws all
    patients together, for cohorts in which the number of positives was left to chance.
    """
    if not stratified:
        return Units(patient, np.array([0, n_patients], dtype=np.int64))
    diseased = np.zeros(n_patients, dtype=np.bool_)
    diseased[patient[y]] = True
    order = np.argsort(~diseased, kind="stable")
    number = np.empty(n_patients, dtype=np.int64)
    number[order] = np.arange(n_patients)
    return Units(number[patient], np.array([0, int(diseased.sum()), n_patients], dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Walk:
    """The cases of one group in falling order of score, with what the scan must know of each."""

    rows: NDArray[np.int32]
    flags: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One submission's cases in falling order of score, sorted once for every group."""

    order: Ints
    y: Bools
    s: Floats
    bin: NDArray[np.uint8]
    gap: NDArray[np.float32]
    square: NDArray[np.float32]


def ranked(y: Bools, s: Floats, n_bins: int) -> Ranked:
    """Sort the cases by falling score; ``n_bins`` equal-width bins are for ECE."""
    order = np.argsort(-s, kind="stable")
    y_, s_ = y[order], s[order]
    gap = np.where(np.isfinite(s_), y_ - s_, 0.0)
    member = bin_of(np.clip(s_, 0.0, 1.0), n_bins).astype(np.uint8)
    small = np.clip(gap, -1e9, 1e9).astype(np.float32)
    return Ranked(order, y_, s_, member, small, small**2)


def walk(cases: Ranked, member: Bools | None, threshold: float | None) -> Walk:
    """Pick a group's cases; ``member`` (cases,) is in the order given, None for everyone."""
    n = cases.y.size
    rows = np.arange(n) if member is None else np.flatnonzero(member[cases.order])
    whole = member is None
    s, y = (cases.s, cases.y) if whole else (cases.s[rows], cases.y[rows])
    bins = cases.bin if whole else cases.bin[rows]
    flags = y.astype(np.uint8)
    if rows.size:
        same = s[1:] == s[:-1]
        end = np.append(~same, True)
        start = np.insert(~same, 0, True)
        if same.any():
            run = np.cumsum(start) - 1
            counted = np.bincount(run, y)[run] > 0
            tied = ~(start & end) & counted
            flags[tied] |= TIED
            flags[tied & start] |= TIE_START
            flags[tied & end] |= TIE_END
        flags[np.append(bins[1:] != bins[:-1], True)] |= BIN_END
        called = 0 if threshold is None else n_called(s, threshold)
        if called:
            flags[called - 1] |= CALLED_END
    return Walk(rows.astype(np.int32), flags)


def replicate(
    cases: Ranked,
    drawn: Units,
    walks: Sequence[Walk],
    *,
    replicates: int,
    seed: int,
    threads: int | None = None,
) -> list[Sums]:
    """Sums of each walk in each replicate; the bits do not depend on ``threads``.

    Memory: three bytes a case for each of 64 replicates and each thread.
    """
    blocks = -(-replicates // LANES)
    sums_of = np.zeros((len(walks), FIGURES, blocks * LANES))
    n = cases.y.size
    flush = rows_between_flushes(cases.y)
    unit = drawn.unit[cases.order]

    from metrics.resampling.kernels import scan  # numba is costly to import

    def run(blocks_of_thread: range) -> None:
        room = _Room.of(int(drawn.starts[-1]), n)
        for block in blocks_of_thread:
            room.fill(seed, block, drawn.starts, unit)
            lanes = slice(block * LANES, (block + 1) * LANES)
            for sums, group in zip(sums_of, walks, strict=True):
                out = np.empty((FIGURES, LANES))
                scan(room.weights, group.rows, group.flags, cases.gap, cases.square, flush, out)
                sums[:, lanes] = out

    _in_threads(run, blocks, threads, cases=n * len(walks))
    return [Sums(sums[:, :replicates]) for sums in sums_of]


def rows_between_flushes(y: Bools) -> int:
    """How many rows a scan adds up in small numbers before it empties them into large ones."""
    return max(1, min(_LARGEST_FLUSH, 2**28 // max(1, int(y.sum()))))


@dataclass(frozen=True, slots=True)
class RocReplicates:
    """Sensitivity at given false positive rates and the area up to them: (rates, replicates)."""

    heights: Floats
    areas: Floats


def replicate_roc(
    cases: Ranked,
    drawn: Units,
    group: Walk,
    false_positive_rates: Floats,
    *,
    replicates: int,
    seed: int,
    threads: int | None = None,
) -> RocReplicates:
    """Read the ROC curve of each replicate at rising false positive rates.

    The replicates are those of ``replicate``. Not finite where a class is missing.
    """
    from metrics.resampling.kernels import scan_roc  # numba is costly to import

    blocks = -(-replicates // LANES)
    n_rates = false_positive_rates.size
    rates = np.zeros((2, n_rates, blocks * LANES))
    unit = drawn.unit[cases.order]

    def run(blocks_of_thread: range) -> None:
        room = _Room.of(int(drawn.starts[-1]), cases.y.size)
        heights, areas = np.empty((LANES, n_rates)), np.empty((LANES, n_rates))
        for block in blocks_of_thread:
            room.fill(seed, block, drawn.starts, unit)
            scan_roc(room.weights, group.rows, group.flags, false_positive_rates, heights, areas)
            lanes = slice(block * LANES, (block + 1) * LANES)
            rates[0, :, lanes], rates[1, :, lanes] = heights.T, areas.T

    _in_threads(run, blocks, threads, cases=cases.y.size)
    return RocReplicates(rates[0, :, :replicates], rates[1, :, :replicates])


def case_weights(drawn: Units, *, replicates: int, seed: int) -> NDArray[np.uint8]:
    """The replicates themselves: (replicates, cases), how often each case counts."""
    weights_of = np.zeros((_blocks(replicates) * LANES, drawn.unit.size), dtype=np.uint8)

    def use(lanes: slice, weights: NDArray[np.uint8]) -> None:
        weights_of[lanes] = weights.T

    each_block(drawn, use, replicates=replicates, seed=seed, threads=1)
    return weights_of[:replicates]


def each_block(
    drawn: Units,
    use: Callable[[slice, NDArray[np.uint8]], None],
    *,
    replicates: int,
    seed: int,
    threads: int | None = None,
    submissions: int = 1,
) -> None:
    """Call ``use`` with 64 replicates at a time: their places, and the weights (cases, 64).

    The replicates are those of ``replicate``; the last block may reach beyond ``replicates``. The
    weights are overwritten by the next call of the same thread. ``submissions`` says how many walks
    a call makes, so that little work starts no thread.
    """

    def run(blocks_of_thread: range) -> None:
        room = _Room.of(int(drawn.starts[-1]), drawn.unit.size)
        for block in blocks_of_thread:
            room.fill(seed, block, drawn.starts, drawn.unit)
            use(slice(block * LANES, (block + 1) * LANES), room.weights)

    _in_threads(run, _blocks(replicates), threads, cases=drawn.unit.size * submissions)


def _blocks(replicates: int) -> int:
    return -(-replicates // LANES)


@dataclass(frozen=True, slots=True)
class _Room:
    """Arrays that one thread fills again and again."""

    counts: NDArray[np.uint8]
    turned: NDArray[np.uint8]
    weights: NDArray[np.uint8]

    @classmethod
    def of(cls, n_units: int, n: int) -> _Room:
        whole = -(-n_units // 8) * 8  # transposed in squares of eight
        return cls(
            np.zeros((LANES, whole), np.uint8),
            np.zeros((whole, LANES), np.uint8),
            np.zeros((n, LANES), np.uint8),
        )

    def fill(self, seed: int, block: int, starts: Ints, unit: Ints) -> None:
        from metrics.resampling.kernels import (
            draw,
            spread,  # numba is costly to import
        )

        draw(np.uint64(seed), block * LANES, starts, self.counts)
        spread(
            self.counts.view(np.uint64),
            unit,
            self.turned.view(np.uint64),
            self.weights.view(np.uint64),
        )


def _in_threads(
    run: Callable[[range], None], blocks: int, threads: int | None, *, cases: int
) -> None:
    worth = 1 + cases * blocks * LANES // _WORTH_A_THREAD
    workers = max(1, min(threads or min(os.cpu_count() or 1, worth), blocks))
    if workers == 1:
        run(range(blocks))
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, [range(first, blocks, workers) for first in range(workers)]))
