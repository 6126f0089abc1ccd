"""One model, the same for every reader, against the mean of a panel of readers on the same cases.

The differences, model less each reader, are one sample of readers: Obuchowski and Rockette's
analysis of a single modality, with the covariances of the differences. Its published interval is
symmetric; near 1 it says 'better' too often (0.033 at the nominal 0.025, up to 0.07, in
``perf/readers.json``). The interval here joins those of the model and of the mean reader, with
their correlation (MOVER), and that is what verdicts are read off. Source: Obuchowski & Rockette
1995; Hillis 2007; Hillis, Obuchowski & Berbaum 2011; Chakraborty 2017, chapter 22; Zou & Donner
2008.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.intervals import mover
from metrics.intervals.linearised import quantile
from metrics.readers import covariances, figures
from metrics.readers.covariances import DELONG, JACKKNIFE
from metrics.readers.figures import Jackknifed
from metrics.readers.mean_interval import NearLimits, mean_bounds
from metrics.readers.obuchowski_rockette import Spread, mean_of
from metrics.readers.reads import Reads

_MOST_CONFIDENCE = 1.0 - 1e-12


@dataclass(frozen=True, slots=True)
class AgainstPanel:
    """The model less the mean reader.

    ``readers`` (readers,) figure of each reader, ``model`` that of the model, ``panel`` the mean
    reader with its interval. ``difference`` holds for readers and cases like these; ``published``
    is the same with the symmetric interval, ``fixed_readers`` holds for these readers alone
    (secondary). ``p`` is two-sided, 1 less the confidence at which the interval reaches 0.
    ``margin`` is how much worse is still not inferior, ``p_noninferior`` one-sided, None without a
    margin.
    """

    covariances: str
    model: float
    readers: tuple[float, ...]
    panel: Spread
    difference: Spread
    published: Spread
    fixed_readers: Spread
    p: float
    margin: float | None
    p_noninferior: float | None

    @property
    def superior(self) -> bool:
        """Whether the lower bound of the difference is above 0."""
        return self.difference.low > 0.0

    @property
    def noninferior(self) -> bool | None:
        """Whether the lower bound is above less the margin; None without a margin."""
        return None if self.margin is None else self.difference.low > -self.margin


def against_panel(
    panel: Reads,
    model: ArrayLike,
    figure: Callable[[Reads], Jackknifed] = figures.auroc,
    *,
    covariance: str = JACKKNIFE,
    confidence: float = 0.95,
    margin: float | None = None,
) -> AgainstPanel:
    """Compare a model with the mean reader of a panel by a ``figure`` of ``figures``.

    ``panel`` has one modality; ``model`` (cases,) is the model's score, or its call as 0 or 1 for
    sensitivity and specificity. Formula: M - R - sqrt((M - l)^2 + (u - R)^2 - 2 r (M - l)(u - R)),
    M the model with its lower bound l, R the mean reader with its upper bound u for random readers
    and cases, r their correlation; and the other way. The published, symmetric interval stands
    beside it. Undefined with one reader. Source: Zou & Donner 2008; Hillis 2007.
    """
    t, r, n = panel.values.shape
    if t != 1 or r < 2:
        raise UndefinedMetric(f"a panel needs two readers or more in one modality; got {r} in {t}")
    if margin is not None and not 0.0 < margin < 1.0:
        raise UndefinedMetric(f"a margin must lie between 0 and 1; got {margin}")
    if covariance == DELONG and figure is not figures.auroc:
        raise UndefinedMetric("DeLong's covariances are of AUROCs; take the jackknife")
    both = np.concatenate([panel.values[0], arrays.scores(model, n)[None, :]])
    study = Reads(panel.y, both[None], panel.patient, panel.n_patients)
    estimates = figure(study)
    matrix = covariances.delong(study) if covariance == DELONG else covariances.jackknife(estimates)
    own = matrix[0, :, 0, :]
    of_model, of_readers = float(estimates.values[0, r]), estimates.values[0, :r]
    panel_mean = mean_of(of_readers, own[:r, :r], estimates.limits, confidence)
    sides = _sides(of_model, panel_mean, own, estimates.limits)
    published, fixed = _published(of_model, of_readers, own, confidence)
    low, high = sides.bounds(confidence)
    difference = Spread(published.estimate, published.standard_error, published.freedom, low, high)
    return AgainstPanel(
        covariances=covariance,
        model=of_model,
        readers=tuple(of_readers.tolist()),
        panel=panel_mean,
        difference=difference,
        published=published,
        fixed_readers=fixed,
        p=_p_value(sides, 0.0),
        margin=margin,
        p_noninferior=None if margin is None else _one_sided(sides, -margin),
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """The model and the mean reader: value, standard error and degrees of freedom of each."""

    model: float
    error: float
    freedom: float
    panel: Spread
    readers: int
    correlation: float
    limits: NearLimits

    @property
    def difference(self) -> float:
        return self.model - self.panel.estimate

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Both ends of the difference, from the two sides' own intervals."""
        panel, limits = self.panel, self.limits
        own = mean_bounds(
            self.model, self.error, self.freedom, readers=1, limits=limits, confidence=confidence
        )
        theirs = mean_bounds(
            panel.estimate,
            panel.standard_error,
            panel.freedom,
            readers=self.readers,
            limits=limits,
            confidence=confidence,
        )
        ends = mover.difference(
            mover.Part(self.model, *own), mover.Part(panel.estimate, *theirs), self.correlation
        )
        return max(ends.low, -1.0), min(ends.high, 1.0)


