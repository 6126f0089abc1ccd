"""The cases of one group: what every figure, interval and gap of a report is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate

FIXED_PREVALENCE = "fixed-prevalence"
"""The number of positive patients was set by design, as in a cohort drawn to a target."""
SAMPLED = "sampled"
"""The number of positive patients was left to chance, as in consecutive cases."""
DESIGNS = (FIXED_PREVALENCE, SAMPLED)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Group:
    """Labels, scores and patients of the cases of one group, and how they were sampled.

    ``y`` and ``s`` (cases,); ``patient`` (cases,) numbers 0..n_patients-1. ``stratum``
    (n_patients,) is each patient's stratum of the sampling design, and ``drawn`` (strata,) how
    many patients the whole cohort has in each stratum: a group with ``drawn`` above its own count
    has that count by chance. ``fixed`` says that the group's own number of positives was set by
    design.
    """

    y: Bools
    s: Floats
    patient: Ints
    n_patients: int
    stratum: Ints
    drawn: Ints
    fixed: bool

    @property
    def clustered(self) -> bool:
        """Whether a patient has several cases."""
        return self.n_patients < self.y.size

    @property
    def prevalence(self) -> float:
        """Share of positive cases."""
        return float(np.count_nonzero(self.y)) / max(1, self.y.size)

    def estimate(
        self, value: float, bounds: tuple[float | None, float | None], method: str
    ) -> Estimate:
        """Put the group's counts to a figure."""
        return self._of(value, bounds, method, None)

    def undefined(self, reason: str) -> Estimate:
        """Say why the group has no such figure."""
        return self._of(None, (None, None), "none", reason)

    def without_point(self, estimate: Estimate) -> Estimate:
        """Take an interval of width 0 away where scores differ: other cases would move it."""
        if estimate.low is None or estimate.low != estimate.high or not np.ptp(self.s) > 0:
            return estimate
        method = "no interval: the cases show no variance"
        return replace(estimate, low=None, high=None, method=method)

    def _of(
        self,
        value: float | None,
        bounds: tuple[float | None, float | None],
        method: str,
        undefined: str | None,
    ) -> Estimate:
        return Estimate(
            value=value,
            low=bounds[0],
            high=bounds[1],
            n_cases=int(self.y.size),
            n_patients=self.n_patients,
            n_positive=int(np.count_nonzero(self.y)),
            method=method,
            undefined=undefined,
        )


def strata_of(y: Bools, patient: Ints, n_patients: int, design: str) -> Ints:
    """Stratum of each patient, (n_patients,).

    By design those with a positive case are stratum 1 and the others 0; sampled, all are in one.
    """
    stratum: Ints = np.zeros(n_patients, dtype=np.int64)
    if design == FIXED_PREVALENCE:
        stratum[patient[y]] = 1
    return stratum


def everyone(y: Bools, s: Floats, patient: Ints, n_patients: int, design: str = SAMPLED) -> Group:
    """The whole cohort as a group; ``patient`` (cases,) numbers 0..n_patients-1."""
    stratum = strata_of(y, patient, n_patients, design)
    drawn = np.bincount(stratum, minlength=1)
    return Group(y, s, patient, n_patients, stratum, drawn, design == FIXED_PREVALENCE)


def part_of(whole: Group, member: Bools, *, fixed: bool = False) -> Group:
    """The cases of ``whole`` that are a ``member`` (cases,), their patients numbered from 0.

    ``fixed`` where the design also set how many of the part's patients are positive.
    """
    patient = whole.patient[member]
    if whole.clustered:
        number, n_patients = arrays.renumbered(patient)
    else:
        number, n_patients = np.arange(patient.size), patient.size
    own = np.zeros(n_patients, dtype=np.int64)
    own[number] = whole.stratum[patient]
    drawn = np.bincount(own, minlength=whole.drawn.size) if fixed else whole.drawn
    return Group(whole.y[member], whole.s[member], number, n_patients, own, drawn, fixed)
