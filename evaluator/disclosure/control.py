"""Controls what leaves the steward's side of an evaluation; the one door out.

The rule, in the order in which ``release`` applies it:

1. A level with fewer than ``minimum_cell`` cases or patients is withheld: no figure, no count.
2. A level with fewer than ``minimum_cell`` positive or negative cases keeps its number of cases
   and loses everything else.
3. Complementary suppression: what is withheld must not follow from what is shown. A shown total
   minus its shown parts must leave at least two parts that together reach the minimum, and no
   withheld part may be the unique solution of the shown totals, one table at a time or across
   intersections and their margins. The next smallest level is withheld until that holds.
   Nothing in a release tells the two reasons apart.
4. Comparisons that involve a withheld level go with it.
5. Counts of levels are rounded to ``count_step``. A value is rounded to the decimals of a tenth
   of its standard error (read from its interval) and never to more than ``maximum_digits``;
   bounds are rounded outward, so that the printed interval covers the computed one.
6. A ROC curve is shown on a grid so coarse that each step rests on ``minimum_cell`` negative
   cases; its ends are (0, 0) and (1, 1) by definition, whatever the first and last cases are. Where
   fewer than ``minimum_cell`` positive cases lie above a point, or are left below it, their number
   is rounded to none or to the minimum. A sensitivity at a specificity, a specificity at a
   sensitivity and a partial AUROC follow the same rule, and are insufficient data where they rest
   on fewer cases than the minimum.
7. A reliability bin under the minimum is dropped, and so is the next smallest where only one would
   be.
8. A figure standardised to the target is a second sum over the same levels, with other weights:
   with the plain figure it would give two withheld levels back. It is released only where every
   level of every attribute of the target has the minimum of cases, patients, positives and
   negatives, and none of them is withheld, and where no cell under the minimum, of all these
   attributes crossed, follows from the sums over levels. Shares achieved follow the same rule.

Known limit: groups that nest by outside knowledge (all scanners of one maker stand at one site)
are not recognised unless they are declared as an intersection.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from cohort_selection.cases import LABEL
from evaluator.disclosure.curves import large_bins, on_grid, rounded_point
from evaluator.disclosure.rounding import (
    INSUFFICIENT,
    decimals,
    few_rounded,
    nearest,
    outward,
    plain,
    without_counts,
    without_prevalence,
)
from evaluator.disclosure.rule import Disclosure, DisclosureError
from evaluator.disclosure.suppression import (
    JOINT,
    Counts,
    Group,
    counted_groups,
    group_metrics,
    suppressed,
)
from evaluator.scoring.results import (
    ALL_LEVELS,
    OVERALL,
    STANDARDIZED,
    Curve,
    CurvePoint,
    Evaluation,
    Result,
    TargetComparison,
    TargetLevel,
    as_mapping,
)
from metrics.estimate import Estimate
from submissions.submission import Submission

SCHEMA = 1
VERSUS = " - "
EXTREMES = "max - min"

WITHHELD = "withheld"
"""Neither figures nor counts are shown."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A group whose figures are not shown; ``n_cases`` (rounded) is None where that is not either.

    ``reason`` is WITHHELD or INSUFFICIENT; whether a group is itself small or protects another is
    deliberately not recorded.
    """

    attribute: str
    level: str
    reason: str
    n_cases: int | None


@dataclass(frozen=True, slots=True)
class Release:
    """What a reader may see of one evaluation; the only thing that boards and reports are given."""

    submission_id: str
    team: str
    model: str
    benchmark: str
    received: datetime
    image_digest: str
    cohort_digest: str
    plan_digest: str
    code_version: str
    threshold: float
    confidence: float
    n_cases: int
    n_patients: int
    n_positive: int | None
    results: tuple[Result, ...]
    curves: tuple[Curve, ...]
    withheld: tuple[Withheld, ...]
    rule: Disclosure
    sampling_design: str = ""
    effective_patients: int | None = None
    declared_gaps: tuple[tuple[str, str], ...] = ()
    target: TargetComparison | None = None

    def find(self, metric: str, attribute: str = "overall", level: str = "all") -> Estimate | None:
        """Look up one figure; None where the release does not hold it."""
        for result in self.results:
            if (result.metric, result.attribute, result.level) == (metric, attribute, level):
                return result.estimate
        return None

    def to_json(self) -> str:
        """Write canonical JSON: sorted keys, no whitespace, no NaN; the digest is over this."""
        document = as_mapping(self) | {"schema": SCHEMA, "received": self.received.isoformat()}
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), allow_nan=False, default=as_mapping
        )

    @classmethod
    def from_json(cls, text: str) -> Release:
        """Read what ``to_json`` wrote; raises DisclosureError for anything else."""
        return _read(text)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON."""
        return "sha256:" + hashlib.sha256(self.to_json().encode()).hexdigest()