def _sides(model: float, panel: Spread, own: Floats, limits: NearLimits) -> _Sides:
    """Both sides; ``own`` are covariances (readers + 1, readers + 1) with the model last."""
    r = own.shape[0] - 1
    error = math.sqrt(max(float(own[r, r]), 0.0))
    scale = error * panel.standard_error
    joint = float(own[r, :r].mean())
    correlation = min(1.0, max(-1.0, joint / scale)) if scale > 0.0 else 0.0
    freedom = max(limits.effective - 1.0, 1.0)
    return _Sides(model, error, freedom, panel, r, correlation, limits)


def _published(
    model: float, readers: Floats, own: Floats, confidence: float
) -> tuple[Spread, Spread]:
    """The symmetric intervals: for random readers, and for these readers alone."""
    r = readers.size
    apart = own[r, r] - own[r, :r][None, :] - own[:r, r][:, None] + own[:r, :r]
    square = float(readers.var(ddof=1))
    cov2 = float(apart[~np.eye(r, dtype=np.bool_)].mean())
    error = square / r + max(cov2, 0.0)
    freedom = math.inf if not square > 0.0 else (error * r / square) ** 2 * (r - 1)
    fixed = math.sqrt(max(float(apart.mean()), 0.0))
    value = model - float(readers.mean())
    return (
        _spread(value, math.sqrt(error), freedom, confidence),
        _spread(value, fixed, math.inf, confidence),
    )


def _spread(value: float, se: float, freedom: float, confidence: float) -> Spread:
    reach = quantile(confidence, freedom) * se
    return Spread(value, se, freedom, max(value - reach, -1.0), min(value + reach, 1.0))


def _one_sided(sides: _Sides, at: float) -> float:
    """Chance that stays below the interval's lower end where that end is ``at``."""
    p = _p_value(sides, at)
    return p / 2.0 if sides.difference > at else 1.0 - p / 2.0


def _p_value(sides: _Sides, at: float) -> float:
    """1 less the confidence of the interval that just reaches ``at``; by bisection."""
    if sides.difference == at:
        return 1.0
    above = sides.difference > at

    def leaves_out(confidence: float) -> bool:
        low, high = sides.bounds(confidence)
        return low > at if above else high < at

    if leaves_out(_MOST_CONFIDENCE):
        return 1.0 - _MOST_CONFIDENCE
    inside, outside = 1e-9, _MOST_CONFIDENCE
    for _ in range(50):
        middle = (inside + outside) / 2.0
        if leaves_out(middle):
            inside = middle
        else:
            outside = middle
    return 1.0 - (inside + outside) / 2.0
