"""The interval of a team's best submission, corrected for having been chosen as the best.

The best of several looks owes part of its figure to luck. Its own interval ignores that: for twenty
models of equal worth it holds the true figure in 63 of 100 cohorts where their scores are
independent, in 93 where they correlate by 0.9. The corrected interval
covers the true figure of the submission that was chosen, whichever it was, in at least the declared
share of cohorts: for equal models and for unequal ones, and however alike their scores are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric

DRAWS = 20_000
"""Draws of the looks' errors; half of them are the other half with turned signs."""
_STEPS = 41
_MOST_SIZES = 16


@dataclass(frozen=True, slots=True)
class Tails:
    """Chance that each end of the interval may miss by, as if the submission stood alone.

    ``worse`` is for the end on the side of worse figures, ``better`` for the other. The plain
    interval has half of 1 - confidence on either.
    """

    worse: float
    better: float


def tails_of_best(
    correlation: Floats, best: int, looks: int, confidence: float = 0.95, seed: int = 0
) -> Tails:
    """Tails of the interval for the best of ``looks`` looks of one team.

    ``correlation`` (given, given) is that of the errors of the looks whose scores are given;
    ``best`` is the place of the best. Looks beyond the given ones count as independent of them all,
    which makes the largest error largest (Slepian 1962).

    Formula: the interval is (F - c SE, F + d SE) for a figure that is better the higher it is. It
    misses below where the chosen look's error is above c, and above where it is under -d. Were k
    looks equal and the others too far behind to be chosen, that is P(largest of k errors > c) +
    P(largest of k errors < -d). c and d make c + d smallest while no k from 1 to ``looks`` brings
    the sum above 1 - ``confidence``: the first term is taken over the looks that are least like the
    best, the second over those most like it. One look gives the plain interval. Two that are
    independent do too. Errors are drawn normal with the given correlation; c and d are returned as
    tails, so that the interval keeps its own method. Source: Benjamini, Hechtlinger & Stark 2019,
    for independent estimates; Fuentes, Casella & Wells 2018.
    """
    alpha = 1.0 - confidence
    number = correlation.shape[0]
    if not 0 <= best < number <= looks:
        raise UndefinedMetric(
            f"the best of {looks} looks must be one of the {number} that are given; got {best}"
        )
    if looks == 1:
        return Tails(alpha / 2.0, alpha / 2.0)
    from scipy.special import ndtr, ndtri  # scipy is costly to import

    d = np.linspace(-ndtri(alpha), -ndtri(alpha / 2.0), _STEPS)
    c = -ndtri(np.maximum(alpha - ndtr(-d), alpha / 2.0**20))
    steps = _sizes(looks)
    alike = np.argsort(-correlation[best], kind="stable")
    alike = np.concatenate(([best], alike[alike != best]))
    unlike = np.concatenate(([best], alike[:0:-1]))
    errors = _errors(correlation, seed)
    unseen = looks - number
    most, least = errors[:, best].copy(), errors[:, best].copy()
    taken = 1, 1
    for k in steps:
        alone = min(k - 1, unseen)
        sizes = k - alone, min(k, number)
        for largest, order, finished, size in zip(
            (most, least), (unlike, alike), taken, sizes, strict=True
        ):
            for look in order[finished:size]:
                np.maximum(largest, errors[:, look], out=largest)
        taken = sizes
        low = np.sort(least[least < -d[0]])
        below = np.searchsorted(low, -d, side="left") / least.size
        below = below * ndtr(-d) ** max(0, k - number)
        c = np.maximum(c, _upper(np.sort(most[most > c.min()]), alone, alpha - below, most.size))
    chosen = int(np.argmin(c + d))
    return Tails(float(ndtr(-c[chosen])), float(ndtr(-d[chosen])))


def _upper(high: NDArray[np.float32], alone: int, tail: Floats, draws: int) -> Floats:
    """The c that the largest of some errors, and ``alone`` independent ones, exceeds by ``tail``.

    ``high`` are those of the ``draws`` largest errors that can matter, rising; below the first of
    them c does not matter. ``tail`` and c have one value for each d.
    """
    if not alone:
        place = high.size - 1 - np.floor(tail * draws).astype(np.int64)
        return np.concatenate((high, [0.0]))[np.maximum(place, -1)]
    from scipy.special import ndtr, ndtri  # scipy is costly to import

    low = ndtri((1.0 - tail) ** (1.0 / alone))
    top = np.maximum(low, high[-1] if high.size else 0.0) + 1.0
    for _ in range(30):
        middle = (low + top) / 2.0
        above = (high.size - np.searchsorted(high, middle, side="right")) / draws
        enough = (1.0 - above) * ndtr(middle) ** alone >= 1.0 - tail
        top, low = np.where(enough, middle, top), np.where(enough, low, middle)
    return np.asarray(top)


def _sizes(looks: int) -> list[int]:
    """Numbers of equal looks that are tried, from 2 to all."""
    tried = np.unique(np.rint(np.geomspace(2, looks, _MOST_SIZES)).astype(int))
    return [int(k) for k in tried]


def _errors(correlation: Floats, seed: int) -> NDArray[np.float32]:
    """Draws of the errors (2, looks, draws / 2), normal with the correlation; signs turned in 1."""
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    half = root.astype(np.float32) @ _normal(correlation.shape[0], seed)
    return np.stack([half, -half])


@lru_cache(maxsize=2)
def _normal(looks: int, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return random.standard_normal((looks, DRAWS // 2), dtype=np.float32)


def correlation_of(covariance: Floats) -> Floats:
    """Correlations from covariances; figures without variance go with none other."""
    error = np.sqrt(np.diag(covariance).clip(min=0.0))
    both = np.outer(error, error)
    correlation = np.divide(covariance, both, out=np.zeros_like(covariance), where=both > 0.0)
    np.fill_diagonal(correlation, 1.0)
    return np.clip(correlation, -1.0, 1.0)
