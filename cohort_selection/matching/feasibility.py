"""Foretells a draw without drawing, for a steward who still chooses the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import LABEL, Case
from cohort_selection.matching import achievable
from cohort_selection.matching.achievable import Largest, MatchingError, programme
from cohort_selection.matching.closest import drawable_size
from cohort_selection.matching.draw import (
    NO_MINIMUM,
    Margin,
    allocate,
    report_margins,
    shortfalls,
    tabulated,
    without_share,
)
from cohort_selection.matching.shortage import idle_exemptions, none_of_any_size, would_help
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import Minimum, Tolerance
from cohort_selection.sampling.joint_table import Cells
from cohort_selection.sampling.randomness import generator
from metrics.estimate import UndefinedMetric
from metrics.gaps.power import Detectable, detectable_gaps
from metrics.planning.widths import USUAL, Precision

JOINED = " x "


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Patients expected of one subgroup, and half the width of the interval of its AUROC.

    Without an ``attribute`` it is the whole cohort. ``held_back`` says why no figure of it would be
    shown; empty where one would.
    """

    attribute: str
    level: str
    positives: float
    negatives: float
    half_width: float | None
    held_back: str = ""

    @property
    def name(self) -> str:
        """Attribute and level; the whole cohort is all patients."""
        return f"{self.attribute} {self.level}" if self.attribute else "all patients"


@dataclass(frozen=True, slots=True)
class PlannedGap:
    """A gap to be tested: figure, attribute, the share of alpha it has and the value assumed.

    ``attribute`` may join several, as "race x sex".
    """

    figure: str
    attribute: str
    alpha: float
    assumed: float | None


@dataclass(frozen=True, slots=True)
class LevelGap:
    """Patients expected of one level, and how much worse it must be than the others to be found.

    ``difference`` is None where ``reason`` says why.
    """

    level: str
    positives: float
    negatives: float
    difference: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class GapProspect:
    """What a declared gap can find, level by level."""

    gap: PlannedGap
    levels: tuple[LevelGap, ...]


@dataclass(frozen=True, slots=True)
class Crossed:
    """Patients expected of one combination of levels."""

    levels: tuple[str, ...]
    positives: float
    negatives: float


@dataclass(frozen=True, slots=True, kw_only=True)
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
    precision: Precision
    gaps: tuple[GapProspect, ...] = ()
    crossed: tuple[Crossed, ...] = ()


def prospect(
    cases: Sequence[Case],
    target: Target,
    size: int,
    seed: int,
    *,
    subgroups: Sequence[str] = (),
    precision: Precision = USUAL,
    cases_per_patient: str = "one",
    tolerance: Tolerance,
    minimum: Minimum = NO_MINIMUM,
    gaps: Sequence[PlannedGap] = (),
    least: tuple[int, int] = (20, 10),
    crossed: Sequence[str] = (),
) -> Prospect:
    """Say what :func:`match` would reach with the same arguments; draws no patient.

    The expected positives and negatives of the whole cohort and of the levels of ``subgroups`` are
    told, with half the width of the interval that an AUROC would have on them, as ``precision``
    says; a minimum's AUROC goes before that one. ``gaps`` are those declared; a level with fewer
    patients than ``least``, in all and of either class, is not tested. Expected numbers of every
    combination of the levels of ``crossed`` are told too.
    """
    shown = tuple(dict.fromkeys([*minimum.attributes, *subgroups]))
    counted = _counted(minimum, (*shown, *(gap.attribute for gap in gaps), *crossed))
    pool = tabulated(cases, target, seed, cases_per_patient=cases_per_patient, minimum=counted)
    asked = programme(pool.cells, target, tolerance, minimum)
    bound = achievable.largest(programme(pool.cells, target, tolerance, minimum, widened=True))
    drawable = drawable_size(asked, bound.bound)
    nobody = _nobody(
        size=size or drawable,
        n_patients=pool.cases.n_patients,
        largest=bound,
        drawable=drawable,
        notes=(*target.notes, *without_share(asked), *idle_exemptions(pool.cells, minimum)),
        precision=replace(precision, auroc=minimum.auroc or precision.auroc),
    )
    if not nobody.size:
        return replace(nobody, drawable=0, refusal=none_of_any_size(asked))
    try:
        allocation = allocate(asked, nobody.size, generator(seed, "matching", "round"))
    except MatchingError as error:
        found = replace(nobody, refusal=str(error))
    else:
        expected = pool.cells.counts * allocation.probability
        found = replace(
            nobody,
            margins=report_margins(pool.cells, target, allocation, nobody.size),
            subgroups=_subgroups(pool.cells, expected, shown, nobody.precision),
            binding=(*nobody.binding, *shortfalls(asked, allocation, nobody.size)),
            notes=(*nobody.notes, *allocation.notes),
            gaps=tuple(_findable(pool.cells, expected, gap, least) for gap in gaps),
            crossed=_crossed(pool.cells, expected, crossed),
        )
    if asked.shares and (found.refusal or found.binding):
        return replace(found, helped=would_help(asked, found.size))
    return found


