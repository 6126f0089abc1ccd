"""Weights that bring a scored cohort to the shares of its target population.

Raking (iterative proportional fitting: Deming & Stephan 1940, Ann Math Stat 11) gives each patient
one weight, so that the weighted shares of every attribute are those of the target. Of all weights
that do, these are the nearest to the base weights (Kullback-Leibler). The solution is judged by its
margins alone: iterations that stand still are no solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.arrays import Floats, Ints, kish_effective_n
from metrics.estimate import UndefinedMetric

TOLERANCE = 1e-9
"""A margin counts as met where its share is nearer than this to the one asked for."""

LEAST_EFFECTIVE_N = 50.0
"""Under this many effective patients a standardised figure is insufficient data."""

_CLOSE = 1e-12  # where raking ends; between this and TOLERANCE it ended for want of progress
_CYCLES = 20_000
_SUM = 1e-6  # how far the shares of an attribute may be from a sum of 1


@dataclass(frozen=True, slots=True)
class Raked:
    """Raked weights and what to tell beside a figure that uses them.

    ``weights`` (cases,) are alike for all cases of a patient and have a mean of 1 over the
    patients; a patient with a level that the target does not name has weight 0.
    ``not_represented`` is, for each attribute, the share of the target whose level nobody in the
    cohort has (positivity). The weights bring the cohort to the rest of the target.
    ``n_fitted`` counts the independent levels that the weights were fitted to, the whole among
    them. ``largest_miss`` is the largest difference of a weighted share from the one asked for.
    """

    weights: Floats
    n_patients: int
    effective_n: float
    n_fitted: int
    not_represented: Mapping[str, float]
    largest_miss: float

    @property
    def share_not_represented(self) -> float:
        """The least share of the target population that nobody in the cohort can represent."""
        return max(self.not_represented.values(), default=0.0)

    def require(self, least: float = LEAST_EFFECTIVE_N) -> None:
        """Raise UndefinedMetric where the weights leave fewer effective patients than ``least``."""
        if self.effective_n < least:
            raise UndefinedMetric(
                f"insufficient data: weights to the target leave an effective n of "
                f"{self.effective_n:.1f} of {self.n_patients} patients; {least:g} are needed"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """Patients in cells of equal levels and base weight, and the shares asked for.

    ``unit`` (cases,) is each case's patient, ``cell`` (patients,) each patient's cell, ``base``
    (cells,) the base weight of one patient of it, ``inside`` (cells, levels) which levels a cell
    has, ``share`` (levels,) what is asked; ``spans`` are the levels of each attribute.
    """

    unit: Ints
    cell: Ints
    base: Floats
    inside: Floats
    share: Floats
    names: tuple[str, ...]
    spans: tuple[slice, ...]
    not_represented: Mapping[str, float]


def rake(
    levels: Mapping[str, ArrayLike],
    targets: Mapping[str, Mapping[str, float]],
    patient: ArrayLike | None = None,
    base: ArrayLike | None = None,
) -> Raked:
    """Weigh patients so that each attribute of ``targets`` has the shares of its levels.

    ``levels`` are (cases,) texts for each attribute. A target may be joint, "race x sex" with
    levels "White x Female", of two attributes in ``levels``. ``patient`` (cases,) are ids; every
    case is a patient without them. ``base`` (cases,) are weights to start from, default 1.
    Raises UndefinedMetric where no weights have these margins within ``TOLERANCE``, with the level
    that is farthest under its share, or where a patient's cases differ in an attribute.
    """
    problem = _problem(levels, targets, patient, base)
    counts = np.bincount(problem.cell, minlength=len(problem.base)).astype(np.float64)
    total, miss = _fit(problem, (counts * problem.base)[None], len(problem.cell))
    weight = (total[0] / counts)[problem.cell]
    used = problem.inside[total[0] > 0.0]
    return Raked(
        weight[problem.unit],
        len(weight),
        kish_effective_n(weight),
        max(int(np.linalg.matrix_rank(used)) if used.size else 0, 1),
        problem.not_represented,
        miss,
    )


def jackknife_variance(
    value: ArrayLike,
    levels: Mapping[str, ArrayLike],
    targets: Mapping[str, Mapping[str, float]],
    patient: ArrayLike | None = None,
    base: ArrayLike | None = None,
) -> float:
    """Variance of the raked mean of ``value`` (cases,): leave a patient out, rake the rest again.

    (P - 1)/P times the sum of squared differences from the mean of all, P patients. Patients of
    equal levels and base weight are raked once; memory grows with the square of such cells. Raises
    UndefinedMetric as :func:`rake`, and where a level of the target has a single patient.
    """
    problem = _problem(levels, targets, patient, base)
    n, n_cells = len(problem.cell), len(problem.base)
    sums = np.bincount(problem.unit, np.asarray(value, dtype=np.float64), minlength=n)
    cases = np.bincount(problem.unit, minlength=n).astype(np.float64)
    counts = np.bincount(problem.cell, minlength=n_cells).astype(np.float64)
    everybody, _ = _fit(problem, (counts * problem.base)[None], n)
    left = np.tile(counts, (n_cells, 1)) - np.eye(n_cells)  # row: a patient of this cell is out
    # Raking from the weights of all gives what raking from the base weights does, and sooner.
    totals, _ = _fit(problem, left * (everybody[0] / counts), n - 1)
    each = np.divide(totals, left, out=np.zeros_like(left), where=left > 0.0)
    in_cell = [np.bincount(problem.cell, row, minlength=n_cells) for row in (sums, cases)]
    out = each[problem.cell, problem.cell]
    above, under = (
        (each @ of_cell)[problem.cell] - out * of_patient
        for of_cell, of_patient in zip(in_cell, (sums, cases), strict=True)
    )
    whole = everybody[0] / counts
    mean = (whole @ in_cell[0]) / (whole @ in_cell[1])
    return float((n - 1) / n * np.sum((above / under - mean) ** 2))


def _fit(problem: _Problem, total: Floats, n: int) -> tuple[Floats, float]:
    """Rake each row of ``total`` (rows, cells) until its shares are met; its sum becomes ``n``."""
    inside, target = problem.inside, problem.share * n
    alone = (target > 0.0) & (total @ inside <= 0.0).any(axis=0)
    if alone.any():
        name = problem.names[int(alone.argmax())]
        raise UndefinedMetric(f"{name} has a single patient; without that one nobody has its share")
    total = total * (n / total.sum(axis=1, keepdims=True))
    for _ in range(_CYCLES):
        before = total
        for span in problem.spans:
            current = total @ inside[:, span]
            factor = np.divide(
                target[span], current, out=np.zeros_like(current), where=current > 0.0
            )
            total = total * (factor @ inside[:, span].T)
        miss = (total @ inside - target) / n
        if np.abs(miss).max(initial=0.0) <= _CLOSE or np.array_equal(total, before):
            break
    worst = float(np.abs(miss).max(initial=0.0))
    if worst > TOLERANCE:
        level = int(miss.min(axis=0).argmin())
        share = problem.share[level]
        raise UndefinedMetric(
            f"no weights bring the cohort to its target: {problem.names[level]} comes to a share "
            f"of {share + miss[:, level].min():.6g} where {share:.6g} is asked for"
        )
    return total, worst


def _problem(
    levels: Mapping[str, ArrayLike],
    targets: Mapping[str, Mapping[str, float]],
    patient: ArrayLike | None,
    base: ArrayLike | None,
) -> _Problem:
    columns = {name: _column(levels, name) for name in targets}
    n_cases = len(next(iter(columns.values()))) if columns else 0
    if not n_cases:
        raise UndefinedMetric("raking needs cases and at least one attribute with target shares")
    ids = np.arange(n_cases) if patient is None else np.asarray(patient)
    _, first, unit = np.unique(ids, return_index=True, return_inverse=True)
    start = np.ones(n_cases) if base is None else np.asarray(base, dtype=np.float64)
    if not (np.isfinite(start).all() and start.min() >= 0.0 and start.max() > 0.0):
        raise UndefinedMetric("base weights must be 0 or more, and not all 0")
    for name, column in {**columns, "base weight": start}.items():
        if n_torn := len(np.unique(unit[column != column[first][unit]])):
            raise UndefinedMetric(
                f"cases of a patient differ in {name} ({n_torn} patients); a patient has one weight"
            )
    drawn = start[first] > 0.0
    target = {
        name: _asked(name, targets[name], set(column[first][drawn].tolist()))
        for name, column in columns.items()
    }
    rows = [np.unique(start[first], return_inverse=True)[1]]
    rows += [np.unique(column[first], return_inverse=True)[1] for column in columns.values()]
    _, example, cell = np.unique(np.stack(rows, axis=1), axis=0, return_index=True,
                                 return_inverse=True)  # fmt: skip
    inside: list[NDArray[np.bool_]] = []
    names: list[str] = []
    spans: list[slice] = []
    for name, column in columns.items():
        spans.append(slice(len(names), len(names) + len(target[name])))
        names += [f"{name} {level}" for level in target[name]]
        inside += [column[first][example] == level for level in target[name]]
    return _Problem(
        unit=unit.reshape(-1),
        cell=cell.reshape(-1),
        base=start[first][example],
        inside=np.array(inside, dtype=np.float64).T,
        share=np.concatenate([list(shares.values()) for shares in target.values()]),
        names=tuple(names),
        spans=tuple(spans),
        not_represented={
            name: sum(share for level, share in targets[name].items() if level not in target[name])
            for name in targets
        },
    )


def _column(levels: Mapping[str, ArrayLike], name: str) -> NDArray[np.str_]:
    """An attribute's levels (cases,); a joint attribute is put together of its parts."""
    if name in levels:
        return np.asarray(levels[name], dtype=np.str_)
    parts = name.split(" x ")
    if lacking := [part for part in parts if part not in levels]:
        raise UndefinedMetric(f"the target names {lacking[0]!r}, which the cases do not have")
    column = np.asarray(levels[parts[0]], dtype=np.str_)
    for part in parts[1:]:
        column = np.strings.add(np.strings.add(column, " x "), np.asarray(levels[part], np.str_))
    return column


def _asked(name: str, shares: Mapping[str, float], present: set[str]) -> dict[str, float]:
    """The shares of the levels that somebody has, together 1; those that nobody has left out."""
    whole = sum(shares.values())
    if abs(whole - 1.0) > _SUM or min(shares.values()) < 0.0:
        raise UndefinedMetric(f"the target shares of {name} sum to {whole:.6g}, not to 1")
    reached = {level: share for level, share in shares.items() if level in present}
    total = sum(reached.values())
    if total <= 0.0:
        raise UndefinedMetric(f"nobody in the cohort has a level of {name} that the target names")
    return {level: share / total for level, share in reached.items()}
