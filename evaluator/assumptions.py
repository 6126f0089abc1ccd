"""What the plan of a study takes to be true: declared in the benchmark's file, or as options."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Absent, Number

_Share = Annotated[Number, Field(gt=0, lt=1)]
_STUDY = "the study's"

DEFAULTS = {
    "auroc": 0.85,
    "sensitivity": 0.8,
    "specificity": 0.8,
    "difference": 0.0,
    "spread": 1.0,
    "correlation": 0.5,
    "discordance": 0.1,
    "prevalence": 0.5,
    "images_per_patient": 1.0,
    "within_patient": 0.5,
    "unreadable": 0.0,
}
"""What is assumed where neither the file nor an option says it, nor a catalog tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """Assumptions of a plan; None is not said here.

    A claim's own go before those of its study: ``claim.over(study)``.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    auroc: Annotated[
        _Share | None,
        Absent(_STUDY),
        Field(description="the model's true AUROC, in every group that a claim is about"),
    ] = None
    sensitivity: Annotated[
        _Share | None, Absent(_STUDY), Field(description="its true sensitivity")
    ] = None
    specificity: Annotated[
        _Share | None, Absent(_STUDY), Field(description="its true specificity")
    ] = None
    difference: Annotated[
        Number | None,
        Absent(_STUDY),
        Field(
            gt=-1,
            lt=1,
            description="the true difference, model less comparator, of the figure of a claim "
            "with a comparator",
        ),
    ] = None
    spread: Annotated[
        Number | None,
        Absent(_STUDY),
        Field(
            ge=0.1,
            le=10,
            description="standard deviation of the negatives' scores over that of the positives'",
        ),
    ] = None
    correlation: Annotated[
        Number | None,
        Absent(_STUDY),
        Field(
            ge=0,
            lt=1,
            description="correlation of the model's scores with the comparator's, within a class",
        ),
    ] = None
    discordance: Annotated[
        _Share | None,
        Absent(_STUDY),
        Field(
            description="share of the positives (for specificity, of the negatives) that model "
            "and comparator call differently"
        ),
    ] = None
    prevalence: Annotated[
        _Share | None,
        Absent("from the target, or from the pool"),
        Field(description="share of positives among the cases"),
    ] = None
    images_per_patient: Annotated[
        Number | None,
        Absent("from the pool"),
        Field(ge=1, le=100, description="cases of a patient, on average"),
    ] = None
    within_patient: Annotated[
        Number | None,
        Absent(_STUDY),
        Field(ge=0, lt=1, description="correlation of the scores of two cases of a patient"),
    ] = None
    unreadable: Annotated[
        Number | None,
        Absent(_STUDY),
        Field(ge=0, le=0.9, description="share of the cases that give nothing to score"),
    ] = None

    def over(self, other: Assumed) -> Assumed:
        """These assumptions, and those of ``other`` where these say nothing."""
        return Assumed(
            **{
                each.name: getattr(other, each.name) if mine is None else mine
                for each in fields(self)
                for mine in (getattr(self, each.name),)
            }
        )


NOTHING_SAID = Assumed()
"""No assumption."""
