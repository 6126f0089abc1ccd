"""Compiled loops of the permutation tests.

Items are what moves whole: patients, or the cases of a patient who is in several levels. Items of
one stratum exchange their levels. Permutation number 0 leaves the levels as they are, so the first
statistic is that of the data; the random numbers of each other one depend on the seed and its own
number alone, so neither blocks nor threads change a bit. The loops release the interpreter lock.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from metrics.resampling.kernels import mixed

OF_A_CASE = 0.25
"""How much of a case on the wrong side the largest variance of an AUROC counts for."""


@numba.njit(inline="always")
def stream(seed: np.uint64, number: int) -> np.uint64:
    """Where the random numbers of one permutation begin."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    return mixed(mixed(seed + golden) ^ (np.uint64(number) * golden))


@numba.njit(nogil=True, cache=True)
def shuffle(
    levels: NDArray[np.int16], first: int, last: int, drawn: int, at: np.uint64
) -> np.uint64:
    """Put ``drawn`` items of ``first``..``last`` at random in front (Fisher & Yates; Lemire 2019).

    Takes and gives the place in the stream of random numbers.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    half = np.uint64(32)
    low32 = np.uint64(0xFFFFFFFF)
    for i in range(first, first + drawn):
        size = np.uint64(last - i)
        at += golden
        product = (mixed(at) >> half) * size
        if (product & low32) < size:
            reject = (np.uint64(4294967296) - size) % size
            while (product & low32) < reject:
                at += golden
                product = (mixed(at) >> half) * size
        j = i + np.int64(product >> half)
        kept = levels[i]
        levels[i] = levels[j]
        levels[j] = kept
    return at


@numba.njit(nogil=True, cache=True)
def permute(
    work: NDArray[np.int16],
    levels: NDArray[np.int16],
    starts: NDArray[np.int64],
    seed: np.uint64,
    number: int,
) -> None:
    """Put ``levels`` into ``work``, in permutation ``number`` within strata; 0 is as they are."""
    work[:] = levels
    if number > 0:
        at = stream(seed, number)
        for h in range(starts.size - 1):
            at = shuffle(work, starts[h], starts[h + 1], starts[h + 1] - starts[h] - 1, at)


@numba.njit(nogil=True, cache=True)
def spread(value: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    """Sum of w (F - mean)^2 over the levels, w = 1 / variance and the mean weighted by w.

    Endless where no level varies, and yet they differ: one that is all right, one all wrong.
    """
    if variance.min() <= 0.0:
        return 0.0 if value.max() <= value.min() else np.inf
    whole = 0.0
    mean = 0.0
    for g in range(value.size):
        whole += 1.0 / variance[g]
        mean += value[g] / variance[g]
    mean /= whole
    found = 0.0
    for g in range(value.size):
        found += (value[g] - mean) ** 2 / variance[g]
    return found


@numba.njit(nogil=True, cache=True)
def pearson(
    seed: np.uint64,
    first: int,
    levels: NDArray[np.int16],
    starts: NDArray[np.int64],
    hits: NDArray[np.int64],
    size: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Pearson's chi-square of hits by level, for items of one case each.

    ``levels`` (items,), those of a stratum from ``starts`` on with its ``hits`` in front;
    ``size`` (levels,) items a level. ``out`` (permutations,), numbered from ``first``.
    """
    n_strata = starts.size - 1
    n_hits = hits.sum()
    rate = n_hits / levels.size
    work = levels.copy()
    found = np.zeros(size.size, np.int64)
    for row in range(out.size):
        found[:] = 0
        work[:] = levels
        at = stream(seed, first + row)
        for h in range(n_strata):
            if first + row > 0:
                at = shuffle(work, starts[h], starts[h + 1], hits[h], at)
            for i in range(starts[h], starts[h] + hits[h]):
                found[work[i]] += 1
        total = 0.0
        for g in range(size.size):
            total += (found[g] - rate * size[g]) ** 2 / size[g]
        out[row] = total / (rate * (1.0 - rate))


@numba.njit(nogil=True, cache=True)
def clustered_rates(
    seed: np.uint64,
    first: int,
    levels: NDArray[np.int16],
    starts: NDArray[np.int64],
    cases: NDArray[np.float64],
    hits: NDArray[np.float64],
    within: float,
    n_levels: int,
    out: NDArray[np.float64],
) -> None:
    """Spread of the levels' rates over their variances, for items of several cases.

    ``cases`` and ``hits`` (items,). A level's variance is the larger of two: that of its
    items' residuals from the pooled rate p, and p (1 - p) with the correlation ``within`` items.
    """
    n_hits = hits.sum()
    p = n_hits / cases.sum()
    square = (hits - p * cases) ** 2
    spread_of = p * (1.0 - p) * cases * (1.0 + (cases - 1.0) * within)
    work = levels.copy()
    sums = np.zeros((n_levels, 4))
    value = np.zeros(n_levels)
    variance = np.zeros(n_levels)
    for row in range(out.size):
        permute(work, levels, starts, seed, first + row)
        sums[:] = 0.0
        for i in range(work.size):
            mine = sums[work[i]]
            mine[0] += cases[i]
            mine[1] += hits[i]
            mine[2] += square[i]
            mine[3] += spread_of[i]
        for g in range(n_levels):
            n = sums[g, 0]
            value[g] = sums[g, 1] / n
            variance[g] = max(sums[g, 2], sums[g, 3]) / n**2
        out[row] = spread(value, variance)


