"""The tables [study], [[claims]] and [comparators]: what must hold, said before anybody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import (
    Absent,
    Called,
    Give,
    InFile,
    Number,
    OneOf,
    Text,
    Whole,
)
from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.benchmark_keys.reading import shown
from evaluator.assumptions import NOTHING_SAID, Assumed
from evaluator.glossary import FIGURES as KNOWN_FIGURES
from evaluator.scoring.results import JOINT as JOINT
from metrics.claims.claim import FIGURES, FIXED_SEQUENCE, PROCEDURES, thousandths
from metrics.claims.spending import EQUAL, SPENDINGS

SUBMITTED = "submitted"
"""The threshold that each submission declares."""
MOST_LOOKS = 50


class ClaimsError(ValueError):
    """A study that cannot be declared, planned or judged as it is written."""


def _figure(name: str) -> str:
    if name in FIGURES:
        return name
    covered = ", ".join(FIGURES)
    if name in KNOWN_FIGURES:
        raise ValueError(
            f"is {name!r}, a figure that no claim covers yet; those covered are {covered}: "
            "claim one of these, or leave the claim out"
        )
    raise ValueError(
        f"is {shown(name)}, which is no figure of a benchmark{did_you_mean(name, FIGURES)}; "
        f"claims cover {covered}: give one of these"
    )


def _step(value: float | None) -> float | None:
    if value is not None:
        try:
            thousandths(value)
        except ValueError:
            raise ValueError(
                f"is {value!r}; bounds are printed to three decimals: give a multiple of 0.001"
            ) from None
    return value


def _threshold(threshold: float | str) -> float | str:
    if isinstance(threshold, str):
        if threshold != SUBMITTED:
            raise ValueError
        return threshold
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"is {threshold:g}; containers give probabilities: give one from 0 to 1")
    return float(threshold)


def _levels(levels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(levels.items()))


_Name = Annotated[Text, Field(min_length=1, max_length=80)]
_A_NUMBER = Give("a number above 0 and below 1, a multiple of 0.001")
_Claimed = Annotated[
    Text,
    Absent("those of `parts`"),
    Give(f"one of {', '.join(map(repr, FIGURES))}"),
    Field(description=f"what is claimed: {', '.join(f'`{name}`' for name in FIGURES)}"),
    AfterValidator(lambda name: _figure(name)),
]
_AtLeast = Annotated[
    Number | None,
    _A_NUMBER,
    Absent("none"),
    Field(gt=0, lt=1, description="the goal that the lower bound must reach, to 0.001"),
    AfterValidator(_step),
]
_AtMost = Annotated[
    Number | None,
    _A_NUMBER,
    Absent("none"),
    Field(gt=0, lt=1, description="the goal that the upper bound must not exceed, to 0.001"),
    AfterValidator(_step),
]
_Superior = Annotated[
    Text,
    Absent("none"),
    Field(
        description="the name of a table `[comparators.NAME]`: the lower bound of the difference, "
        "submission less comparator on the same cases, must be 0 or more"
    ),
]
_NonInferior = Annotated[
    Text,
    Absent("none"),
    Field(
        description="the same, and the lower bound must not be below the `margin` under the "
        "comparator"
    ),
]
_Margin = Annotated[
    Number | None,
    _A_NUMBER,
    Absent("none"),
    Field(gt=0, lt=1, description="for `noninferior_to`: how much worse is still not inferior"),
    AfterValidator(_step),
]
_Threshold = Annotated[
    float | str | None,
    InFile(Number | Text | None, lambda given: None if given is None else _threshold(given)),
    Give(f"{SUBMITTED!r}, or a number from 0 to 1"),
    Absent("`submitted`"),
    Field(
        description="for sensitivity and specificity: `submitted`, the threshold that a submission "
        "declares, or a number, which holds for this claim whatever is declared"
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredPart:
    """One figure against one goal, as an item of ``parts``."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    figure: _Claimed
    at_least: _AtLeast = None
    at_most: _AtMost = None
    superior_to: _Superior = ""
    noninferior_to: _NonInferior = ""
    margin: _Margin = None
    threshold: _Threshold = None

    def __post_init__(self) -> None:
        """Raise ClaimsError where it has no goal, two, or keys that do not fit its figure."""
        _refuse_odd_goal(self)

    @property
    def comparator(self) -> str:
        """The name of the comparator; empty where the goal is a number."""
        return self.superior_to or self.noninferior_to


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredClaim:
    """A [[claims]] table: one part on the table itself, or several in ``parts``: all must hold."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Annotated[_Name, Field(description="what the claim is called wherever it is shown")]
    figure: _Claimed = ""
    at_least: _AtLeast = None
    at_most: _AtMost = None
    superior_to: _Superior = ""
    noninferior_to: _NonInferior = ""
    margin: _Margin = None
    threshold: _Threshold = None
    within: Annotated[
        tuple[tuple[str, str], ...],
        InFile(dict[_Name, _Name], _levels),
        Give('a table of attributes and levels in quotes, as { sex = "Female" }'),
        Absent("all cases"),
        Field(
            description='`{ sex = "Female" }`: the cases that the claim is about; two attributes '
            "are their intersection"
        ),
    ] = ()
    each: Annotated[
        Text,
        Absent("none"),
        Field(
            description='an attribute, as `"race"`, or an intersection, as `"race x sex"`: the '
            "claim must hold in every level that drawn cases have, `Not Reported` aside; the "
            "levels are fixed when the cohort is sealed"
        ),
    ] = ""
    after: Annotated[
        tuple[_Name, ...],
        Give('a list of names of earlier claims, as ["AUROC above 0.80"]'),
        Field(description="earlier claims; this one is tested only where they were met"),
    ] = ()
    parts: Annotated[
        tuple[DeclaredPart, ...],
        Called("part"),
        Give('a list of tables, as [{ figure = "sensitivity", at_least = 0.85 }, ...]'),
        Field(
            description="two or more figures with their goals, in place of those above: all must "
            "hold (co-primary)"
        ),
    ] = ()
    assumed: Annotated[
        Assumed,
        Absent("the study's"),
        Field(
            description="`[claims.assumed]`: what `sequestra plan` takes to be true for this claim"
        ),
    ] = NOTHING_SAID

    def __post_init__(self) -> None:
        """Raise ClaimsError where keys contradict each other."""
        subject = f"claim {self.name!r}"
        if self.parts:
            extra = [key for key in _GOAL_KEYS if getattr(self, key) not in ("", None)]
            if extra:
                raise ClaimsError(
                    f"{subject} has parts and also {', '.join(extra)}; put each figure and goal "
                    "into one of the parts, or leave parts out"
                )
            if len(self.parts) == 1:
                raise ClaimsError(
                    f"{subject} has one part; write its keys on the claim itself, or give the other"
                )
        elif not self.figure:
            raise ClaimsError(
                f"{subject} has no figure; give {' or '.join(map(repr, FIGURES))}, or several "
                "in parts"
            )
        else:
            _refuse_odd_goal(self)
        both = [name for name, _ in self.within if name in self.each.split(JOINT)]
        if both:
            raise ClaimsError(
                f"{subject} is within one level of {both[0]} and for each of its levels; leave "
                f"{both[0]} out of one of the two"
            )
        if self.name in self.after:
            raise ClaimsError(f"{subject} stands after itself; name earlier claims in after")

    @property
    def every_part(self) -> tuple[DeclaredPart, ...]:
        """Its figures with their goals; one where ``parts`` is left out."""
        if self.parts:
            return self.parts
        return (DeclaredPart(**{key: getattr(self, key) for key in _GOAL_KEYS}),)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that make its groups; empty for all cases."""
        return (*(name for name, _ in self.within), *filter(None, self.each.split(JOINT)))


