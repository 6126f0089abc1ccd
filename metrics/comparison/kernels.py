"""Compiled loops over all submissions of a board: areas of 64 replicates, largest distances."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from metrics.resampling.sums import LANES, POSITIVE, TIE_END, TIE_START, TIED


@numba.njit(inline="always")
def _emptied(area: NDArray[np.int32], twice: NDArray[np.int64]) -> None:
    """Move the small sums of pairs into the large ones, doubled."""
    for k in range(LANES):
        twice[k] += np.int64(2) * np.int64(area[k])
        area[k] = 0


@numba.njit(inline="always")
def _shares(
    twice: NDArray[np.int64],
    tp: NDArray[np.int32],
    fp: NDArray[np.int32],
    out: NDArray[np.float64],
) -> None:
    """Twice the pairs won over twice the pairs; not a number without pairs."""
    for k in range(LANES):
        pairs = 2.0 * np.float64(tp[k]) * np.float64(fp[k])
        out[k] = np.float64(twice[k]) / pairs if pairs > 0.0 else np.nan


@numba.njit(nogil=True, cache=True)
def scan_areas(
    weights: NDArray[np.uint8],
    rows: NDArray[np.int32],
    flags: NDArray[np.uint8],
    flush: int,
    out: NDArray[np.float64],
) -> None:
    """AUROC of every submission in 64 replicates.

    ``weights`` (cases, 64); ``rows`` (submissions, cases) the cases in falling order of score,
    ``flags`` of the same shape; ``out`` (submissions, 64) takes the AUROCs, NaN where a class is
    missing. The loop is that of ``scan`` in ``metrics.resampling.kernels`` without its other sums.
    """
    tp_before = np.zeros(LANES, np.int32)
    fp_before = np.zeros(LANES, np.int32)
    for submission in range(rows.shape[0]):
        tp = np.zeros(LANES, np.int32)
        fp = np.zeros(LANES, np.int32)
        area = np.zeros(LANES, np.int32)
        twice = np.zeros(LANES, np.int64)
        for j in range(rows.shape[1]):
            flag = flags[submission, j]
            w = weights[rows[submission, j]]
            if flag & TIE_START:
                for k in range(LANES):
                    tp_before[k] = tp[k]
                    fp_before[k] = fp[k]
            if flag & POSITIVE:
                for k in range(LANES):
                    tp[k] += w[k]
            elif flag & TIED:
                for k in range(LANES):
                    fp[k] += w[k]
            else:
                for k in range(LANES):
                    fp[k] += w[k]
                    area[k] += w[k] * tp[k]
            if flag & TIE_END:
                for k in range(LANES):
                    run = np.int64(fp[k] - fp_before[k])
                    twice[k] += run * np.int64(tp[k] + tp_before[k])
            if (j + 1) % flush == 0:
                _emptied(area, twice)
        _emptied(area, twice)
        _shares(twice, tp, fp, out[submission])


@numba.njit(nogil=True, cache=True)
def largest_distances(
    centred: NDArray[np.float64],
    scale: NDArray[np.float64],
    first: int,
    out: NDArray[np.float64],
) -> None:
    """Largest scaled distance of one submission from any other, in each replicate.

    ``centred`` (submissions, replicates); ``scale`` (rows, submissions) is 1 over the standard
    error of a difference, 0 where a pair does not count; ``out`` (rows, replicates). Row 0 of
    ``scale`` and ``out`` is submission ``first``.
    """
    for row in range(out.shape[0]):
        own = centred[first + row]
        most = out[row]
        most[:] = 0.0
        for other in range(centred.shape[0]):
            by = scale[row, other]
            if by > 0.0:
                theirs = centred[other]
                for b in range(most.size):
                    most[b] = max(most[b], abs(own[b] - theirs[b]) * by)