@numba.njit(nogil=True, cache=True)
def _to_shared_auroc(
    value: NDArray[np.float64], fewest: NDArray[np.float64], variance: NDArray[np.float64]
) -> None:
    """Turn each level's variance into that of a level with the AUROC of all; all (levels,).

    Formula: (n V f0 / max(A, 1 - A) + q f0 / n) / (n min(A, 1 - A) + q), A the level's AUROC, n
    (``fewest``) the patients of its smaller class, f0 = A0 (1 - A0), A0 the mean AUROC by n and q
    a quarter of a case. With many cases on the wrong side it is V f0 / (A (1 - A)); with none it is
    the largest variance an AUROC can have, f0 / n (Birnbaum & Klose 1957).
    """
    total, mean = 0.0, 0.0
    for g in range(value.size):
        total += fewest[g]
        mean += fewest[g] * value[g]
    mean /= max(1.0, total)
    shared = mean * (1.0 - mean)
    for g in range(value.size):
        n = max(1.0, fewest[g])
        right = max(value[g], 1.0 - value[g])
        wrong = n * (1.0 - right)
        seen = n * variance[g] / right
        variance[g] = shared * (seen + OF_A_CASE / n) / (wrong + OF_A_CASE)


@numba.njit(nogil=True, cache=True)
def auroc(
    seed: np.uint64,
    first: int,
    levels: NDArray[np.int16],
    n_positive: int,
    item: NDArray[np.int32],
    y: NDArray[np.uint8],
    tied_until: NDArray[np.int32],
    size: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Spread of the levels' AUROCs over their DeLong variances, for cases that stand alone.

    ``levels`` (cases,), the ``n_positive`` first. In rising order of score: ``item`` (cases,) the
    place of each case in ``levels``, ``y`` its class, ``tied_until`` the end of the run of equal
    scores of both classes that it begins, else 0. ``size`` (levels, 2) negatives and positives.
    """
    n_levels = size.shape[0]
    n = levels.size
    work = levels.copy()
    sums = np.zeros((2 * n_levels, 4), np.uint64)
    value = np.zeros(n_levels)
    variance = np.zeros(n_levels)
    fewest = np.zeros(n_levels)
    for g in range(n_levels):
        fewest[g] = min(size[g, 0], size[g, 1])
    for row in range(out.size):
        work[:] = levels
        if first + row > 0:
            at = stream(seed, first + row)
            at = shuffle(work, 0, n_positive, n_positive - 1, at)
            at = shuffle(work, n_positive, n, n - n_positive - 1, at)
        sums[:] = 0
        _place(work.view(np.uint16), item.view(np.uint32), y, tied_until, sums)
        variance[:] = 0.0
        for g in range(n_levels):
            for c in range(2):
                own = np.float64(size[g, c])
                others = np.float64(size[g, 1 - c])
                total = np.float64(sums[2 * g + c, 1])
                square = np.float64(sums[2 * g + c, 2])
                centred = max(0.0, square - total * total / own) / (4.0 * others * others)
                variance[g] += centred / ((own - 1.0) * own)
                value[g] = total / (2.0 * own * others)
        _to_shared_auroc(value, fewest, variance)
        out[row] = spread(value, variance)


@numba.njit(nogil=True, cache=True)
def _place(
    levels: NDArray[np.uint16],
    item: NDArray[np.uint32],
    y: NDArray[np.uint8],
    tied_until: NDArray[np.int32],
    sums: NDArray[np.uint64],
) -> None:
    """Count twice the other class below each case, ties one half; whole numbers, no branch.

    ``sums`` (2 levels, 4), negatives and positives of each: cases, their counts, the squares of
    these, and room to work in. Indices are unsigned: a signed one is asked whether it is below 0.
    """
    one = np.uint64(1)
    n = np.uint64(item.size)
    k = np.uint64(0)
    while k < n:
        if tied_until[k] == 0:
            mine = (np.uint64(levels[item[k]]) << one) | np.uint64(y[k])
            place = sums[mine ^ one, 0] << one
            sums[mine, 0] += one
            sums[mine, 1] += place
            sums[mine, 2] += place * place
            k += one
        else:
            end = np.uint64(tied_until[k])
            for j in range(k, end):
                sums[(np.uint64(levels[item[j]]) << one) | np.uint64(y[j]), 3] += one
            for j in range(k, end):
                mine = (np.uint64(levels[item[j]]) << one) | np.uint64(y[j])
                place = (sums[mine ^ one, 0] << one) + sums[mine ^ one, 3]
                sums[mine, 1] += place
                sums[mine, 2] += place * place
            for j in range(k, end):
                mine = (np.uint64(levels[item[j]]) << one) | np.uint64(y[j])
                sums[mine, 0] += one
                sums[mine, 3] = np.uint64(0)
            k = end


@numba.njit(nogil=True, cache=True)
def _walk(
    levels: NDArray[np.int16],
    item: NDArray[np.int32],
    y: NDArray[np.uint8],
    tied_until: NDArray[np.int32],
    seen: NDArray[np.float64],
    tied: NDArray[np.float64],
    place: NDArray[np.float64],
) -> None:
    """Count for each case how many of its level's other class lie below it, ties one half.

    ``seen`` (levels, 2) becomes the cases of each class; ``tied`` is room to work in.
    """
    n = item.size
    seen[:] = 0.0
    k = 0
    while k < n:
        end = tied_until[k]
        if end == 0:
            g = levels[item[k]]
            place[k] = seen[g, 1 - y[k]]
            seen[g, y[k]] += 1.0
            k += 1
        else:
            for j in range(k, end):
                tied[levels[item[j]], y[j]] += 1.0
            for j in range(k, end):
                g = levels[item[j]]
                place[j] = seen[g, 1 - y[j]] + 0.5 * tied[g, 1 - y[j]]
            for j in range(k, end):
                seen[levels[item[j]], y[j]] += 1.0
                tied[levels[item[j]], y[j]] = 0.0
            k = end


@numba.njit(nogil=True, cache=True)
def clustered_auroc(
    seed: np.uint64,
    first: int,
    levels: NDArray[np.int16],
    starts: NDArray[np.int64],
    item: NDArray[np.int32],
    y: NDArray[np.uint8],
    tied_until: NDArray[np.int32],
    by_patient: NDArray[np.int32],
    patients: NDArray[np.int64],
    n_levels: int,
    out: NDArray[np.float64],
) -> None:
    """Spread of the levels' AUROCs over their variances by patient (Obuchowski 1997).

    ``levels`` (items,) by stratum from ``starts`` on. In rising order of score: ``item``, ``y``
    and ``tied_until`` (cases,) as ``auroc``. ``by_patient`` (cases,) lists these places patient by
    patient, from ``patients`` on.
    """
    work = levels.copy()
    place = np.zeros(item.size)
    value = np.zeros(n_levels)
    variance = np.zeros(n_levels)
    fewest = np.zeros(n_levels)
    seen = np.zeros((n_levels, 2))
    part = np.zeros((n_levels, 2))
    count = np.zeros((n_levels, 2))
    square = np.zeros((n_levels, 2))
    size = np.zeros((n_levels, 2))
    holders = np.zeros((n_levels, 2))
    cross = np.zeros(n_levels)
    everyone = np.zeros(n_levels)
    for row in range(out.size):
        permute(work, levels, starts, seed, first + row)
        _walk(work, item, y, tied_until, seen, part, place)
        value[:] = 0.0
        for k in range(item.size):
            if y[k]:
                value[work[item[k]]] += place[k]
        for g in range(n_levels):
            value[g] /= max(1.0, seen[g, 0] * seen[g, 1])
        square[:] = 0.0
        size[:] = 0.0
        holders[:] = 0.0
        cross[:] = 0.0
        everyone[:] = 0.0
        for u in range(patients.size - 1):
            for a in range(patients[u], patients[u + 1]):
                j = by_patient[a]
                g = work[item[j]]
                c = y[j]
                share = place[j] / max(1.0, seen[g, 1 - c])
                residual = (share if c else 1.0 - share) - value[g]
                part[g, c] += residual
                count[g, c] += 1.0
            for a in range(patients[u], patients[u + 1]):
                g = work[item[by_patient[a]]]
                if count[g, 0] + count[g, 1] > 0.0:
                    everyone[g] += 1.0
                    cross[g] += part[g, 0] * part[g, 1]
                    for c in range(2):
                        if count[g, c] > 0.0:
                            square[g, c] += part[g, c] ** 2
                            size[g, c] += count[g, c] ** 2
                            holders[g, c] += 1.0
                        part[g, c] = 0.0
                        count[g, c] = 0.0
        for g in range(n_levels):
            k = everyone[g]
            m = max(1.0, seen[g, 1])
            n = max(1.0, seen[g, 0])
            variance[g] = 2.0 * k / max(1.0, k - 1.0) * cross[g] / (m * n)
            fewest[g] = np.inf
            for c in range(2):
                i = holders[g, c]
                whole = max(1.0, seen[g, c]) ** 2
                variance[g] += i / max(1.0, i - 1.0) * square[g, c] / whole
                fewest[g] = min(fewest[g], whole / max(1.0, size[g, c]))
            variance[g] = max(0.0, variance[g])
        _to_shared_auroc(value, fewest, variance)
        out[row] = spread(value, variance)
