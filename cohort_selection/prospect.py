"""What a draw would reach, told without drawing: for a steward who still chooses the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection import achievable
from cohort_selection.achievable import Largest, MatchingError, programme
from cohort_selection.cells import LABEL, Cells
from cohort_selection.closest import drawable_size
from cohort_selection.cohort import Case
from cohort_selection.design import Minimum, Tolerance
from cohort_selection.matching import (
    NO_MINIMUM,
    Margin,
    allocate,
    report_margins,
    shortfalls,
    tabulated,
    without_share,
)
from cohort_selection.planning import auroc_standard_error
from cohort_selection.randomness import generator
from cohort_selection.shortage import none_of_any_size, would_help
from cohort_selection.targets import Target


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Patients expected of one subgroup, and the half width of the interval of its AUROC."""

    name: str
    positives: float
    negatives: float
    half_width: float | None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a draw would reach, without one: sizes, margins, subgroups, and what stands in the way.

    ``largest`` is the proven bound within the tolerance and ``drawable`` the size that would be
    drawn for it; ``refusal`` says why a cohort of ``size`` cannot be drawn, and is empty if it can.
    """

    n_patients: int
    size: int
    largest: Largest
    drawable: int
    margins: tuple[Margin, ...]
    subgroups: tuple[Subgroup, ...]
    binding: tuple[str, ...]
    helped: tuple[str, ...]
    refusal: str
    notes: tuple[str, ...]


def prospect(
    cases: Sequence[Case],
    target: Target,
    size: int,
    seed: int,
    *,
    subgroups: Sequence[str] = (),
    auroc: float = 0.8,
    cases_per_patient: str = "one",
    tolerance: Tolerance,
    minimum: Minimum = NO_MINIMUM,
) -> Prospect:
    """Say what :func:`match` would reach with the same arguments; draws no patient.

    ``subgroups`` are attributes whose levels' expected positives and negatives are told, with the
    half width of the 95 % interval that an AUROC of ``auroc`` would have on them.
    """
    shown = replace(minimum, attributes=tuple(dict.fromkeys([*minimum.attributes, *subgroups])))
    pool = tabulated(cases, target, seed, cases_per_patient=cases_per_patient, minimum=shown)
    asked = programme(pool.cells, target, tolerance, minimum)
    bound = achievable.largest(programme(pool.cells, target, tolerance, minimum, widened=True))
    drawable = drawable_size(asked, bound.bound)
    size = size or drawable
    margins: tuple[Margin, ...] = ()
    groups: tuple[Subgroup, ...] = ()
    helped: tuple[str, ...] = ()
    refusal, binding = "", bound.binding
    notes = (*target.notes, *without_share(asked))
    if not size:
        refusal = none_of_any_size(asked)
        return Prospect(len(pool.patients), 0, bound, 0, (), (), binding, (), refusal, notes)
    try:
        allocation = allocate(asked, size, generator(seed, "matching", "round"))
    except MatchingError as error:
        refusal = str(error)
    else:
        margins = report_margins(pool.cells, target, allocation, size)
        binding = (*binding, *shortfalls(asked, allocation, size))
        notes = (*notes, *allocation.notes)
        expected = pool.cells.counts * allocation.probability
        groups = _subgroups(pool.cells, expected, shown.attributes, minimum.auroc or auroc)
    if asked.shares and (refusal or binding):
        helped = would_help(asked, size)
    return Prospect(
        len(pool.patients), size, bound, drawable, margins, groups, binding, helped, refusal,
        notes,
    )  # fmt: skip


def _subgroups(
    cells: Cells, expected: NDArray[np.float64], attributes: Sequence[str], auroc: float
) -> tuple[Subgroup, ...]:
    if not attributes:
        return ()
    label = cells.indicator(cells.attributes.index(LABEL)).T
    of_label = dict(zip(cells.levels[cells.attributes.index(LABEL)], label, strict=True))
    nobody = np.zeros(len(expected))
    found = []
    for name in attributes:
        k = cells.attributes.index(name)
        for level, here in zip(cells.levels[k], cells.indicator(k).T, strict=True):
            positives = float(expected @ (here * of_label.get("1", nobody)))
            negatives = float(expected @ (here * of_label.get("0", nobody)))
            width = None
            if positives >= 1.0 and negatives >= 1.0:
                error = auroc_standard_error(auroc, round(positives), round(negatives))
                width = 1.959964 * error
            found.append(Subgroup(f"{name} {level}", positives, negatives, width))
    return tuple(found)