_GOAL_KEYS = tuple(each.name for each in fields(DeclaredPart))


def _refuse_odd_goal(part: DeclaredPart | DeclaredClaim) -> None:
    goals = ("at_least", "at_most", "superior_to", "noninferior_to")
    goal_keys = [key for key in goals if getattr(part, key) not in ("", None)]
    if len(goal_keys) != 1:
        goals_named = " and ".join(goal_keys) or "no goal"
        raise ClaimsError(
            f"{part.figure} has {goals_named}; give one of at_least, at_most, superior_to and "
            "noninferior_to"
        )
    if goal_keys[0] == "noninferior_to" and part.margin is None:
        raise ClaimsError(
            f"{part.figure} is noninferior_to {part.noninferior_to!r} without a margin; give one, "
            "as margin = 0.05"
        )
    if goal_keys[0] != "noninferior_to" and part.margin is not None:
        raise ClaimsError(
            f"{part.figure} has a margin beside {goal_keys[0]}; leave it out, or claim "
            "noninferior_to"
        )
    if part.figure == "auroc" and part.threshold is not None:
        raise ClaimsError(
            "auroc has a threshold, and an AUROC has no operating point; leave threshold out"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """The [study] table: the error that all claims share, and how they share it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    alpha: Annotated[
        Number,
        Field(
            ge=0.0001,
            le=0.05,
            description="one-sided chance of any false `met` for one team in the life of the "
            "cohort, over all claims and looks",
        ),
    ] = 0.025
    procedure: Annotated[
        Text,
        OneOf(PROCEDURES),
        Field(
            description="`fixed-sequence`: claims are tested in the file's order until one is not "
            "met; `holm`: those without `after` share alpha by Holm's procedure"
        ),
    ] = FIXED_SEQUENCE
    looks: Annotated[
        Whole,
        Field(
            ge=1,
            le=MOST_LOOKS,
            description="looks of a team in the life of the cohort: each is a submission that "
            "read its cases",
        ),
    ] = 1
    spending: Annotated[
        Text,
        OneOf(SPENDINGS),
        Field(
            description="alpha of look i: `equal`, alpha / looks; `decreasing`, 6 alpha / (pi i)^2"
        ),
    ] = EQUAL
    assumed: Annotated[
        Assumed,
        Absent("see [planning](planning.md)"),
        Field(description="`[study.assumed]`: what `sequestra plan` takes to be true"),
    ] = NOTHING_SAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparator:
    """A [comparators.NAME] table: a predicate device, a radiologist, an earlier release."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: Annotated[
        _Name,
        Field(
            description="a table beside the benchmark's file, one row a case; sealed with the "
            "labels and never shown to a container"
        ),
    ]
    scores: Annotated[
        Text,
        Absent("`score`, `probability`, ..."),
        Field(description="its column of scores, higher where the label is likelier"),
    ] = ""
    calls: Annotated[
        Text,
        Absent("scores are read"),
        Field(description="in place of scores: its column of calls, 0 or 1, of a reader"),
    ] = ""
    call_at: Annotated[
        Number | None,
        Absent("none"),
        Field(
            allow_inf_nan=False,
            description="scores from here on are calls; a claim on sensitivity or specificity "
            "needs it",
        ),
    ] = None
    cases: Annotated[
        Text,
        Absent("`study_uid`, `case_id`, ..., or the patient's"),
        Field(description="its column that names the studies, or the patients"),
    ] = ""

    def __post_init__(self) -> None:
        """Raise ClaimsError where its keys contradict each other."""
        if self.calls and (self.scores or self.call_at is not None):
            other = "scores" if self.scores else "call_at"
            raise ClaimsError(f"it has calls and also {other}; a comparator has one of the two")
        if "/" in self.file or "\\" in self.file or self.file in (".", ".."):
            raise ClaimsError(
                f"file is {self.file!r}; give the name of a table that lies beside the "
                "benchmark's file"
            )

    @property
    def has_calls_alone(self) -> bool:
        """Whether it has calls and no scores."""
        return bool(self.calls)
