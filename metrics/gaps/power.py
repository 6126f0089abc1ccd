"""Power of the declared tests at an alternative, computed before a study.

One level is worse than all others, which share the assumed value. Variances are those of the
alternative; nothing here looks at data, so the answer cannot follow from what was observed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.gaps.tests import RATES

PLANNABLE = ("auroc", *RATES)
"""Figures whose gaps can be planned from counts and an assumed value alone."""

_RUNS = 4000
_LEAST_PER_LEVEL = 2
_OF_A_CASE = 0.25
"""That of ``metrics.resampling.permutation``, which is costly to import."""


@dataclass(frozen=True, slots=True)
class Detectable:
    """Smallest difference of one level from the others that is found; None, and why not."""

    difference: float | None
    reason: str | None = None


def detectable_gaps(
    figure: str,
    positives: Sequence[int],
    negatives: Sequence[int],
    assumed: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> tuple[Detectable, ...]:
    """For each level how much worse than the others it must be to be found with ``power``.

    ``positives`` and ``negatives`` (levels,) patients; ``assumed`` the value of the other levels;
    ``alpha`` the share of the level that the gap is declared with. Both tests are simulated with
    fixed random numbers: rates from binomial counts, AUROCs with the variance of two normal
    classes at the alternative, not below 0.5. Undefined for other figures, whose variance depends
    on the spread of the predictions.
    """
    if figure not in PLANNABLE:
        raise UndefinedMetric(
            f"a gap in {figure} cannot be planned from counts; plan one of {', '.join(PLANNABLE)}"
        )
    if len(positives) < 2 or len(positives) != len(negatives):
        raise UndefinedMetric(f"a gap needs two levels with data enough; got {len(positives)}")
    if not (0.0 < assumed < 1.0 and 0.0 < alpha < 1.0 and 0.0 < power < 1.0):
        raise UndefinedMetric(
            f"the assumed value, alpha and power lie between 0 and 1; got {assumed}, {alpha}, "
            f"{power}"
        )
    counts = np.array([positives, negatives], dtype=np.int64)
    if counts.min() < _LEAST_PER_LEVEL:
        raise UndefinedMetric("a level has fewer than two patients of a class; leave it out")
    if figure == "auroc":
        if assumed <= 0.5:
            raise UndefinedMetric(f"an AUROC to plan with lies above 0.5; got {assumed}")
        power_of: Callable[[int, float], float] = _Aurocs(counts, assumed, alpha).power
        widest, end = assumed - 0.5, "an AUROC of 0.5"
    else:
        chance = assumed if figure in ("sensitivity", "specificity") else 1.0 - assumed
        power_of = _Rates(counts[0 if RATES[figure] else 1], chance, alpha).power
        widest, end = chance, f"a {figure} of {0 if chance == assumed else 1}"
    return tuple(_smallest(power_of, g, widest, end, power) for g in range(len(positives)))


def _smallest(
    power_of: Callable[[int, float], float], level: int, widest: float, end: str, power: float
) -> Detectable:
    """Halve the interval of differences until its ends agree to 0.001."""
    low, high = 0.0, widest
    if power_of(level, widest) < power:
        return Detectable(None, f"{end} in this level would be found with less than {power:.0%}")
    while high - low > 1e-3:
        middle = (low + high) / 2.0
        low, high = (low, middle) if power_of(level, middle) >= power else (middle, high)
    return Detectable(high)


class _Rates:
    """The permutation test of rates, on counts drawn once."""

    def __init__(self, size: Ints, chance: float, alpha: float) -> None:
        """``size`` (levels,) patients of the class; ``chance`` that one is called rightly."""
        self._size, self._chance, self._alpha = size, chance, alpha
        rng = np.random.default_rng(20_260_101)
        self._drawn = rng.binomial(size, chance, (_RUNS, size.size))
        self._uniform = rng.random(_RUNS)
        self._step = max(1, int(size.sum()) // 200)
        self._critical: dict[int, float] = {}

    def power(self, level: int, difference: float) -> float:
        """Share of studies in which a ``level`` lower by ``difference`` is found."""
        from scipy.stats import binom  # scipy is costly to import

        own = binom.cdf(np.arange(self._size[level]), self._size[level], self._chance - difference)
        hits = self._drawn.copy()
        hits[:, level] = np.searchsorted(own, self._uniform)
        total = hits.sum(axis=1)
        rounded = np.minimum((total // self._step) * self._step + self._step // 2, total.max())
        limit = np.array([self._limit(int(h)) for h in np.unique(rounded)])
        needed = limit[np.searchsorted(np.unique(rounded), rounded)]
        return float(np.mean(self._pearson(hits) >= needed - 1e-9))

    def _limit(self, total: int) -> float:
        """Smallest statistic that is called where ``total`` of all levels are hits."""
        if total not in self._critical:
            rng = np.random.default_rng([20_260_102, total])
            hits = rng.multivariate_hypergeometric(self._size, total, _RUNS)
            value, count = np.unique(np.round(self._pearson(hits), 9), return_counts=True)
            tail = np.cumsum(count[::-1])[::-1] / _RUNS
            called = tail <= self._alpha
            self._critical[total] = float(value[called][0]) if called.any() else np.inf
        return self._critical[total]

    def _pearson(self, hits: Ints) -> Floats:
        rate = hits.sum(axis=1, keepdims=True) / self._size.sum()
        spread = np.sum((hits - rate * self._size) ** 2 / self._size, axis=1)
        within = (rate * (1.0 - rate))[:, 0]
        return np.asarray(np.divide(spread, within, out=np.zeros_like(spread), where=within > 0))


class _Aurocs:
    """The permutation test of AUROCs, on AUROCs drawn with the variance of two normal classes."""

    def __init__(self, counts: Ints, assumed: float, alpha: float) -> None:
        """``counts`` (2, levels) positives and negatives."""
        self._counts, self._assumed, self._alpha = counts.astype(np.float64), assumed, alpha
        rng = np.random.default_rng(20_260_103)
        self._uniform = rng.random((_RUNS, counts.shape[1]))
        self._equal = rng.random((_RUNS, counts.shape[1]))

    def power(self, level: int, difference: float) -> float:
        """Share of studies in which a ``level`` lower by ``difference`` is found."""
        value = np.full(self._counts.shape[1], self._assumed)
        value[level] -= difference
        shared = np.full_like(value, np.average(value, weights=self._counts[0]))
        limit = np.quantile(self._spread(self._drawn(shared, self._equal)), 1.0 - self._alpha)
        return float(np.mean(self._spread(self._drawn(value, self._uniform)) > limit))

    def _drawn(self, value: Floats, uniform: Floats) -> Floats:
        """AUROCs of a beta distribution with the mean and variance that they have."""
        from scipy.special import betaincinv  # scipy is costly to import

        size = value * (1.0 - value) / self._variance(value[np.newaxis], _part(value))[0] - 1.0
        return np.asarray(betaincinv(value * size, (1.0 - value) * size, uniform))

    def _variance(self, value: Floats, part: Floats) -> Floats:
        m, n = self._counts
        return np.asarray((value * (1.0 - value) + (m + n - 2.0) * part) / (m * n))

    def _spread(self, value: Floats) -> Floats:
        m, n = self._counts
        fewest = np.minimum(m, n)
        own = _part(value) * (1.0 / m + 1.0 / n)
        mean = np.average(value, axis=1, weights=fewest)[:, np.newaxis]
        right = np.maximum(value, 1.0 - value)
        observed = fewest * own / right + _OF_A_CASE / fewest
        variance = mean * (1.0 - mean) * observed / (fewest * (1.0 - right) + _OF_A_CASE)
        weight = 1.0 / np.maximum(variance, 1e-300)
        mean = np.sum(weight * value, axis=1) / weight.sum(axis=1)
        return np.asarray(np.sum(weight * (value - mean[:, np.newaxis]) ** 2, axis=1))


def _part(auroc: Floats) -> Floats:
    """Variance of a case's share of the other class that it beats, for two normal classes.

    Formula: Phi2(h, h; 1/2) - A^2, h the normal quantile of A, by Owen's T: Phi(h) - 2 T(h,
    3^-1/2) - A^2. Source: Hanley & McNeil 1982 (Q1 and Q2); Owen 1956.
    """
    from scipy.special import ndtri, owens_t  # scipy is costly to import

    inside = np.clip(auroc, 1e-9, 1.0 - 1e-9)
    return np.asarray(inside - 2.0 * owens_t(ndtri(inside), 3.0**-0.5) - inside**2)
