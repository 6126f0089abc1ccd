"""What a study claims: parts with a goal, claims made of parts, and the procedure over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Bools, Floats
from metrics.claims.spending import EQUAL, SPENDINGS

FIGURES = ("auroc", "sensitivity", "specificity")
FIXED_SEQUENCE = "fixed-sequence"
HOLM = "holm"
PROCEDURES = (FIXED_SEQUENCE, HOLM)
STEPS = 1000
"""Bounds, goals and margins are whole numbers of thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One bound against one goal.

    Without a ``comparator`` the figure's lower bound must reach ``goal`` or, where ``upper``, its
    upper bound must not exceed it. With one, the lower bound of the difference, submission less
    comparator, must reach ``goal``: 0 to be superior, -``margin`` to be not inferior.
    ``threshold`` None is the one that the submission declares. ``attribute`` and ``level`` name
    the group; empty for all cases.
    """

    figure: str
    goal: float
    upper: bool = False
    threshold: float | None = None
    comparator: str | None = None
    margin: float | None = None
    attribute: str = ""
    level: str = ""

    def __post_init__(self) -> None:
        """Refuse a figure, goal or margin out of its range."""
        if self.figure not in FIGURES:
            raise ValueError(
                f"a claim's figure is {self.figure!r}; give one of {', '.join(FIGURES)}"
            )
        thousandths(self.goal)
        if self.comparator is None:
            _goal_of_a_figure(self)
        else:
            _goal_of_a_difference(self)

    @property
    def is_exact(self) -> bool:
        """Whether the bound keeps its level whatever the truth, where no patient repeats."""
        return self.figure != "auroc" and self.comparator is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Parts that must all hold; tested only where every claim named in ``after`` was met."""

    name: str
    parts: tuple[Part, ...]
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a claim without parts."""
        if not self.parts:
            raise ValueError(f"claim {self.name!r} has no part; give it a figure and a goal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All claims, the one-sided level for all together, and the looks that share it."""

    claims: tuple[Claim, ...]
    alpha: float = 0.025
    procedure: str = FIXED_SEQUENCE
    looks: int = 1
    spending: str = EQUAL

    def __post_init__(self) -> None:
        """Refuse what no procedure can decide."""
        if not self.claims:
            raise ValueError("a study has no claim; declare at least one")
        if not 0.0 < self.alpha < 0.5:
            raise ValueError(f"alpha is {self.alpha:g}; give a level above 0 and below 0.5")
        if self.procedure not in PROCEDURES:
            raise ValueError(
                f"the procedure is {self.procedure!r}; give one of {', '.join(PROCEDURES)}"
            )
        if self.looks < 1:
            raise ValueError(f"a study has {self.looks} looks; give 1 or more")
        if self.spending not in SPENDINGS:
            raise ValueError(f"spending is {self.spending!r}; give one of {', '.join(SPENDINGS)}")
        families(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseData:
    """The cases of a part's group.

    ``labels`` (cases,) booleans; ``scores`` (cases,), higher for positive; ``patients`` (cases,)
    identifiers, or None where each case is a patient of its own. ``comparator`` (cases,) the
    comparator's scores for an AUROC and its calls, 0 or 1, for sensitivity and specificity.
    ``threshold`` is the one that the submission declares.
    """

    labels: Bools
    scores: Floats
    patients: Sequence[object] | np.ndarray | None = None
    comparator: np.ndarray | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A bound as it is released: ``bound`` is a whole number of thousandths, rounded outward.

    ``value`` is the figure, or the difference of submission less comparator; ``level`` the
    one-sided level of the bound; ``method`` how it was made.
    """

    figure: str
    value: float
    bound: float
    level: float
    n_cases: int
    n_positive: int
    n_patients: int
    method: str


def reaches(part: Part, bound: Bound) -> bool:
    """Whether the printed bound reaches the goal: nothing else decides."""
    reached, goal = thousandths(bound.bound), thousandths(part.goal)
    return reached <= goal if part.upper else reached >= goal


def thousandths(value: float) -> int:
    """A goal, margin or printed bound in thousandths; ValueError where it is no whole number."""
    steps = round(value * STEPS)
    if abs(value * STEPS - steps) > 1e-6:
        raise ValueError(f"{value!r} has more than three decimals; give a multiple of 0.001")
    return steps


def families(study: Study) -> tuple[tuple[Claim, ...], ...]:
    """Claims that are tested together, family after family.

    A family is reached only where every claim of the families before it was met: with a fixed
    sequence each claim is its own family, in the file's order; with Holm's procedure those
    without ``after`` are the first. ValueError where gates contradict the order, or where a gate
    leaves out a claim of the family before: the level could then be spent twice (Maurer, Hothorn
    & Lehmacher 1995; Westfall & Krishen 2001).
    """
    _known_gates(study)
    if study.procedure == FIXED_SEQUENCE:
        return tuple((claim,) for claim in study.claims)
    ordered: list[tuple[Claim, ...]] = []
    before: set[str] = set()
    waiting = list(study.claims)
    while waiting:
        family = tuple(claim for claim in waiting if before.issuperset(claim.after))
        if not family:
            names = ", ".join(repr(claim.name) for claim in waiting)
            raise ValueError(f"the claims {names} wait for each other; let one stand first")
        for claim in family:
            left_out = sorted(_unguarded(study, claim, before))
            if left_out:
                raise ValueError(
                    f"claim {claim.name!r} stands behind some claims of the step before it; "
                    f"name {left_out[0]!r} in its 'after' too, or take 'fixed-sequence'"
                )
        ordered.append(family)
        before.update(claim.name for claim in family)
        waiting = [claim for claim in waiting if claim not in family]
    return tuple(ordered)


def _unguarded(study: Study, claim: Claim, before: set[str]) -> set[str]:
    """Claims of earlier families that neither ``after`` nor a gate behind it names."""
    gates = {each.name: each.after for each in study.claims}
    guarded: set[str] = set()
    waiting = list(claim.after)
    while waiting:
        name = waiting.pop()
        if name not in guarded:
            guarded.add(name)
            waiting += gates[name]
    return before - guarded


def _known_gates(study: Study) -> None:
    names = [claim.name for claim in study.claims]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two claims are named {twice[0]!r}; give each its own name")
    earlier: set[str] = set()
    for claim in study.claims:
        for gate in claim.after:
            if gate not in names:
                raise ValueError(
                    f"claim {claim.name!r} stands after {gate!r}, which no claim is named"
                )
            if study.procedure == FIXED_SEQUENCE and gate not in earlier:
                raise ValueError(
                    f"claim {claim.name!r} stands after {gate!r}, which the fixed sequence tests "
                    f"later; put {gate!r} before it in the file"
                )
        earlier.add(claim.name)


def _goal_of_a_figure(part: Part) -> None:
    if not 0.0 < part.goal < 1.0:
        raise ValueError(
            f"the goal of {part.figure} is {part.goal:g}; give one above 0 and below 1"
        )
    if part.margin is not None:
        raise ValueError("a margin is given without a comparator; name one in 'noninferior_to'")


def _goal_of_a_difference(part: Part) -> None:
    if part.upper:
        raise ValueError("a claim against a comparator has a lower bound; leave 'at_most' out")
    goal = 0
    if part.margin is not None:
        if not 0.0 < part.margin < 1.0:
            raise ValueError(f"the margin is {part.margin:g}; give one above 0 and below 1")
        goal = -thousandths(part.margin)
    if thousandths(part.goal) != goal:
        raise ValueError(
            f"the goal of a difference is {part.goal:g}; it is 0 to be superior and the margin "
            f"below 0 to be not inferior"
        )
