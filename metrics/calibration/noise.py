"""Noise of the residuals y - p by cells of predictions: as observed, and under calibration.

What a calibration figure takes from the data are sums of y - p over cells of cases with near
predictions. Two kinds of noise are drawn for these sums: the one that the data have, over patients
within the strata of the sampling design, and the one that outcomes would have if every prediction
were right, by p (1 - p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised
from metrics.intervals.proportions import normal_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Residuals of a group's cases in cells; all arrays (cells,), ``covariance`` (cells, cells).

    ``count`` of cases, ``predicted`` mean probability, ``gap`` the sum of y - p over all cases'
    number, ``covariance`` of the gaps over patients and strata, ``null_variance`` sum of p (1 - p)
    over the number of cases. ``odds`` is prevalence (1 - prevalence) where the number of positives
    was set by design, 0 elsewhere; ``effect`` the design effect of repeating patients (1 at
    least); ``freedom`` the degrees of freedom of the variance.
    """

    count: Ints
    predicted: Floats
    gap: Floats
    covariance: Floats
    null_variance: Floats
    odds: float
    effect: float
    freedom: float

    @property
    def share(self) -> Floats:
        """Share of the cases in each cell."""
        return np.asarray(self.count / self.count.sum())


def residuals(group: Group, member: Ints, n_cells: int) -> Residuals:
    """Residuals of the group by cell; ``member`` (cases,) numbers cells, none of them empty.

    Undefined with fewer than two patients.
    """
    if group.n_patients < 2:
        raise UndefinedMetric("an interval of a calibration figure needs two patients; got one")
    n = group.y.size
    p = arrays.probabilities(group.s, n)
    residual = group.y - p
    count = np.bincount(member, minlength=n_cells)
    gap = np.bincount(member, residual, n_cells) / n
    covariance = _covariance(group, member, residual, gap)
    if not group.fixed:
        covariance += _unseen(group, count)
    effect, freedom = 1.0, group.n_patients - 1.0
    if group.clustered:
        effect = _design_effect(group, member, residual, n_cells)
        freedom = linearised.effective_patients(group.patient, group.n_patients) - 1.0
    return Residuals(
        count=count,
        predicted=np.bincount(member, p, n_cells) / np.maximum(count, 1),
        gap=gap,
        covariance=covariance,
        null_variance=np.bincount(member, p * (1.0 - p), n_cells) / n,
        odds=group.prevalence * (1.0 - group.prevalence) if group.fixed else 0.0,
        effect=effect,
        freedom=freedom,
    )


