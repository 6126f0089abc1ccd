"""The groups of a plan: everyone, each subgroup and intersection, and which have too few cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluator.case_tables.scoring_input import ScoringInputError
from evaluator.scoring.analysis_plan import NOT_REPORTED, AnalysisPlan
from evaluator.scoring.results import OVERALL
from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.group import Group, part_of


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """A group of the plan: its cases among all, and why it has too few, if so."""

    attribute: str
    level: str
    member: Bools | None
    group: Group
    lacking: str | None


_Coded = tuple[NDArray[np.str_], Ints]
"""The levels of an attribute, sorted, and the level number of each case."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """The cases in the order in which they are scored; ``order`` leads there from the given one."""

    y: Bools
    s: Floats
    patient: Ints
    n_patients: int
    coded: Mapping[str, _Coded]
    order: Ints


def arranged(
    y: ArrayLike,
    scores: ArrayLike,
    patients: ArrayLike | None,
    attributes: Mapping[str, NDArray[np.str_]],
    plan: AnalysisPlan,
) -> Arranged:
    """Check the arrays, and bring the cases into an order that theirs does not change."""
    try:
        y_ = arrays.labels(y)
        s_ = arrays.scores(scores, y_.size)
        patient, n_patients = arrays.clusters(patients, y_.size)
    except UndefinedMetric as problem:
        raise ScoringInputError(f"cannot be scored: {problem}") from None
    if not y_.size:
        raise ScoringInputError("the table has no case to score; give one row a case")
    levels = coded(attributes, plan, y_.size)
    # once: sorting what is sorted costs next to nothing
    ids = [] if patients is None else [patient]
    order = arrays.canonical_order(s_, y_, [*ids, *(code for _, code in levels.values())])
    return Arranged(
        y=y_[order],
        s=s_[order],
        patient=patient if patients is None else patient[order],
        n_patients=n_patients,
        coded={name: (values, code[order]) for name, (values, code) in levels.items()},
        order=order,
    )


def coded(
    attributes: Mapping[str, NDArray[np.str_]], plan: AnalysisPlan, n: int
) -> dict[str, _Coded]:
    """The levels of each attribute that the plan names, and of each case; ScoringInputError."""
    return {name: _coded(name, attributes, n) for name in named(plan)}


def named(plan: AnalysisPlan) -> tuple[str, ...]:
    """The attributes that the plan groups cases by, each once."""
    crossed = (name for names_ in plan.intersections for name in names_)
    return tuple(dict.fromkeys((*plan.subgroups, *crossed)))


def groups_of(whole: Group, coded: Mapping[str, _Coded], plan: AnalysisPlan) -> Iterator[PlanGroup]:
    """Everyone, then each level of each subgroup, then each that occurs of each intersection."""
    yield PlanGroup(*OVERALL, None, whole, _lacking(whole, plan))
    for names_ in (*((name,) for name in plan.subgroups), *plan.intersections):
        attribute = " x ".join(names_)
        fixed = whole.fixed and attribute in plan.fixed_attributes
        for level, member in _levels([coded[name] for name in names_], whole.y.size):
            group = part_of(whole, member, fixed=fixed)
            yield PlanGroup(attribute, level, member, group, _lacking(group, plan))


def _levels(coded: Sequence[tuple[NDArray[np.str_], Ints]], n: int) -> Iterator[tuple[str, Bools]]:
    """Each level, or combination of levels that occurs, with its cases."""
    code = np.zeros(n, dtype=np.int64)
    labels = [""]
    for values, number in coded:
        code = code * values.size + number
        labels = [f"{old} x {new}" if old else str(new) for old in labels for new in values]
    for place in np.flatnonzero(np.bincount(code)).tolist():
        yield labels[place], code == place


def _coded(name: str, attributes: Mapping[str, NDArray[np.str_]], n: int) -> _Coded:
    if name not in attributes:
        raise ScoringInputError(
            f"the plan asks for subgroups by {name!r}; the cases have "
            f"{', '.join(sorted(attributes)) or 'no attributes'}"
        )
    column = np.asarray(attributes[name], dtype=np.str_)
    if column.shape != (n,):
        raise ScoringInputError(f"attribute {name!r} has shape {column.shape} for {n} cases")
    values, code = np.unique(column, return_inverse=True)
    return values, code.astype(np.int64)


def _lacking(group: Group, plan: AnalysisPlan) -> str | None:
    """Why the group is too small for any figure, or None; patients are the units."""
    n_cases, n_positive = group.y.size, int(group.y.sum())
    positive, negative = n_positive, n_cases - n_positive
    if group.n_patients < n_cases:
        positive = arrays.renumbered(group.patient[group.y])[1]
        negative = arrays.renumbered(group.patient[~group.y])[1]
    enough = group.n_patients >= plan.minimum_cases
    if enough and min(positive, negative) >= plan.minimum_per_class:
        return None
    return (
        f"insufficient data: {n_cases} cases of {group.n_patients} patients, {n_positive} "
        f"positive, {n_cases - n_positive} negative; at least {plan.minimum_cases} patients and "
        f"{plan.minimum_per_class} of each class are needed"
    )


def is_reported(level: str) -> bool:
    """Whether a level, or each part of one of an intersection, is one that somebody reported."""
    return NOT_REPORTED.casefold() not in level.casefold().split(" x ")