def release(
    evaluation: Evaluation, *, submission: Submission, cohort_digest: str, rule: Disclosure
) -> Release:
    """Turn an evaluation into what may be shown of it, by the rule that heads this module."""
    groups = counted_groups(evaluation)
    withheld, insufficient = suppressed(evaluation, groups, rule.minimum_cell)
    hidden = withheld | insufficient
    n_negative = evaluation.n_cases - evaluation.n_positive
    enough = min(evaluation.n_patients, evaluation.n_positive, n_negative) >= rule.minimum_cell
    target = _shown_target(evaluation, hidden, rule)
    results = _shown_results(evaluation, groups, hidden, rule) if enough else ()
    if target is not None and target.effective_patients is None:
        results = (r for r in results if not r.metric.endswith(STANDARDIZED))
    curves = _shown_curves(evaluation, groups, hidden, rule) if enough else ()
    held_back = [
        Withheld(
            attribute,
            level,
            WITHHELD if (attribute, level) in withheld else INSUFFICIENT,
            None if (attribute, level) in withheld else nearest(counts.n_cases, rule.count_step),
        )
        for (attribute, level), counts in groups.items()
        if (attribute, level) in hidden
    ]
    if not enough:
        held_back.insert(0, Withheld(*OVERALL, INSUFFICIENT, evaluation.n_cases))
    return Release(
        submission_id=submission.submission_id,
        team=submission.team,
        model=submission.model,
        benchmark=submission.benchmark,
        received=submission.received,
        image_digest=submission.image_digest,
        cohort_digest=cohort_digest,
        plan_digest=evaluation.plan_digest,
        code_version=evaluation.code_version,
        threshold=submission.threshold,
        confidence=evaluation.confidence,
        n_cases=evaluation.n_cases,
        n_patients=evaluation.n_patients,
        n_positive=evaluation.n_positive if enough else None,
        results=tuple(results),
        curves=tuple(curves),
        withheld=tuple(held_back),
        rule=rule,
        sampling_design=evaluation.sampling_design,
        effective_patients=None
        if evaluation.effective_patients is None
        else round(evaluation.effective_patients),
        declared_gaps=evaluation.declared_gaps,
        target=target if enough else None,
    )


def _classes(row: TargetLevel) -> tuple[int, ...]:
    """Counts that must reach the minimum; a level of the label has one class only."""
    if LABEL in row.attribute.split(JOINT):
        return row.n_cases, row.n_patients
    return row.n_cases, row.n_patients, row.n_positive, row.n_cases - row.n_positive


