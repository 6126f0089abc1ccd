"""The [disclosure] table: how small a group may be shown, and how exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from cohort_selection.benchmark_keys.keys import Give, InFile, Number, OneOf, Text, Whole
from cohort_selection.benchmark_keys.reading import read_table

ROC_STEPS = (0.025, 0.05, 0.1, 0.2, 0.25, 0.5)
"""Steps of the grid of a ROC curve, in 1 - specificity."""


LADDER = "ladder"
THRESHOLDOUT = "thresholdout"
ONE_FIGURE = frozenset({LADDER, THRESHOLDOUT})
"""Kinds of feedback that tell the primary figure alone, each answer once."""


class DisclosureError(ValueError):
    """A [disclosure] table or a stored release that cannot be read."""


def _pairs(pairs: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    joined = tuple(tuple(pair) for pair in pairs)
    if any(len(pair) != 2 or pair[0] == pair[1] for pair in joined) or len(set(joined)) < len(
        joined
    ):
        raise ValueError
    return joined


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The disclosure rule of one benchmark; read from the [disclosure] table of its file."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    # Five is the least that official statistics commonly accept; under it, this is no control.
    minimum_cell: Annotated[
        Whole,
        Field(
            ge=5,
            le=1000,
            description="the smallest group that is shown, or can be worked out from those that "
            "are; and the fewest cases that predictions may set apart from all others",
        ),
    ] = 10
    feedback: Annotated[
        Text,
        OneOf(("open", "held", LADDER, THRESHOLDOUT)),
        Field(
            description="`open`; `held` until reviewers or a steward release each result; "
            "`ladder` and `thresholdout` tell the AUROC alone, and little to a team that asks often"
        ),
    ] = "open"
    count_step: Annotated[
        Whole, Field(ge=1, le=100, description="counts are rounded to a multiple of this")
    ] = 5
    maximum_digits: Annotated[
        Whole,
        Field(ge=1, le=6, description="decimals, where the standard error supports so many"),
    ] = 4
    roc_step: Annotated[
        Number, OneOf(ROC_STEPS), Field(description="grid of the ROC curve, in 1 - specificity")
    ] = 0.05
    thresholdout_difference: Annotated[
        Number,
        Field(
            gt=0.0,
            le=0.5,
            description="for `thresholdout`: an AUROC on sequestered cases this near to the one on "
            "practice cases is not told",
        ),
    ] = 0.04
    thresholdout_noise: Annotated[
        Number,
        Field(
            gt=0.0,
            le=0.2,
            description="for `thresholdout`: standard deviation of the noise that is added to an "
            "AUROC on sequestered cases",
        ),
    ] = 0.01
    thresholdout_budget: Annotated[
        Whole,
        Field(
            ge=1,
            le=100_000,
            description="for `thresholdout`: answers from sequestered cases before the cohort is "
            "spent",
        ),
    ] = 100
    nested: Annotated[
        tuple[tuple[Text, Text], ...],
        InFile(list[list[Text]], _pairs),
        Give('a list of pairs of attributes, as [["manufacturer", "site"]]'),
        Field(
            description="pairs of attributes; everyone knows that the levels of the first "
            "lie within those of the second, as scanners within sites: "
            '`[["manufacturer", "site"]]`; which lies in which is read from the cohort'
        ),
    ] = ()
    reviewers: Annotated[
        Whole,
        Field(
            ge=1,
            le=2,
            description="people who must vote before a held result is released or refused: 1, or "
            "2, blind to each other; 2 is recommended",
        ),
    ] = 1

    @property
    def advice(self) -> str:
        """What a steward who writes the table is told; empty for nothing."""
        if self.feedback != "held" or self.reviewers > 1:
            return ""
        return (
            "[disclosure] holds results for one reviewer (reviewers is 1 where it is not given); "
            "two are recommended: reviewers = 2"
        )


_FIRST = ("minimum_cell", "feedback", "count_step", "maximum_digits", "roc_step")
"""The keys that every stored release has."""


def stored(rule: Disclosure) -> dict[str, object]:
    """The rule as a release keeps it: a key that came later only where it is not the default.

    A release of a former build is so written as it was read.
    """
    return {
        field.name: getattr(rule, field.name)
        for field in fields(rule)
        if field.name in _FIRST or getattr(rule, field.name) != field.default
    }


def read_disclosure(table: Mapping[str, object], path: Path) -> Disclosure:
    """Read the [disclosure] table of the benchmark at ``path``; raise DisclosureError."""
    return read_table(Disclosure, table, path, "disclosure", DisclosureError)
