"""Figures of each reader in each modality, and the same without each patient.

A study is analysed from two arrays, whatever the figure: its values, and its values with one
patient left out at a time. AUROC, sensitivity and specificity get the second in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.discrimination.delong import Placements, placements
from metrics.estimate import UndefinedMetric
from metrics.intervals.near_limits import equal_patients
from metrics.readers.mean_interval import NearLimits, of_area, of_share
from metrics.readers.reads import Reads

OneFigure = Callable[[Bools, Floats], float]
"""A figure of one reader: labels (cases,) and values (cases,) to a number."""


@dataclass(frozen=True, slots=True)
class Jackknifed:
    """A figure of each reader: ``values`` (modalities, readers), and without each unit.

    ``without`` (modalities, readers, units). Units are the patients that the figure rests on: all
    of them for the AUROC, those with positive cases for the sensitivity. ``limits`` is what is
    known of the figure near 0 and 1.
    """

    values: Floats
    without: Floats
    limits: NearLimits


def auroc(study: Reads) -> Jackknifed:
    """Empirical AUROC of each reader, and without each patient; O(n log n) a reader.

    Formula: the pairs that patient p is part of are taken off the sum of all pairs,
    A(-p) = (S - n sum V10 - m sum V01 + W) / ((m - m_p)(n - n_p)), sums over the cases of p and W
    its pairs with itself. Undefined where one patient has all cases of a class.
    """
    y, m, n = study.y, int(study.y.sum()), int((~study.y).sum())
    own_m = np.bincount(study.patient[y], minlength=study.n_patients)
    own_n = np.bincount(study.patient[~y], minlength=study.n_patients)
    kept_m, kept_n = m - own_m, n - own_n
    arrays.both_classes("auroc", m, n)
    if not (kept_m.all() and kept_n.all()):
        raise UndefinedMetric(
            f"the jackknife of an AUROC needs two patients of each class; got {m} positive and "
            f"{n} negative cases, all of one class in one patient"
        )
    shape = study.values.shape[:2]
    values, without = np.empty(shape), np.empty((*shape, study.n_patients))
    both = np.flatnonzero((own_m > 0) & (own_n > 0))
    rows = _cases_of(study, both)
    for place in np.ndindex(shape):
        s = study.values[place]
        placed = placements(y, s)
        values[place] = placed.auroc
        lost = np.bincount(study.patient[y], n * placed.positive, study.n_patients).astype(
            np.float64
        )
        lost += np.bincount(study.patient[~y], m * placed.negative, study.n_patients)
        lost[both] = lost[both] - _pairs_within(y, s, rows)
        without[place] = (placed.auroc * m * n - lost) / (kept_m * kept_n)
    return Jackknifed(values, without, of_area(*_effective(study)))


def sensitivity(study: Reads) -> Jackknifed:
    """Share of the positive cases that each reader called positive; values are 0 or 1."""
    return _share(study, study.y, "sensitivity", "positive")


def specificity(study: Reads) -> Jackknifed:
    """Share of the negative cases that each reader called negative; values are 0 or 1."""
    turned = Reads(study.y, 1.0 - study.values, study.patient, study.n_patients)
    return _share(turned, ~study.y, "specificity", "negative")


def any_figure(figure: OneFigure) -> Callable[[Reads], Jackknifed]:
    """The same of another figure, by calling it once for each reader and patient left out."""

    def jackknifed(study: Reads) -> Jackknifed:
        shape = study.values.shape[:2]
        values, without = np.empty(shape), np.empty((*shape, study.n_patients))
        rest = [study.patient != unit for unit in range(study.n_patients)]
        for place in np.ndindex(shape):
            s = study.values[place]
            values[place] = figure(study.y, s)
            for unit, some in enumerate(rest):
                without[(*place, unit)] = figure(study.y[some], s[some])
        return Jackknifed(values, without, NearLimits(min(_effective(study))))

    return jackknifed


def reader_placements(study: Reads) -> list[Placements]:
    """DeLong's structural components of each modality and reader, modality by modality."""
    return [
        placements(study.y, study.values[place]) for place in np.ndindex(study.values.shape[:2])
    ]


def _effective(study: Reads) -> tuple[float, float]:
    """Effective patients with positive cases, and with negative ones."""
    return equal_patients(study.patient[study.y]), equal_patients(study.patient[~study.y])


def _share(study: Reads, counted: Bools, figure: str, of: str) -> Jackknifed:
    calls = study.values[:, :, counted]
    if not np.all((calls == 0.0) | (calls == 1.0)):
        raise UndefinedMetric(f"{figure} needs calls of 0 or 1; another value was found")
    unit, n_units = arrays.renumbered(study.patient[counted])
    if n_units < 2:
        raise UndefinedMetric(f"{figure} of a study needs two {of} patients; got {n_units}")
    size = np.bincount(unit, minlength=n_units)
    hits = _sums(calls.reshape(-1, calls.shape[2]), unit, n_units).reshape(*calls.shape[:2], -1)
    total, n = hits.sum(axis=2), int(size.sum())
    without = (total[:, :, None] - hits) / (n - size)
    return Jackknifed(total / n, without, of_share(equal_patients(study.patient[counted])))


def _sums(rows: Floats, unit: Ints, n_units: int) -> Floats:
    """Sums of each row over the cases of each unit; (rows, units)."""
    if rows.shape[1] == n_units:
        sums = np.empty_like(rows)
        sums[:, unit] = rows
        return sums
    return np.stack([np.bincount(unit, row, n_units) for row in rows])


def _cases_of(study: Reads, units: Ints) -> list[Ints]:
    """The cases of each of some patients."""
    order = np.argsort(study.patient, kind="stable")
    start = np.searchsorted(study.patient[order], np.arange(study.n_patients + 1))
    return [order[start[unit] : start[unit + 1]] for unit in units.tolist()]


def _pairs_within(y: Bools, s: Floats, rows: list[Ints]) -> Floats:
    """Pairs won within each patient that has cases of both classes; a tie counts one half."""
    won = np.empty(len(rows))
    for place, own in enumerate(rows):
        high, low = s[own[y[own]]][:, None], s[own[~y[own]]]
        won[place] = np.sum(high > low) + 0.5 * np.sum(high == low)
    return won
