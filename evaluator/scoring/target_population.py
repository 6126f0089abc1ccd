"""Distance of a sealed cohort from its target, and weights that bring it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case, UnknownAttributeError, value
from evaluator.scoring.results import TargetComparison, TargetLevel
from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.target_population.raking import rake

NEAR = 0.01
"""A margin that misses its target by no more than this leaves the plain figures the target's."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetWeights:
    """The comparison of a cohort with its target, and the weights (cases,) where it is off.

    ``fitted`` is the number of independent levels that the weights were fitted to.
    """

    comparison: TargetComparison
    weights: Floats | None = None
    fitted: int = 0


def against_target(
    cases: Sequence[Case], margins: Mapping[str, Mapping[str, float]], *, case_control: bool = False
) -> TargetWeights | None:
    """Hold the patients of ``cases`` against the shares of a target; None where it names none.

    A patient counts with its first case. Weights are made where a level misses its share by more
    than one point; not where cases and controls were balanced, since no weights undo that.
    """
    if not margins:
        return None
    try:
        levels = _levels(cases, margins)
    except UnknownAttributeError as problem:
        return TargetWeights(TargetComparison((), case_control, note=str(problem)))
    comparison = TargetComparison(levels, case_control)
    off = max(abs(row.target - (row.achieved or 0.0)) for row in levels)
    if case_control:
        return TargetWeights(comparison)
    if off <= NEAR:
        note = "every margin is within one point of the target"
        return TargetWeights(TargetComparison(levels, note=note))
    names = sorted({part for name in margins for part in name.split(" x ")})
    columns = {name: np.array([value(case, name) for case in cases]) for name in names}
    patients = np.array([case.patient_id for case in cases])
    try:
        raked = rake(columns, margins, patients)
    except UndefinedMetric as problem:
        return TargetWeights(TargetComparison(levels, note=str(problem)))
    comparison = TargetComparison(
        levels,
        unrepresented=raked.share_not_represented,
        effective_patients=raked.effective_n,
        least_solved=_least_solved(columns, patients, raked.weights),
    )
    return TargetWeights(comparison, raked.weights, raked.n_fitted)


def _least_solved(
    columns: Mapping[str, NDArray[np.str_]], patients: NDArray[np.str_], weights: Floats
) -> int | None:
    """Fewest patients of a crossed cell that the sums over levels and the weighted sum determine.

    Unknown are a figure's sums over the cells. Known are those over everybody, over each level, and
    with the weights, which are alike within a cell.
    """
    table = np.stack(list(columns.values()))
    cells, first, cell = np.unique(table, axis=1, return_index=True, return_inverse=True)
    rows = [np.ones(cells.shape[1]), weights[first]]
    rows += [(row == level).astype(float) for row in cells for level in np.unique(row)]
    known = np.stack(rows)
    solution, *_ = np.linalg.lstsq(known.T, np.eye(cells.shape[1]), rcond=None)
    solved = np.abs(known.T @ solution - np.eye(cells.shape[1])).max(axis=0) < 1e-9
    sizes = [np.unique(patients[cell.ravel() == place]).size for place in np.flatnonzero(solved)]
    return min(sizes, default=None)


def _levels(
    cases: Sequence[Case], margins: Mapping[str, Mapping[str, float]]
) -> tuple[TargetLevel, ...]:
    first = {case.patient_id: case for case in reversed(cases)}
    rows = []
    for attribute, shares in margins.items():
        of_case = [value(case, attribute) for case in cases]
        of_patient = [value(case, attribute) for case in first.values()]
        for level, share in shares.items():
            members = [case for case, own in zip(cases, of_case, strict=True) if own == level]
            n_patients = of_patient.count(level)
            rows.append(
                TargetLevel(
                    attribute,
                    level,
                    share,
                    n_patients / len(first),
                    len(members),
                    n_patients,
                    sum(case.label for case in members),
                )
            )
    return tuple(rows)
