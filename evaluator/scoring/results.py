"""The content of a scored run before disclosure control."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from metrics.estimate import Estimate
from metrics.group import SAMPLED

OVERALL = ("overall", "all")
"""Attribute and level of the figures over every case."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one group of cases.

    ``attribute`` and ``level`` are ("overall", "all"), an attribute and one of its levels, an
    intersection such as ("race x sex", "White x Female"), or for a gap the attribute and
    "max - min" or "<level> - <reference level>".
    """

    metric: str
    attribute: str
    level: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a curve with its interval and the number of cases behind it."""

    x: float
    y: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure's points: "roc" on a fixed grid, "reliability" by equal-mass bins."""

    name: str
    attribute: str
    level: str
    points: tuple[CurvePoint, ...]


ALL_LEVELS = "all levels"
"""What the test of a declared gap compares."""

STANDARDIZED = "_standardized"
"""Ending of a figure that is weighted to stand for the target population."""


@dataclass(frozen=True, slots=True)
class TargetLevel:
    """A level of the target: its share there and in the cohort, of patients, and its counts."""

    attribute: str
    level: str
    target: float
    achieved: float | None
    n_cases: int
    n_patients: int
    n_positive: int


@dataclass(frozen=True, slots=True)
class TargetComparison:
    """What population the figures are about, and how near the cohort came to it.

    ``case_control`` says that positives and negatives were given the same attributes, which is no
    population. ``unrepresented`` is the share of the target whose level nobody in the cohort has.
    ``least_solved`` is the fewest patients of a cell, of all attributes crossed, whose sum follows
    from the sums over levels and the standardised one.
    ``effective_patients`` is set where standardised figures were made, else ``note`` says why not.
    """

    levels: tuple[TargetLevel, ...]
    case_control: bool = False
    unrepresented: float = 0.0
    effective_patients: float | None = None
    least_solved: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything scored for one submission; only disclosure.release may read it for show.

    ``effective_patients`` is set where patients have several cases: how many patients
    with equally many cases each would tell as much.
    """

    plan_digest: str
    code_version: str
    n_cases: int
    n_patients: int
    n_positive: int
    results: tuple[Result, ...]
    curves: tuple[Curve, ...]
    confidence: float = 0.95
    threshold: float | None = None
    sampling_design: str = SAMPLED
    effective_patients: float | None = None
    declared_gaps: tuple[tuple[str, str], ...] = ()
    target: TargetComparison | None = None


def as_mapping(record: Any) -> dict[str, object]:
    """A record's fields, as json.dumps asks for them; ``asdict`` would first copy each value."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