def _shown_target(
    evaluation: Evaluation, hidden: Collection[Group], rule: Disclosure
) -> TargetComparison | None:
    """The comparison with the target, without what would give a small level away (rule 8)."""
    target = evaluation.target
    if target is None:
        return None
    small = {
        row.attribute
        for row in target.levels
        if row.achieved and min(_classes(row)) < rule.minimum_cell
    }
    small |= {attribute for attribute, _ in hidden}
    concerned = {row.attribute for row in target.levels} & small
    least = target.least_solved
    solved = least is not None and least < rule.minimum_cell
    shown = tuple(
        replace(
            row,
            achieved=None
            if row.attribute in concerned
            else nearest(row.n_patients, rule.count_step) / evaluation.n_patients,
            n_cases=0,
            n_patients=0,
            n_positive=0,
        )
        for row in target.levels
    )
    if concerned or solved:
        return replace(
            target,
            levels=shown,
            unrepresented=0.0,
            effective_patients=None,
            least_solved=None,
            note=WITHHELD,
        )
    known = target.effective_patients
    return replace(
        target,
        levels=shown,
        effective_patients=None if known is None else nearest(round(known), rule.count_step),
        least_solved=None,
        note=without_counts(target.note or None) or "",
    )


# -- figures of what remains -----------------------------------------------------------------------


def _shown_results(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    hidden: Collection[Group],
    rule: Disclosure,
) -> Iterator[Result]:
    """Yield the results of shown groups, rounded, and the comparisons that touch no hidden one."""
    valued = {
        (result.attribute, result.level)
        for result in evaluation.results
        if result.estimate.value is not None
    }
    # A comparison over all levels would show the value of a hidden one that took part in it.
    tainted = {attribute for attribute, level in hidden if (attribute, level) in valued}
    own = group_metrics(evaluation.results)
    for result in evaluation.results:
        group = (result.attribute, result.level)
        if result.metric not in own:
            named = [
                level
                for attribute, level in groups
                if attribute == result.attribute and _names(result.level, level)
            ]
            if any((result.attribute, level) in hidden for level in named):
                continue
            if len(named) < 2 and result.attribute in tainted:
                continue
            shown = _rounded(result.estimate, rule, evaluation, whole=False)
            if result.level == ALL_LEVELS:
                shown = replace(shown, value=_p_rounded_up(result.estimate.value, rule))
            yield replace(result, estimate=shown)
        elif group not in hidden:
            whole = group == OVERALL
            kept = _without_few(result.metric, result.estimate, rule.minimum_cell)
            shown = _rounded(kept, rule, evaluation, whole=whole)
            if result.metric.endswith(STANDARDIZED) and rule.count_step > 1:
                told = re.sub(r" \(\d+\)|, \d+ effective patients", "", shown.method)
                shown = replace(shown, method=told, undefined=without_counts(shown.undefined))
            yield replace(result, estimate=shown)


def _p_rounded_up(p: float | None, rule: Disclosure) -> float | None:
    """Round a p-value away from 0, so that rounding calls no gap that the test did not."""
    return outward(p, max(rule.maximum_digits, 3), math.ceil)


def _names(comparison: str, level: str) -> bool:
    """Tell whether a comparison such as "A - B" names ``level``."""
    return (
        comparison == level
        or comparison.startswith(level + VERSUS)
        or comparison.endswith(VERSUS + level)
    )


_AT_SPECIFICITY = re.compile(r"sensitivity_at_specificity_(?P<low>.+)")
_AT_SENSITIVITY = re.compile(r"specificity_at_sensitivity_(?P<low>.+)")
_PARTIAL = re.compile(r"partial_auroc_(?P<low>.+)_(?P<high>.+)")


def _without_few(metric: str, estimate: Estimate, minimum: int) -> Estimate:
    """Treat a figure read off a part of the ROC curve by what the curve itself is held to."""
    found = (
        _AT_SPECIFICITY.fullmatch(metric)
        or _AT_SENSITIVITY.fullmatch(metric)
        or _PARTIAL.fullmatch(metric)
    )
    if found is None or estimate.value is None or minimum == 1:
        return estimate
    positive, negative = estimate.n_positive, estimate.n_cases - estimate.n_positive
    swapped = found.re is _AT_SENSITIVITY
    across, up = (positive, negative) if swapped else (negative, positive)
    part = (
        float(found["high"]) - float(found["low"])
        if found.re is _PARTIAL
        else min(float(found["low"]), 1.0 - float(found["low"]))
    )
    if part * across < minimum - 1e-9:
        return replace(estimate, value=None, low=None, high=None, undefined=INSUFFICIENT)
    if found.re is _PARTIAL:
        return estimate
    value, low, high = few_rounded((estimate.value, estimate.low, estimate.high), up, minimum)
    return replace(estimate, value=value, low=low, high=high)


