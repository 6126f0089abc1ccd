"""Obuchowski and Rockette's analysis of a reader study, with Hillis' degrees of freedom.

The figures of the readers, (modalities, readers), are taken as measurements with errors that are
correlated, as all rest on the same cases. Random readers and random cases is the finding: it holds
for readers and cases like these. Source: Obuchowski & Rockette 1995; Hillis 2007, 2014.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.intervals.linearised import quantile
from metrics.readers import covariances, figures
from metrics.readers.covariances import COVARIANCES, DELONG, JACKKNIFE, Components
from metrics.readers.each_reader import OwnDifference, each_reader
from metrics.readers.figures import Jackknifed
from metrics.readers.mean_interval import NearLimits, mean_bounds
from metrics.readers.reads import Reads
from metrics.readers.tails import f_tail, t_tail

BOTH_RANDOM = "random readers, random cases"
FIXED_READERS = "fixed readers, random cases"
FIXED_CASES = "random readers, fixed cases"


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Mean squares of modalities, readers and both; None with one modality."""

    modality: float | None
    reader: float
    both: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """An estimate with its standard error, degrees of freedom and interval.

    ``freedom`` is infinite where the interval takes the normal quantile.
    """

    estimate: float
    standard_error: float
    freedom: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Modality ``one`` less modality ``other``, by their places."""

    one: int
    other: int
    spread: Spread
    p: float


@dataclass(frozen=True, slots=True)
class Finding:
    """The test that all modalities are equal, every difference, and each modality's mean.

    ``statistic`` is F with ``df1`` and ``df2``, or chi-squared with ``df1`` where ``df2`` is
    infinite. ``why`` says why there is no test; then ``statistic`` and ``p`` are None.
    """

    generalises_to: str
    means: tuple[Spread, ...]
    differences: tuple[Difference, ...] = ()
    statistic: float | None = None
    df1: int = 0
    df2: float = math.inf
    p: float | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class StudyResult:
    """Everything that the analysis of a study gives.

    ``values`` (modalities, readers). ``covariances`` names how they were estimated. ``finding``
    holds for readers and cases like these, ``fixed_readers``, ``fixed_cases`` and
    ``each_reader`` are secondary.
    """

    values: Floats
    covariances: str
    squares: MeanSquares
    components: Components
    var_reader: float | None
    var_both: float | None
    finding: Finding
    fixed_readers: Finding
    fixed_cases: Finding
    each_reader: tuple[OwnDifference, ...]


def analyse(
    study: Reads,
    figure: Callable[[Reads], Jackknifed] = figures.auroc,
    *,
    covariance: str = JACKKNIFE,
    confidence: float = 0.95,
) -> StudyResult:
    """Compare the modalities of a study by a ``figure`` of ``figures``.

    ``covariance`` is "jackknife" (as OR-DBM MRMC prints) or "DeLong", for the AUROC alone. With
    random readers and cases, E = MS(TR) + r max(Cov2 - Cov3, 0) for r readers and t modalities.
    Formula: F = MS(T) / E with t - 1 and E^2 (t - 1)(r - 1) / MS(TR)^2 degrees of freedom; a
    difference -+ t sqrt(2 E / r). Fixed readers: chi-squared with E = Var - Cov1 + (r - 1)
    max(Cov2 - Cov3, 0); fixed cases: E = MS(TR). One modality's mean: E = MS(R) + r max(Cov2, 0),
    its own, and the interval of ``mean_bounds``. Undefined with one reader or one class, or where
    a read is missing. Source: Obuchowski & Rockette 1995; Hillis 2007.
    """
    if covariance not in COVARIANCES:
        raise UndefinedMetric(f"covariance must be one of {COVARIANCES}; got {covariance!r}")
    if covariance == DELONG and figure is not figures.auroc:
        raise UndefinedMetric("DeLong's covariances are of AUROCs; take the jackknife")
    estimates = figure(study)
    matrix = covariances.delong(study) if covariance == DELONG else covariances.jackknife(estimates)
    return from_covariances(
        estimates.values, matrix, covariance, limits=estimates.limits, confidence=confidence
    )


def from_covariances(
    values: Floats,
    matrix: Floats,
    named: str,
    *,
    limits: NearLimits,
    confidence: float = 0.95,
) -> StudyResult:
    """The analysis of figures (modalities, readers) whose covariances are known.

    ``matrix`` (modalities, readers, modalities, readers); ``named`` says how it was made;
    ``limits`` is that of ``Jackknifed``.
    """
    t, r = values.shape
    if r < 2:
        raise UndefinedMetric(
            "a study needs two readers: one shows nothing of how readers differ; got one"
        )
    squares, mean = mean_squares(values), components_of(matrix)
    own = [components_of(matrix[i : i + 1, :, i : i + 1, :]) for i in range(t)]
    at = _Study(values, squares, mean, own, limits, confidence)
    var_reader, var_both = _variances(squares, mean, t, r)
    return StudyResult(
        values=values,
        covariances=named,
        squares=squares,
        components=mean,
        var_reader=var_reader,
        var_both=var_both,
        finding=_both_random(at),
        fixed_readers=_fixed_readers(at),
        fixed_cases=_fixed_cases(at),
        each_reader=each_reader(values, matrix, confidence),
    )


components_of = covariances.components


def mean_squares(values: Floats) -> MeanSquares:
    """Mean squares of a table of figures (modalities, readers)."""
    t, r = values.shape
    grand = values.mean()
    by_modality, by_reader = values.mean(axis=1), values.mean(axis=0)
    reader = t * float(np.sum((by_reader - grand) ** 2)) / (r - 1)
    if t < 2:
        return MeanSquares(None, reader, None)
    rest = values - by_modality[:, None] - by_reader[None, :] + grand
    return MeanSquares(
        r * float(np.sum((by_modality - grand) ** 2)) / (t - 1),
        reader,
        float(np.sum(rest**2)) / ((t - 1) * (r - 1)),
    )


@dataclass(frozen=True, slots=True)
class _Study:
    values: Floats
    squares: MeanSquares
    mean: Components
    own: list[Components]
    limits: NearLimits
    confidence: float

    @property
    def readers(self) -> int:
        return int(self.values.shape[1])

    @property
    def modalities(self) -> int:
        return int(self.values.shape[0])

    def excess(self) -> float:
        """Covariance that readers share within a modality beyond that across modalities."""
        return max(_known(self.mean.cov2) - _known(self.mean.cov3), 0.0)

    def between_readers(self, i: int) -> float:
        """Mean square of the readers within one modality."""
        return float(self.values[i].var(ddof=1))


def _known(value: float | None) -> float:
    assert value is not None
    return value


def _variances(
    squares: MeanSquares, mean: Components, t: int, r: int
) -> tuple[float | None, float | None]:
    """Variance components of readers and of readers by modalities, as OR-DBM MRMC prints."""
    if squares.both is None:
        return None, None
    cov1, cov2, cov3 = _known(mean.cov1), _known(mean.cov2), _known(mean.cov3)
    var_reader = (squares.reader - squares.both) / t - cov1 + cov3
    return var_reader, squares.both - mean.variance + cov1 + max(cov2 - cov3, 0.0)


def _both_random(at: _Study) -> Finding:
    r, r1 = at.readers, at.readers - 1
    means = []
    for i, own in enumerate(at.own):
        square = at.between_readers(i)
        error = square + r * max(_known(own.cov2), 0.0)
        means.append(_mean(at, i, error / r, _freedom(error, square, r1)))
    if at.squares.both is None:
        return Finding(BOTH_RANDOM, tuple(means))
    error = at.squares.both + r * at.excess()
    df2 = _freedom(error, at.squares.both, (at.modalities - 1) * r1)
    return _tested(at, BOTH_RANDOM, means, error, df2)


def _fixed_readers(at: _Study) -> Finding:
    r = at.readers
    means = [
        _mean(at, i, (own.variance + (r - 1) * max(_known(own.cov2), 0.0)) / r, math.inf)
        for i, own in enumerate(at.own)
    ]
    if at.squares.both is None:
        return Finding(FIXED_READERS, tuple(means))
    error = at.mean.variance - _known(at.mean.cov1) + (r - 1) * at.excess()
    return _tested(at, FIXED_READERS, means, max(error, 0.0), math.inf)


def _fixed_cases(at: _Study) -> Finding:
    r1 = at.readers - 1
    means = [
        _mean(at, i, at.between_readers(i) / at.readers, float(r1), fixed_cases=True)
        for i in range(at.modalities)
    ]
    if at.squares.both is None:
        return Finding(FIXED_CASES, tuple(means))
    return _tested(at, FIXED_CASES, means, at.squares.both, float((at.modalities - 1) * r1))


def _freedom(error: float, square: float, df: int) -> float:
    """Hillis' degrees of freedom: those of the mean square, more where cases add to the error."""
    return math.inf if not square > 0.0 else (error / square) ** 2 * df


