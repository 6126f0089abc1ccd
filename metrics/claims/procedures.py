"""Which claims of a study are met, at which level, and which were never tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from metrics.claims.claim import HOLM, Bound, Claim, Part, Study, families, reaches
from metrics.claims.spending import level_of_look
from metrics.estimate import UndefinedMetric

BoundOf = Callable[[Part, float], Bound | UndefinedMetric]
"""The bound of a part at a nominal level, or the reason why the data give none."""


class Verdict(StrEnum):
    """What became of a claim."""

    MET = "met"
    NOT_SHOWN = "not shown"
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The verdict of one claim.

    ``level`` is the nominal level at which it was tested and ``bounds`` those of its parts at that
    level, in their order; None and empty where it was not tested. A part without a bound holds
    the reason, and its claim is not shown.
    """

    claim: str
    verdict: Verdict
    level: float | None
    bounds: tuple[Bound | UndefinedMetric, ...]


def decided(study: Study, bound_of: BoundOf, alpha: float) -> tuple[Decided, ...]:
    """Verdicts of the claims, in the study's order; ``alpha`` is the level of this look.

    A claim is met where it was reached and the printed bounds of all its parts reach their goals
    (intersection-union: no part needs an adjusted level; Berger 1982). Fixed sequence: each claim
    at alpha until one is not met. Holm: the claims of a family at alpha divided by those of it
    not yet met, again and again until none more is met; a claim keeps the level at which it was
    met, the others that of the last step. A family behind gates is reached where every claim
    before it was met. The chance of any false 'met' is at most alpha where each bound errs with
    at most its level. Source: Holm 1979; Maurer, Hothorn & Lehmacher 1995.
    """
    decisions: dict[str, Decided] = {}
    reached = True
    for family in families(study):
        verdicts = _family(family, bound_of, alpha) if reached else map(_not_tested, family)
        for verdict in verdicts:
            decisions[verdict.claim] = verdict
        reached = reached and all(decisions[c.name].verdict is Verdict.MET for c in family)
    return tuple(decisions[claim.name] for claim in study.claims)


def levels_used(study: Study) -> tuple[float, ...]:
    """Every nominal level that a bound of the study can be tested at, rising."""
    looks = range(1, study.looks + 1)
    of_looks = {level_of_look(i, study.looks, study.alpha, study.spending) for i in looks}
    return tuple(sorted({level / step for level in of_looks for step in steps(study)}))


def steps(study: Study) -> range:
    """By what a look's level is divided, from 1: with Holm's procedure up to a family's claims."""
    if study.procedure != HOLM:
        return range(1, 2)
    return range(1, max(len(family) for family in families(study)) + 1)


def _family(family: Sequence[Claim], bound_of: BoundOf, alpha: float) -> list[Decided]:
    """Holm's steps over bounds; one claim alone is tested at alpha."""
    rejected: list[Decided] = []
    waiting = list(family)
    while waiting:
        level = alpha / len(waiting)
        tested = [_tested(claim, bound_of, level) for claim in waiting]
        fresh = [each for each in tested if each.verdict is Verdict.MET]
        if not fresh:
            return rejected + tested
        rejected += fresh
        waiting = [c for c, each in zip(waiting, tested, strict=True) if each not in fresh]
    return rejected


def _tested(claim: Claim, bound_of: BoundOf, level: float) -> Decided:
    bounds = tuple(bound_of(part, level) for part in claim.parts)
    reached = all(
        isinstance(limit, Bound) and reaches(part, limit)
        for part, limit in zip(claim.parts, bounds, strict=True)
    )
    verdict = Verdict.MET if reached else Verdict.NOT_SHOWN
    return Decided(claim=claim.name, verdict=verdict, level=level, bounds=bounds)


def _not_tested(claim: Claim) -> Decided:
    return Decided(claim=claim.name, verdict=Verdict.NOT_TESTED, level=None, bounds=())
