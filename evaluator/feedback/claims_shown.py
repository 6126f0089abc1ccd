"""What of a whole verdict may leave with a release: disclosure control of declared claims.

- A bound of a group that the release hides does not leave, nor does its value or a count.
- A bound at a declared threshold does not leave where the cases between it and the submission's own
  threshold are too few of a class: the two sensitivities or specificities would tell their labels.
- Counts of groups, and of cases met before, are rounded as all counts of groups are. Those of the
  whole cohort are as exact as the release itself tells them.
- Values keep the decimals of a tenth of their standard error, three at most. Bounds keep three,
  rounded outward: the verdict is read off them.

What became of each claim is told whatever is hidden, as it was told before.
"""

from __future__ import annotations

from dataclasses import replace

from evaluator.claims.judging import is_hidden
from evaluator.claims.verdict import CasesApart, ClaimVerdict, JudgedPart, StudyVerdict
from evaluator.disclosure.control import WITHHELD, Release
from evaluator.disclosure.rounding import INSUFFICIENT, decimals, nearest, plain
from metrics.claims.claim import Bound

_DIGITS = 3


def shown(verdict: StudyVerdict, release: Release) -> StudyVerdict:
    """The verdict as it may stand in ``release``."""
    return replace(
        verdict,
        claims=tuple(_claim(claim, release) for claim in verdict.claims),
        apart=tuple(_apart(each, release) for each in verdict.apart),
    )


def _claim(claim: ClaimVerdict, release: Release) -> ClaimVerdict:
    return replace(claim, parts=tuple(_part(part, release) for part in claim.parts))


def _part(judged: JudgedPart, release: Release) -> JudgedPart:
    part, bound = judged.part, judged.bound
    if bound is None:
        return judged
    if is_hidden(part, {(each.attribute, each.level) for each in release.withheld}):
        return JudgedPart(part=part, undefined=INSUFFICIENT)
    if judged.few:
        return JudgedPart(part=part, undefined=WITHHELD)
    return replace(judged, bound=_rounded(bound, release, whole=not part.attribute))


def _rounded(bound: Bound, release: Release, *, whole: bool) -> Bound:
    step = 1 if whole else release.rule.count_step
    n = {
        "sensitivity": bound.n_positive,
        "specificity": bound.n_cases - bound.n_positive,
    }.get(bound.figure, bound.n_cases)
    return replace(
        bound,
        value=_value(bound.value, n, release),
        n_cases=nearest(bound.n_cases, step),
        n_positive=nearest(bound.n_positive, step),
        n_patients=nearest(bound.n_patients, step),
    )


def _apart(cases: CasesApart, release: Release) -> CasesApart:
    if cases.value is None:
        return cases
    step = release.rule.count_step
    return replace(
        cases,
        value=_value(cases.value, cases.n_cases, release),
        n_cases=nearest(cases.n_cases, step),
        n_positive=nearest(cases.n_positive, step),
    )


def _value(value: float, n: int, release: Release) -> float:
    most = min(_DIGITS, release.rule.maximum_digits)
    digits = decimals(None, None, n, confidence=release.confidence, most=most)
    return plain(round(value, digits))