def _rounded(
    estimate: Estimate, rule: Disclosure, evaluation: Evaluation, *, whole: bool
) -> Estimate:
    step = 1 if whole else rule.count_step
    if estimate.value is not None and not math.isfinite(estimate.value):
        estimate = replace(estimate, value=None, low=None, high=None, undefined="not finite")
    digits = decimals(
        estimate.low,
        estimate.high,
        estimate.n_cases,
        confidence=evaluation.confidence,
        most=rule.maximum_digits,
    )
    return replace(
        estimate,
        value=None if estimate.value is None else plain(round(estimate.value, digits)),
        low=outward(estimate.low, digits, math.floor),
        high=outward(estimate.high, digits, math.ceil),
        n_cases=nearest(estimate.n_cases, step),
        n_patients=nearest(estimate.n_patients, step),
        n_positive=nearest(estimate.n_positive, step),
        method=estimate.method if whole else without_prevalence(estimate.method),
        undefined=estimate.undefined if whole else without_counts(estimate.undefined),
    )


def _shown_curves(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    hidden: Collection[Group],
    rule: Disclosure,
) -> Iterator[Curve]:
    """Yield the curves of shown groups, coarsened; a curve with no point left is dropped."""
    everyone = Counts(evaluation.n_cases, evaluation.n_patients, evaluation.n_positive)
    for curve in evaluation.curves:
        group = (curve.attribute, curve.level)
        if group in hidden or (group != OVERALL and group not in groups):
            continue
        counts = everyone if group == OVERALL else groups[group]
        if curve.name == "roc":
            points = on_grid(curve.points, counts, rule)
        elif curve.name == "reliability":
            points = large_bins(curve.points, rule)
        else:
            continue
        if points:
            shown = tuple(rounded_point(point, counts, rule, evaluation) for point in points)
            yield replace(curve, points=shown)


# -- reading a stored release ----------------------------------------------------------------------


@lru_cache(maxsize=1024)  # pages read every release of a board, and none ever changes
def _read(text: str) -> Release:
    try:
        return _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise DisclosureError(
            f"a stored release cannot be read ({problem}); expected the JSON document of "
            f"schema {SCHEMA} that `sequestra release` writes: publish it again"
        ) from problem


def _parse(document: dict[str, Any]) -> Release:
    """Build a release from its JSON document; the only place that knows the keys."""
    found = document.pop("schema")
    if found != SCHEMA:
        raise ValueError(f"its schema is {found!r}")
    results = tuple(
        Result(**(entry | {"estimate": Estimate(**entry["estimate"])}))
        for entry in document.pop("results")
    )
    curves = tuple(
        Curve(**(entry | {"points": tuple(CurvePoint(**point) for point in entry["points"])}))
        for entry in document.pop("curves")
    )
    target = document.pop("target", None)
    if target is not None:
        levels = tuple(TargetLevel(**row) for row in target.pop("levels"))
        target = TargetComparison(levels=levels, **target)
    declared = document.pop("declared_gaps", ())
    return Release(
        target=target,
        declared_gaps=tuple((figure, attribute) for figure, attribute in declared),
        received=datetime.fromisoformat(document.pop("received")),
        results=results,
        curves=curves,
        withheld=tuple(Withheld(**entry) for entry in document.pop("withheld")),
        rule=Disclosure(**document.pop("rule")),
        **document,
    )