def _nobody(
    *,
    n_patients: int,
    size: int,
    largest: Largest,
    drawable: int,
    notes: tuple[str, ...],
    precision: Precision,
) -> Prospect:
    """A prospect before any patient was allocated."""
    return Prospect(
        n_patients=n_patients,
        size=size,
        largest=largest,
        drawable=drawable,
        margins=(),
        subgroups=(),
        binding=largest.binding,
        helped=(),
        refusal="",
        notes=notes,
        precision=precision,
    )


def _counted(minimum: Minimum, named: Sequence[str]) -> Minimum:
    """The minimum, with every attribute by which patients are counted; the label at least."""
    parts = [part for name in named for part in name.split(JOINED)]
    attributes = tuple(dict.fromkeys([*minimum.attributes, *parts]))
    return replace(minimum, attributes=attributes or (LABEL,))


def _subgroups(
    cells: Cells, expected: NDArray[np.float64], attributes: Sequence[str], precision: Precision
) -> tuple[Subgroup, ...]:
    return tuple(
        Subgroup(name, level, m, n, precision.half_width(round(m), round(n)))
        for name in ("", *attributes)
        for level, m, n in _expected(cells, expected, name)
    )


def _expected(
    cells: Cells, expected: NDArray[np.float64], attribute: str
) -> list[tuple[str, float, float]]:
    """Each level of an attribute, or of several joined, with its positives and negatives.

    The empty attribute has one level, everybody.
    """
    names = attribute.split(JOINED) if attribute else ()
    return [
        (JOINED.join(each.levels), each.positives, each.negatives)
        for each in _crossed(cells, expected, names)
    ]


def _crossed(
    cells: Cells, expected: NDArray[np.float64], names: Sequence[str]
) -> tuple[Crossed, ...]:
    """Every combination of the levels of some attributes; of none, everybody."""
    label = cells.indicator(cells.attributes.index(LABEL)).T
    of_label = dict(zip(cells.levels[cells.attributes.index(LABEL)], label, strict=True))
    nobody = np.zeros(len(expected))
    members: list[tuple[tuple[str, ...], NDArray[np.float64]]] = [((), np.ones(len(expected)))]
    for name in names:
        k = cells.attributes.index(name)
        members = [
            ((*before, level), member * here)
            for before, member in members
            for level, here in zip(cells.levels[k], cells.indicator(k).T, strict=True)
        ]
    return tuple(
        Crossed(
            levels,
            float(expected @ (member * of_label.get("1", nobody))),
            float(expected @ (member * of_label.get("0", nobody))),
        )
        for levels, member in members
    )


def _findable(
    cells: Cells, expected: NDArray[np.float64], gap: PlannedGap, least: tuple[int, int]
) -> GapProspect:
    counts = _expected(cells, expected, gap.attribute)
    tested = [
        row for row in counts if row[1] + row[2] >= least[0] and min(row[1], row[2]) >= least[1]
    ]
    answers = dict(zip((row[0] for row in tested), _answers(gap, tested), strict=True))
    few = Detectable(None, "insufficient data")
    return GapProspect(
        gap,
        tuple(
            LevelGap(level, positives, negatives, answer.difference, answer.reason or "")
            for level, positives, negatives in counts
            for answer in (answers.get(level, few),)
        ),
    )


def _answers(gap: PlannedGap, tested: Sequence[tuple[str, float, float]]) -> Sequence[Detectable]:
    reason = f"a gap in {gap.figure} depends on the spread of the predictions: none is assumed"
    if gap.assumed is not None:
        positives = [round(row[1]) for row in tested]
        negatives = [round(row[2]) for row in tested]
        try:
            return detectable_gaps(gap.figure, positives, negatives, gap.assumed, alpha=gap.alpha)
        except UndefinedMetric as error:
            reason = str(error)
    return [Detectable(None, reason)] * len(tested)