def of_data(data: Residuals, draws: int, confidence: float, seed: int) -> Floats:
    """Noise of the gaps as the data have it, (draws, cells): normal, of their covariance."""
    values, vectors = np.linalg.eigh(data.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    standard = np.random.default_rng([seed, draws]).standard_normal((draws, values.size))
    return np.asarray(standard @ root.T) * _student(data, confidence)


def of_calibrated(data: Residuals, draws: int, confidence: float, seed: int) -> Floats:
    """Noise of the gaps if every prediction were right, (draws, cells).

    Outcomes are binomial by cell. Where the number of positives was set by design, their sums have
    the covariance (diag v - v v' / (pi (1 - pi))) / n instead of diag v / n, v = p (1 - p) summed
    over cells: what the classes differ in is not left to chance.
    """
    generator = np.random.default_rng([seed, draws, 1])
    n = float(data.count.sum())
    drawn = generator.binomial(
        data.count, np.clip(data.predicted, 0.0, 1.0), (draws, data.count.size)
    )
    noise = (drawn - data.count * data.predicted) / n
    whole = float(data.null_variance.sum())
    if data.odds > 0.0 and whole > 0.0:
        part = (1.0 - np.sqrt(max(0.0, 1.0 - whole / data.odds))) / whole
        noise = noise - part * np.outer(noise.sum(axis=1), data.null_variance)
    return np.asarray(noise * np.sqrt(data.effect) * _student(data, confidence))


def cells_of(p: Floats, most: int) -> tuple[Ints, int]:
    """Cells of cases with equal or near predictions: ``most`` at most, of about equal size."""
    distinct, member = np.unique(p, return_inverse=True)
    if distinct.size <= most:
        return member.astype(np.int64), int(distinct.size)
    mass = np.bincount(member)
    middle = (np.cumsum(mass) - mass / 2.0) / p.size
    return arrays.renumbered((middle * most).astype(np.int64)[member])


def _student(data: Residuals, confidence: float) -> float:
    return linearised.quantile(confidence, data.freedom) / normal_quantile(confidence)


def _covariance(group: Group, member: Ints, residual: Floats, gap: Floats) -> Floats:
    """Covariance of the gaps: influence of each patient, centred within the design's strata."""
    total = np.zeros((gap.size, gap.size))
    whole = group.n_patients / (group.n_patients - 1)
    for stratum, drawn in enumerate(group.drawn):
        of = group.stratum == stratum
        own = int(np.count_nonzero(of))
        if own == 0:
            continue
        squares, sums = _moments(group, member, residual, gap, of)
        few = own / (own - 1.0) if own > 1 else whole
        total += few * (squares - np.outer(sums, sums) / max(int(drawn), 1))
    return total / group.y.size**2


def _unseen(group: Group, count: Ints) -> Floats:
    """What a group of one class cannot show: chance in the number of positives, by cell.

    Formula: r (1 - r) / k share share', r = (x + 1/2) / (k + 1) for x of k patients positive.
    """
    positive = int(np.count_nonzero(group.y))
    if 0 < positive < group.y.size:
        return np.zeros((count.size, count.size))
    k = group.n_patients
    rate = 0.5 / (k + 1.0)
    share = count / count.sum()
    return np.asarray(rate * (1.0 - rate) / k * np.outer(share, share))


def _moments(
    group: Group, member: Ints, residual: Floats, gap: Floats, of: Bools
) -> tuple[Floats, Floats]:
    """Sum of squares and sum of the patients' parts, each of them sum of 1(cell) (y - p) - gap."""
    cells = of[group.patient]
    own = int(np.count_nonzero(cells))
    sums: Floats = np.bincount(member[cells], residual[cells], gap.size).astype(np.float64)
    if not group.clustered:
        alone = np.diag(np.bincount(member[cells], residual[cells] ** 2, gap.size))
        crossed = np.outer(sums, gap)
        return alone - crossed - crossed.T + own * np.outer(gap, gap), sums - own * gap
    squares: Floats = np.zeros((gap.size, gap.size))
    number = np.cumsum(of) - 1
    step = max(1, 2**22 // gap.size)
    size = np.bincount(group.patient, minlength=group.n_patients)
    order = np.flatnonzero(cells)
    place = number[group.patient[order]]
    sizes = size[of]
    for first in range(0, sizes.size, step):
        in_step = (place >= first) & (place < first + step)
        rows = min(step, sizes.size - first)
        at = (place[in_step] - first) * gap.size + member[order[in_step]]
        binned = np.bincount(at, residual[order[in_step]], rows * gap.size)
        part = binned.reshape(rows, gap.size) - np.outer(sizes[first : first + rows], gap)
        squares += part.T @ part
    return squares, sums - own * gap


def _design_effect(group: Group, member: Ints, residual: Floats, n_cells: int) -> float:
    """Variance over patients to variance over cases, of all residuals and of those in tenths."""
    ratios = [1.0]
    tenth = np.minimum(member * 10 // n_cells, 9)
    for cell in (np.zeros_like(tenth), tenth):
        part = np.bincount(group.patient * 10 + cell, residual, group.n_patients * 10)
        alone = float(residual @ residual)
        if alone > 0.0:
            ratios.append(float(part @ part) / alone)
    return max(ratios)
