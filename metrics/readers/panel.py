"""One model, the same for every reader, against the mean of a panel of readers on the same cases.

The differences, model less each reader, are one sample of readers: Obuchowski and Rockette's
analysis of a single modality, with the covariances of the differences. Source: Obuchowski &
Rockette 1995; Hillis 2007; Hillis, Obuchowski & Berbaum 2011; Chakraborty 2017, chapter 22.
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
from metrics.intervals.linearised import quantile
from metrics.readers import covariances, figures
from metrics.readers.covariances import DELONG, JACKKNIFE
from metrics.readers.figures import Jackknifed
from metrics.readers.obuchowski_rockette import Spread, mean_of
from metrics.readers.reads import Reads
from metrics.readers.tails import t_tail


@dataclass(frozen=True, slots=True)
class AgainstPanel:
    """The model less the mean reader.

    ``readers`` (readers,) figure of each reader, ``model`` that of the model, ``panel`` the mean
    reader with its interval. ``difference`` holds for readers and cases like these,
    ``fixed_readers`` for these readers alone (secondary). ``p`` is two-sided. ``margin`` is
    how much worse is still not inferior, ``p_noninferior`` one-sided, None without a margin.
    """

    covariances: str
    model: float
    readers: tuple[float, ...]
    panel: Spread
    difference: Spread
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
    sensitivity and specificity. Raises UndefinedMetric.
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
    found = figure(study)
    matrix = covariances.delong(study) if covariance == DELONG else covariances.jackknife(found)
    of_model, of_readers = float(found.values[0, r]), found.values[0, :r]
    own = matrix[0, :, 0, :]
    apart = own[r, r] - own[r, :r][None, :] - own[:r, r][:, None] + own[:r, :r]
    square = float(of_readers.var(ddof=1))
    value = of_model - float(of_readers.mean())
    error = square / r + max(_mean_cov2(apart), 0.0)
    freedom = math.inf if not square > 0.0 else (error * r / square) ** 2 * (r - 1)
    fixed = max(float(apart.mean()), 0.0)
    if not error > 1e-24:
        raise UndefinedMetric("neither the readers nor the cases show any spread of the difference")
    se = math.sqrt(error)
    return AgainstPanel(
        covariances=covariance,
        model=of_model,
        readers=tuple(of_readers.tolist()),
        panel=mean_of(of_readers, own[:r, :r], found.limits, confidence),
        difference=_spread(value, se, freedom, confidence),
        fixed_readers=_spread(value, math.sqrt(fixed), math.inf, confidence),
        p=2.0 * t_tail(abs(value) / se, freedom),
        margin=margin,
        p_noninferior=None if margin is None else t_tail((value + margin) / se, freedom),
    )


def _mean_cov2(matrix: Floats) -> float:
    """Mean covariance of two readers (readers, readers)."""
    return float(matrix[~np.eye(matrix.shape[0], dtype=np.bool_)].mean())


def _spread(value: float, se: float, freedom: float, confidence: float) -> Spread:
    reach = quantile(confidence, freedom) * se
    return Spread(value, se, freedom, max(value - reach, -1.0), min(value + reach, 1.0))
