"""The content of a scored run before disclosure control."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from metrics.estimate import Estimate
from metrics.figure_name import FigureName
from metrics.group import SAMPLED

OVERALL = ("overall", "all")
"""Attribute and level of the figures over every case."""
JOINT = " x "
"""Between the attributes of an intersection, and between their levels."""
INSUFFICIENT = "insufficient data"
"""Why a figure, a group or a claim shows nothing but that it is there."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one group of cases.

    ``attribute`` and ``level`` are ("overall", "all"), an attribute and one of its levels, an
    intersection such as ("race x sex", "White x Female"), or for a gap the attribute and
    "max - min" or "<level> - <reference level>".
    """

    figure: FigureName
    attribute: str
    level: str
    estimate: Estimate

    @classmethod
    def named(cls, metric: str, attribute: str, level: str, estimate: Estimate) -> Result:
        """The result of a figure by its written name."""
        return cls(FigureName.read(metric), attribute, level, estimate)

    @property
    def metric(self) -> str:
        """The written name of the figure."""
        return str(self.figure)

    @property
    def group(self) -> tuple[str, str]:
        """Attribute and level."""
        return self.attribute, self.level


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
    """A figure's points: "roc" on a fixed grid, "reliability" by equal-mass bins, "decision" by
    threshold.
    """

    name: str
    attribute: str
    level: str
    points: tuple[CurvePoint, ...]


ALL_LEVELS = "all levels"
"""What the test of a declared gap compares."""

VERSUS = " - "
"""Between the two levels of a difference."""


def concerns(comparison: str, level: str) -> bool:
    """Whether a comparison such as "A - B" names ``level``; either may have " - " in its name."""
    return (
        comparison == level
        or comparison.startswith(level + VERSUS)
        or comparison.endswith(VERSUS + level)
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    parts: tuple[EvaluatedPart, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluatedPart:
    """A finding, a class against the rest, or a grade cut, scored as a binary task."""

    name: str
    evaluation: Evaluation


def as_mapping(record: Any) -> dict[str, object]:
    """A record's fields, as json.dumps asks for them; ``asdict`` would first copy each value.

    A result's figure is stored by its written name, under "metric". What came later to these
    documents is stored where it has a value.
    """
    if isinstance(record, Result):
        name = {"metric": str(record.figure)}
        return name | {field.name: getattr(record, field.name) for field in fields(record)[1:]}
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: each for name, each in values.items() if name not in _LATER or each}


_LATER = frozenset({"parts", "task"})


def figures_of(document: dict[str, Any]) -> dict[str, Any]:
    """Take from a stored document what an evaluation and a release have alike, as records."""
    target = document.pop("target", None)
    if target is not None:
        levels = tuple(TargetLevel(**row) for row in target.pop("levels"))
        target = TargetComparison(levels=levels, **target)
    return {
        "results": tuple(
            Result.named(**(entry | {"estimate": Estimate(**entry["estimate"])}))
            for entry in document.pop("results")
        ),
        "curves": tuple(
            Curve(**(entry | {"points": tuple(CurvePoint(**point) for point in entry["points"])}))
            for entry in document.pop("curves")
        ),
        "declared_gaps": tuple(
            (figure, attribute) for figure, attribute in document.pop("declared_gaps", ())
        ),
        "target": target,
    }


def read_evaluation(text: str) -> Evaluation:
    """Read a stored evaluation; ValueError, TypeError or KeyError where it is none."""
    return _evaluation(json.loads(text))


def _evaluation(document: dict[str, Any]) -> Evaluation:
    parts = tuple(
        EvaluatedPart(part["name"], _evaluation(part["evaluation"]))
        for part in document.pop("parts", ())
    )
    return Evaluation(**figures_of(document), **document, parts=parts)
