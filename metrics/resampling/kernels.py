"""Compiled inner loops of resampling: draw, transpose, scan.

Weights are bytes, 64 replicates a row (one cache line a case), so that every inner loop runs over
replicates. A replicate's random numbers depend on the seed and its own number alone, so neither
blocks nor threads change a bit. The loops release the interpreter lock; ``resampling`` runs them
in threads.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from metrics.resampling.sums import (
    AREA,
    BIN_END,
    BIN_GAP,
    CALLED_END,
    CALLED_FP,
    CALLED_TP,
    FP,
    GAP,
    LANES,
    POSITIVE,
    PRECISION,
    SQUARES,
    TIE_END,
    TIE_START,
    TIED,
    TP,
)


@numba.njit(inline="always")
def mixed(x: np.uint64) -> np.uint64:
    """Finaliser of splitmix64 (Steele, Lea & Flood 2014): spreads seeds over the state space."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(inline="always")
def _swapped(
    low: np.uint64, high: np.uint64, by: np.uint64, mask: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Exchange the upper parts of ``low`` with the lower parts of ``high``."""
    apart = ((low >> by) ^ high) & mask
    return low ^ (apart << by), high ^ apart


@numba.njit(nogil=True, cache=True)
def draw(seed: np.uint64, first: int, starts: NDArray[np.int64], counts: NDArray[np.uint8]) -> None:
    """Draw with replacement within each stratum; ``counts`` (replicates, units) says how often.

    ``starts`` holds the first unit of each stratum and the number of units; ``counts`` may have
    columns to spare. Generator: two xoshiro256++ in turn (Blackman & Vigna 2019) for each
    replicate, so that the processor has work while one waits; a draw takes 32 bits, bounded
    without bias (Lemire 2019).
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    low32 = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    one = np.uint8(1)
    for row in range(counts.shape[0]):
        counts[row, :] = 0
        at = mixed(seed) ^ mixed(np.uint64(first + row) * golden + golden)
        a0 = mixed(at + golden)
        a1 = mixed(at + np.uint64(2) * golden)
        a2 = mixed(at + np.uint64(3) * golden)
        a3 = mixed(at + np.uint64(4) * golden)
        b0 = mixed(at + np.uint64(5) * golden)
        b1 = mixed(at + np.uint64(6) * golden)
        b2 = mixed(at + np.uint64(7) * golden)
        b3 = mixed(at + np.uint64(8) * golden)
        for stratum in range(starts.size - 1):
            size = np.uint64(starts[stratum + 1] - starts[stratum])
            if size == np.uint64(0):
                continue
            reject = (np.uint64(4294967296) - size) % size
            of_stratum = counts[row, starts[stratum] : starts[stratum + 1]]
            left = np.int64(size)
            while left > 0:
                z = a0 + a3
                a = ((z << np.uint64(23)) | (z >> np.uint64(41))) + a0
                t = a1 << np.uint64(17)
                a2 ^= a0
                a3 ^= a1
                a1 ^= a2
                a0 ^= a3
                a2 ^= t
                a3 = (a3 << np.uint64(45)) | (a3 >> np.uint64(19))
                z = b0 + b3
                b = ((z << np.uint64(23)) | (z >> np.uint64(41))) + b0
                t = b1 << np.uint64(17)
                b2 ^= b0
                b3 ^= b1
                b1 ^= b2
                b0 ^= b3
                b2 ^= t
                b3 = (b3 << np.uint64(45)) | (b3 >> np.uint64(19))
                p0 = (a >> half) * size
                p1 = (a & low32) * size
                p2 = (b >> half) * size
                p3 = (b & low32) * size
                least = min(min(p0 & low32, p1 & low32), min(p2 & low32, p3 & low32))
                if left >= 4 and least >= reject:
                    of_stratum[p0 >> half] += one
                    of_stratum[p1 >> half] += one
                    of_stratum[p2 >> half] += one
                    of_stratum[p3 >> half] += one
                    left -= 4
                else:
                    for product in (p0, p1, p2, p3):
                        if left > 0 and (product & low32) >= reject:
                            of_stratum[product >> half] += one
                            left -= 1


@numba.njit(nogil=True, cache=True)
def spread(
    counts: NDArray[np.uint64],
    unit: NDArray[np.int64],
    turned: NDArray[np.uint64],
    weights: NDArray[np.uint64],
) -> None:
    """Give each case its unit's counts: (replicates, units) -> (cases, replicates).

    All arrays are bytes seen as words of eight: ``counts`` (64, units / 8) with units a multiple
    of eight, ``turned`` (units, 8) room to work in, ``weights`` (cases, 8). ``unit`` (cases,) in
    the order wanted. Squares of 8 x 8 bytes are transposed in registers (Warren 2012, 7-3).
    """
    m1 = np.uint64(0x00FF00FF00FF00FF)
    m2 = np.uint64(0x0000FFFF0000FFFF)
    m4 = np.uint64(0x00000000FFFFFFFF)
    e8 = np.uint64(8)
    e16 = np.uint64(16)
    e32 = np.uint64(32)
    for u in range(counts.shape[1]):
        for g in range(8):
            x0, x1 = counts[8 * g, u], counts[8 * g + 1, u]
            x2, x3 = counts[8 * g + 2, u], counts[8 * g + 3, u]
            x4, x5 = counts[8 * g + 4, u], counts[8 * g + 5, u]
            x6, x7 = counts[8 * g + 6, u], counts[8 * g + 7, u]
            x0, x1 = _swapped(x0, x1, e8, m1)
            x2, x3 = _swapped(x2, x3, e8, m1)
            x4, x5 = _swapped(x4, x5, e8, m1)
            x6, x7 = _swapped(x6, x7, e8, m1)
            x0, x2 = _swapped(x0, x2, e16, m2)
            x1, x3 = _swapped(x1, x3, e16, m2)
            x4, x6 = _swapped(x4, x6, e16, m2)
            x5, x7 = _swapped(x5, x7, e16, m2)
            x0, x4 = _swapped(x0, x4, e32, m4)
            x1, x5 = _swapped(x1, x5, e32, m4)
            x2, x6 = _swapped(x2, x6, e32, m4)
            x3, x7 = _swapped(x3, x7, e32, m4)
            turned[8 * u, g] = x0
            turned[8 * u + 1, g] = x1
            turned[8 * u + 2, g] = x2
            turned[8 * u + 3, g] = x3
            turned[8 * u + 4, g] = x4
            turned[8 * u + 5, g] = x5
            turned[8 * u + 6, g] = x6
            turned[8 * u + 7, g] = x7
    for row in range(unit.size):
        source = unit[row]
        for g in range(8):
            weights[row, g] = turned[source, g]


@numba.njit(nogil=True, cache=True)
def scan(
    weights: NDArray[np.uint8],
    rows: NDArray[np.int32],
    flags: NDArray[np.uint8],
    gap: NDArray[np.float32],
    square: NDArray[np.float32],
    flush: int,
    out: NDArray[np.float64],
) -> None:
    """Walk down the scores of one group once, for 64 replicates.

    ``weights`` (cases, 64); ``rows`` (m,) the group's cases in falling order of score, with
    ``flags`` (m,); ``gap`` y - p and ``square`` (p - y)^2 (cases,). ``out`` (FIGURES, 64).
    Counts are exact; the sums of float32 are emptied into float64 every ``flush`` rows.
    """
    tp = np.zeros(LANES, np.int32)
    fp = np.zeros(LANES, np.int32)
    tp_before = np.zeros(LANES, np.int32)
    fp_before = np.zeros(LANES, np.int32)
    called_tp = np.zeros(LANES, np.int32)
    called_fp = np.zeros(LANES, np.int32)
    area = np.zeros(LANES, np.int32)
    precision = np.zeros(LANES, np.float32)
    gaps = np.zeros(LANES, np.float32)
    squares = np.zeros(LANES, np.float32)
    twice_area = np.zeros(LANES, np.int64)
    precision_sum = np.zeros(LANES, np.float64)
    squares_sum = np.zeros(LANES, np.float64)
    gap_bin = np.zeros(LANES, np.float64)
    gap_sum = np.zeros(LANES, np.float64)
    bin_sum = np.zeros(LANES, np.float64)
    last = rows.size - 1
    since = 0
    for j in range(rows.size):
        r = rows[j]
        flag = flags[j]
        w = weights[r]
        g = gap[r]
        q = square[r]
        if flag & TIED:
            if flag & TIE_START:
                for k in range(LANES):
                    tp_before[k] = tp[k]
                    fp_before[k] = fp[k]
            if flag & POSITIVE:
                for k in range(LANES):
                    tp[k] += w[k]
            else:
                for k in range(LANES):
                    fp[k] += w[k]
            if flag & TIE_END:
                for k in range(LANES):
                    twice_area[k] += np.int64(fp[k] - fp_before[k]) * np.int64(tp[k] + tp_before[k])
                    precision[k] += (
                        np.float32(tp[k] - tp_before[k])
                        * np.float32(tp[k])
                        / np.float32(max(np.int32(1), np.int32(tp[k] + fp[k])))
                    )
        elif flag & POSITIVE:
            for k in range(LANES):
                tp[k] += w[k]
                precision[k] += (
                    np.float32(w[k])
                    * np.float32(tp[k])
                    / np.float32(max(np.int32(1), np.int32(tp[k] + fp[k])))
                )
        else:
            for k in range(LANES):
                fp[k] += w[k]
                area[k] += w[k] * tp[k]
        for k in range(LANES):
            gaps[k] += np.float32(w[k]) * g
            squares[k] += np.float32(w[k]) * q
        since += 1
        if flag & CALLED_END:
            for k in range(LANES):
                called_tp[k] = tp[k]
                called_fp[k] = fp[k]
        if flag & BIN_END or since >= flush or j == last:
            since = 0
            for k in range(LANES):
                twice_area[k] += np.int64(2) * np.int64(area[k])
                area[k] = 0
                precision_sum[k] += np.float64(precision[k])
                precision[k] = np.float32(0)
                squares_sum[k] += np.float64(squares[k])
                squares[k] = np.float32(0)
                gap_bin[k] += np.float64(gaps[k])
                gaps[k] = np.float32(0)
            if flag & BIN_END:
                for k in range(LANES):
                    gap_sum[k] += gap_bin[k]
                    bin_sum[k] += abs(gap_bin[k])
                    gap_bin[k] = 0.0
    for k in range(LANES):
        out[TP, k] = tp[k]
        out[FP, k] = fp[k]
        out[CALLED_TP, k] = called_tp[k]
        out[CALLED_FP, k] = called_fp[k]
        out[AREA, k] = twice_area[k]
        out[PRECISION, k] = precision_sum[k]
        out[SQUARES, k] = squares_sum[k]
        out[GAP, k] = gap_sum[k]
        out[BIN_GAP, k] = bin_sum[k]


@numba.njit(nogil=True, cache=True)
def scan_roc(
    weights: NDArray[np.uint8],
    rows: NDArray[np.int32],
    flags: NDArray[np.uint8],
    rates: NDArray[np.float64],
    heights: NDArray[np.float64],
    areas: NDArray[np.float64],
) -> None:
    """Sensitivity at each of the rising false positive ``rates``, and the area up to it.

    ``heights`` and ``areas`` (64, rates). The ROC curve is straight between its points and read at
    the top of a vertical rise; NaN where a class has no weight.
    """
    m = rows.size
    for lane in range(LANES):
        positive = 0
        negative = 0
        for j in range(m):
            w = int(weights[rows[j], lane])
            if flags[j] & POSITIVE:
                positive += w
            else:
                negative += w
        if positive == 0 or negative == 0:
            heights[lane, :] = np.nan
            areas[lane, :] = np.nan
            continue
        tp = 0
        fp = 0
        tp_before = 0
        fp_before = 0
        area = 0.0
        place = 0
        allowed = rates[0] * negative
        whole = float(positive) * float(negative)
        for j in range(m):
            flag = flags[j]
            w = int(weights[rows[j], lane])
            if not flag & TIED or flag & TIE_START:
                tp_before = tp
                fp_before = fp
            if flag & POSITIVE:
                tp += w
            else:
                fp += w
            if flag & TIED and not flag & TIE_END:
                continue
            while place < rates.size and fp > allowed + 1e-9 * negative:
                run = max(0.0, allowed - fp_before)
                height = tp_before + run / (fp - fp_before) * (tp - tp_before)
                heights[lane, place] = height / positive
                areas[lane, place] = (area + run * (tp_before + height) / 2.0) / whole
                place += 1
                if place < rates.size:
                    allowed = rates[place] * negative
            area += (fp - fp_before) * (tp_before + tp) / 2.0
        while place < rates.size:
            heights[lane, place] = 1.0
            areas[lane, place] = area / whole
            place += 1


@numba.njit(nogil=True, cache=True)
def split(
    y: NDArray[np.bool_], s: NDArray[np.float64], n_positive: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of the positives and of the negatives, in one pass without a branch to mispredict."""
    n = s.size
    positive = np.empty(n_positive + 1)
    negative = np.empty(n - n_positive + 1)
    i = 0
    for k in range(n):
        positive[i] = s[k]
        negative[k - i] = s[k]
        i += y[k]
    return positive[:n_positive], negative[: n - n_positive]


@numba.njit(nogil=True, cache=True)
def placement_sums(
    positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> tuple[int, float, float]:
    """Twice the Mann-Whitney count and the centred squares of both classes' placements.

    Both arrays rise. Squares are of counts doubled, so ties stay whole: divide by (2 n)^2 and
    (2 m)^2. Sums of squares are taken about the mean: nothing cancels.
    """
    m = positive.size
    n = negative.size
    count = np.empty(m, np.int64)
    twice = 0
    below = 0
    upto = 0
    for i in range(m):
        x = positive[i]
        while below < n and negative[below] < x:
            below += 1
        upto = max(upto, below)
        while upto < n and negative[upto] <= x:
            upto += 1
        count[i] = below + upto
        twice += below + upto
    mean_positive = twice / m
    mean_negative = twice / n
    squares_positive = 0.0
    for i in range(m):
        squares_positive += (count[i] - mean_positive) ** 2
    squares_negative = 0.0
    below = 0
    upto = 0
    for i in range(n):
        x = negative[i]
        while below < m and positive[below] < x:
            below += 1
        upto = max(upto, below)
        while upto < m and positive[upto] <= x:
            upto += 1
        squares_negative += (2 * m - below - upto - mean_negative) ** 2
    return twice, squares_positive, squares_negative


@numba.njit(nogil=True, cache=True)
def logistic_sums(
    y: NDArray[np.bool_],
    x: NDArray[np.float64],
    w: NDArray[np.float64],
    intercept: float,
    slope: float,
) -> tuple[float, float, float, float, float, float]:
    """Log likelihood, gradient and information of logit P(y) = intercept + slope x."""
    likelihood = 0.0
    g0 = 0.0
    g1 = 0.0
    h00 = 0.0
    h01 = 0.0
    h11 = 0.0
    for i in range(y.size):
        eta = intercept + slope * x[i]
        small = np.exp(-abs(eta))
        mu = 1.0 / (1.0 + small) if eta >= 0 else small / (1.0 + small)
        likelihood -= w[i] * (np.log1p(small) + max(0.0, -eta if y[i] else eta))
        residual = w[i] * ((1.0 if y[i] else 0.0) - mu)
        curve = w[i] * small / (1.0 + small) ** 2
        g0 += residual
        g1 += residual * x[i]
        h00 += curve
        h01 += curve * x[i]
        h11 += curve * x[i] * x[i]
    return likelihood, g0, g1, h00, h01, h11
