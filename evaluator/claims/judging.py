"""Judges the claims of a study on what was predicted: one look, one verdict.

Predictions that set few cases apart are looked at before any label: all claims are then not shown,
and the look is spent. A group that disclosure control hides, or in which a figure is undefined,
leaves its claim not shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluator.claims.sealed_study import SealedStudy
from evaluator.claims.selection import case_data, in_group
from evaluator.claims.verdict import ClaimVerdict, JudgedPart, StudyVerdict
from evaluator.scoring.results import INSUFFICIENT, OVERALL
from metrics.arrays import Bools
from metrics.claims.bounds import bound
from metrics.claims.claim import Bound, Part
from metrics.claims.procedures import Decided, Verdict, decided
from metrics.claims.spending import level_of_look
from metrics.edges import called
from metrics.estimate import UndefinedMetric

Group = tuple[str, str]

PROBING = "the predictions set a few cases apart"


class Cases(Protocol):
    """The cases of a cohort beside what was predicted of them, in one order; arrays are (n,)."""

    @property
    def labels(self) -> NDArray[np.bool_]:
        """The reference standard."""

    @property
    def scores(self) -> NDArray[np.float64]:
        """The first output of the predictions."""

    @property
    def patients(self) -> NDArray[np.str_]:
        """Whose case it is."""

    @property
    def attributes(self) -> Mapping[str, NDArray[np.str_]]:
        """The level of each case, by attribute."""

    @property
    def comparators(self) -> Mapping[str, NDArray[np.float64]]:
        """What each sealed comparator said of each case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is judged beside the predictions.

    ``threshold`` is the submission's own, ``look`` the number of the look. ``hidden`` are the
    groups that disclosure control hides, ``set_apart`` whether the predictions set a few cases
    apart, ``minimum`` the fewest cases that may lie between two thresholds.
    """

    threshold: float
    look: int
    hidden: Collection[Group] = ()
    set_apart: bool = False
    minimum: int = 1


def thresholds(sealed: SealedStudy, submitted: float) -> tuple[float, ...]:
    """The thresholds at which the study reads predictions, the submission's own first."""
    declared = [part.threshold for part in sealed.parts if part.threshold is not None]
    return tuple(dict.fromkeys([submitted, *declared]))


def crowded(scores: NDArray[np.float64], at: tuple[float, ...], minimum: int) -> bool:
    """Whether too few cases lie between two thresholds: their labels would show in a difference."""
    return any(0 < int(apart.sum()) < minimum for apart in _between(scores, at))


def is_hidden(part: Part, hidden: Collection[Group]) -> bool:
    """Whether disclosure control hides the group of a part; all are hidden with the whole."""
    return OVERALL in hidden or (part.attribute, part.level) in hidden


def judge_study(sealed: SealedStudy, cases: Cases, terms: Asked) -> StudyVerdict:
    """The verdict of one look on all claims, each read off the bound that is released.

    A look beyond the last one has no level: its claims are not tested.
    """
    study = sealed.study
    within_looks = terms.look <= study.looks
    level = (
        level_of_look(terms.look, study.looks, study.alpha, study.spending) if within_looks else 0.0
    )
    bounds: dict[tuple[Part, float], Bound | UndefinedMetric] = {}

    def bound_of(part: Part, nominal: float) -> Bound | UndefinedMetric:
        if (part, nominal) not in bounds:
            bounds[part, nominal] = _bound(sealed, cases, terms, part, nominal)
        return bounds[part, nominal]

    if terms.set_apart:
        verdicts = _alike(sealed, Verdict.NOT_SHOWN)
    elif not within_looks:
        verdicts = _alike(sealed, Verdict.NOT_TESTED)
    else:
        verdicts = decided(study, bound_of, level)
    return StudyVerdict(
        claims=tuple(_claims(sealed, cases, terms, verdicts, level)),
        claims_digest=sealed.digest,
        declared=sealed.sealed_at,
        addendum=sealed.addendum,
        look=terms.look,
        looks=study.looks,
        level=level,
        alpha=study.alpha,
        procedure=study.procedure,
        spending=study.spending,
    )


def _alike(sealed: SealedStudy, verdict: Verdict) -> tuple[Decided, ...]:
    return tuple(
        Decided(claim=claim.name, verdict=verdict, level=None, bounds=())
        for claim in sealed.study.claims
    )


def _bound(
    sealed: SealedStudy, cases: Cases, terms: Asked, part: Part, nominal: float
) -> Bound | UndefinedMetric:
    if is_hidden(part, terms.hidden):
        return UndefinedMetric(INSUFFICIENT)
    data = case_data(
        part,
        cases.labels,
        cases.scores,
        cases.patients,
        cases.attributes,
        comparators=cases.comparators,
        declared=sealed.comparators,
        threshold=terms.threshold,
    )
    try:
        return bound(part, data, sealed.used(part, nominal))
    except UndefinedMetric as undefined:
        return undefined


def _claims(
    sealed: SealedStudy,
    cases: Cases,
    terms: Asked,
    verdicts: tuple[Decided, ...],
    level: float,
) -> Iterator[ClaimVerdict]:
    reason = PROBING if terms.set_apart else ""
    for claim, verdict in zip(sealed.study.claims, verdicts, strict=True):
        bounds: tuple[Bound | UndefinedMetric | None, ...] = verdict.bounds
        bounds = bounds or (None,) * len(claim.parts)
        yield ClaimVerdict(
            name=claim.name,
            verdict=verdict.verdict,
            level=level if verdict.level is None else verdict.level,
            after=claim.after,
            parts=tuple(
                _judged(part, each, reason, cases, terms, sealed)
                for part, each in zip(claim.parts, bounds, strict=True)
            ),
        )


def _judged(
    part: Part,
    reached: Bound | UndefinedMetric | None,
    reason: str,
    cases: Cases,
    terms: Asked,
    sealed: SealedStudy,
) -> JudgedPart:
    if not isinstance(reached, Bound):
        return JudgedPart(part=part, undefined=reason if reached is None else str(reached))
    members = in_group(part, cases.attributes, cases.labels.size)
    return JudgedPart(
        part=part,
        bound=reached,
        spread=_spread(part, cases, members),
        few=_few(part, cases, members, terms, sealed),
    )


def _spread(part: Part, cases: Cases, members: Bools) -> float | None:
    """The spread of the negatives' scores over that of the positives', to one decimal."""
    if part.figure != "auroc" or part.comparator is not None:
        return None
    of_class = [cases.scores[members & (cases.labels == label)] for label in (True, False)]
    positive, negative = (float(each.std(ddof=1)) for each in of_class)
    return round(negative / positive, 1) if positive > 0.0 else None


def _few(part: Part, cases: Cases, members: Bools, terms: Asked, sealed: SealedStudy) -> bool:
    """Whether few cases lie between a declared threshold and another one of the study.

    The submission's own is one of these: figures at it are released beside the bounds.
    """
    if part.threshold is None or part.figure == "auroc":
        return False
    own = called(cases.scores, part.threshold)
    for other in thresholds(sealed, terms.threshold):
        inside = (own != called(cases.scores, other)) & members
        positive = int((inside & cases.labels).sum())
        negative = int(inside.sum()) - positive
        if inside.any() and min(positive, negative) < terms.minimum:
            return True
    return False


def _between(scores: NDArray[np.float64], at: tuple[float, ...]) -> Iterator[Bools]:
    """For each two thresholds, the cases that one of them calls and the other does not."""
    for one, other in combinations(at, 2):
        yield called(scores, one) != called(scores, other)