def _tested(at: _Study, name: str, means: list[Spread], error: float, df2: float) -> Finding:
    """Test and differences from the error term of the mean square of modalities."""
    df1 = at.modalities - 1
    if not error > 1e-24:
        why = "no reader or case differs between the modalities beyond rounding"
        return Finding(name, tuple(means), df1=df1, df2=df2, why=why)
    f = _known(at.squares.modality) / error
    statistic = f * df1 if math.isinf(df2) else f
    differences = []
    se = math.sqrt(2.0 / at.readers * error)
    by_modality = at.values.mean(axis=1)
    for one, other in combinations(range(at.modalities), 2):
        value = float(by_modality[one] - by_modality[other])
        reach = quantile(at.confidence, df2) * se
        spread = Spread(value, se, df2, max(value - reach, -1.0), min(value + reach, 1.0))
        differences.append(Difference(one, other, spread, t_tail(abs(value) / se, df2) * 2.0))
    p = f_tail(f, df1, df2)
    return Finding(name, tuple(means), tuple(differences), statistic, df1, df2, p)


def mean_of(values: Floats, matrix: Floats, limits: NearLimits, confidence: float = 0.95) -> Spread:
    """Mean figure of random readers (readers,) in one modality; ``matrix`` (readers, readers)."""
    spread = from_covariances(
        values[None, :],
        matrix[None, :, None, :],
        "",
        limits=limits,
        confidence=confidence,
    )
    return spread.finding.means[0]


def _mean(
    at: _Study, i: int, variance: float, freedom: float, *, fixed_cases: bool = False
) -> Spread:
    value, se = float(at.values[i].mean()), math.sqrt(max(variance, 0.0))
    limits = replace(at.limits, model=None) if fixed_cases else at.limits
    low, high = mean_bounds(
        value, se, freedom, readers=at.readers, limits=limits, confidence=at.confidence
    )
    return Spread(value, se, freedom, low, high)
