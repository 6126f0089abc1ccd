"""Tolerances of a draw: distance from each margin, least size of each subgroup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Derived, Number, Text, Whole
from cohort_selection.cases import LABEL
from metrics.planning.widths import needed_for_auroc, refuse_unplannable

DEFAULT_TOLERANCE = 0.05
TIED = f"{LABEL} x "


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the share of a level may be from its target, one number or one for each margin.

    A margin that is tied to the label, "label x sex", has the tolerance of "sex" unless it has
    one of its own.
    """

    default: float = DEFAULT_TOLERANCE
    of_margin: Mapping[str, float] = field(default_factory=dict)

    def of(self, margin: str) -> float:
        """The tolerance of one margin."""
        untied = self.of_margin.get(margin.removeprefix(TIED), self.default)
        return self.of_margin.get(margin, untied)


@dataclass(frozen=True, slots=True)
class Minimum:
    """Patients that every level of ``attributes`` must have in the cohort.

    ``cases`` in all, ``per_class`` with a positive and as many with a negative case. Where
    ``auroc`` is given, also as many as bring the interval of such an AUROC down to twice
    ``half_width`` in four of five cohorts. The levels in ``exempt`` need none. ``confidence`` and
    ``interval`` are those of the figures.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", json_schema_extra={"required": ["attributes"]})

    attributes: Annotated[
        tuple[Text, ...],
        Absent("required"),
        Field(
            description="the attributes each of whose levels has the minimum, joint ones as "
            '`"race x sex"`'
        ),
    ] = ()
    cases: Annotated[Whole, Field(ge=0, description="patients")] = 0
    per_class: Annotated[
        Whole, Field(ge=0, description="patients with a positive case, and with a negative one")
    ] = 0
    auroc: Annotated[
        Number,
        Absent("none"),
        Field(
            description="with `half_width`: as many positives and negatives, in the proportion "
            "of the target's label, as give such an AUROC an interval no wider than twice the half "
            "width in 80 % of cohorts; the interval is that of `[analysis]`"
        ),
    ] = 0.0
    half_width: Annotated[Number, Absent("none"), Field(description="see `auroc`; from 0.0001")] = (
        0.0
    )
    exempt: Annotated[
        tuple[Text, ...], Field(description='levels that need none, as `["Not Reported"]`')
    ] = ()
    confidence: Annotated[float, Derived()] = 0.95
    interval: Annotated[str, Derived()] = "score"

    def needed(self, prevalence: float) -> tuple[int, int, int]:
        """Patients, positives and negatives of each level, where ``prevalence`` are positive."""
        positives = negatives = self.per_class
        if self.auroc:
            planned = needed_for_auroc(
                self.auroc,
                self.half_width,
                prevalence=prevalence,
                confidence=self.confidence,
                interval=self.interval,
            )
            positives = max(positives, planned.positives)
            negatives = max(negatives, planned.negatives)
        return self.cases, positives, negatives


def tolerance_of(said: float | Mapping[str, float]) -> Tolerance:
    """The tolerance that a file has as one number, or as a table of margins with a default."""
    if not isinstance(said, Mapping):
        return Tolerance(said)
    of_margin = dict(said)
    return Tolerance(of_margin.pop("default", DEFAULT_TOLERANCE), of_margin)


def met(asked: Minimum) -> Minimum:
    """The same minimum; raise ValueError where it asks for nothing, or for what has no meaning."""
    if not asked.attributes:
        raise ValueError(
            'has no attributes; give those whose levels have the minimum, as ["sex", "race"]'
        )
    if not (asked.cases or asked.per_class or asked.auroc):
        raise ValueError(
            "asks for nobody; give at least one of cases, per_class, or auroc with half_width"
        )
    if asked.auroc or asked.half_width:
        try:
            refuse_unplannable(asked.auroc, asked.half_width)
        except ValueError as error:
            raise ValueError(f"cannot be met: {error}") from None
    return asked
