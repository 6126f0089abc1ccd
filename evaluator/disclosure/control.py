"""Controls what leaves the steward's side of an evaluation; the one door out.

The rule, in the order in which ``release`` applies it:

1. A level with fewer than ``minimum_cell`` cases or patients is withheld: no figure, no count.
2. A level with fewer than ``minimum_cell`` positive or negative cases keeps its number of cases
   and loses everything else.
3. Complementary suppression: what is withheld must not follow from what is shown. A shown total
   minus its shown parts must leave at least two parts that together reach the minimum, and no
   withheld part may be the unique solution of the shown totals, one table at a time or across
   intersections and their margins. Then an attacker with a linear programme gets all counts at
   once, with those that sensitivities and specificities tell and the shares of the target; levels
   that nest by outside knowledge are declared (``nested``). The attacker's interval of a withheld
   count must hold every small one or be as wide as the minimum. The next smallest level is withheld
   until that holds, beside earlier releases of the team too; where nothing helps, nothing is shown.
   Nothing in a release says which of the reasons a level is withheld for.
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
9. A decision curve is shown of all cases alone, at thresholds so far apart that the minimum of
   each class lies between two of them, between one and the submission's own threshold, and beyond
   them; and that the minimum of cases lies between one and each point of the ROC curve and each
   edge of the reliability bins. Its number of calls is rounded as counts are.

``evaluator/figure_kinds.py`` has each figure's kind, risks and checks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from evaluator.attacker.cells import Counts, Group, Nesting
from evaluator.attacker.own_counts import concerned_by
from evaluator.claims.verdict import StudyVerdict
from evaluator.disclosure.earlier import Earlier
from evaluator.disclosure.protection import NOTHING, Also, Protection, protection
from evaluator.disclosure.rounding import INSUFFICIENT, nearest, without_counts
from evaluator.disclosure.rule import Disclosure, DisclosureError, stored
from evaluator.disclosure.shown_figures import shown_curves, shown_results
from evaluator.disclosure.suppression import counted_groups
from evaluator.readers.shown_panel import ShownPanel, read_shown
from evaluator.scoring.results import (
    OVERALL,
    Curve,
    Evaluation,
    Result,
    TargetComparison,
    as_mapping,
    figures_of,
)
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from submissions.submission import Submission

SCHEMA = 1

_LATER = ("verdict", "panels")  # kept where they are, so that former releases read as they were
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedPart:
    """What a reader may see of one part of a task: a finding, a class, a grade cut.

    ``threshold`` is None where a part has no operating point.
    """

    name: str
    threshold: float | None
    n_cases: int
    n_patients: int
    n_positive: int | None
    results: tuple[Result, ...]
    curves: tuple[Curve, ...]
    withheld: tuple[Withheld, ...]
    effective_patients: int | None = None
    declared_gaps: tuple[tuple[str, str], ...] = ()
    target: TargetComparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
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
    verdict: StudyVerdict | None = None
    panels: tuple[ShownPanel, ...] = ()
    task: str = ""
    parts: tuple[ReleasedPart, ...] = ()

    def of_part(self, name: str) -> Release:
        """The release as a binary one of the part ``name``; raise KeyError where it has none."""
        part = {each.name: each for each in self.parts}[name]
        return replace(
            self,
            threshold=self.threshold if part.threshold is None else part.threshold,
            n_cases=part.n_cases,
            n_patients=part.n_patients,
            n_positive=part.n_positive,
            results=part.results,
            curves=part.curves,
            withheld=part.withheld,
            effective_patients=part.effective_patients,
            declared_gaps=part.declared_gaps,
            target=part.target,
            verdict=None,
            panels=(),
            task="",
            parts=(),
        )

    def find(
        self, figure: FigureName | str, attribute: str = OVERALL[0], level: str = OVERALL[1]
    ) -> Estimate | None:
        """Look up one figure, by itself or its written name; None where the release has none."""
        name = FigureName.read(figure) if isinstance(figure, str) else figure
        for result in self.results:
            if result.figure == name and result.group == (attribute, level):
                return result.estimate
        return None

    def to_json(self) -> str:
        """Write canonical JSON: sorted keys, no whitespace, no NaN; the digest is over this."""
        fields = {
            name: each for name, each in as_mapping(self).items() if name not in _LATER or each
        }
        document = fields | {"schema": SCHEMA, "received": self.received.isoformat()}
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_members
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
    evaluation: Evaluation,
    *,
    submission: Submission,
    cohort_digest: str,
    rule: Disclosure,
    everything: Evaluation | None = None,
    nesting: Nesting | None = None,
    earlier: Sequence[Earlier] = (),
    also: Also = NOTHING,
) -> Release:
    """Turn an evaluation into what may be shown of it, by the rule that heads this module.

    ``everything`` is the evaluation with the figures that probing left out: its groups decide, so
    that all submissions of a benchmark withhold the same ones. ``nesting`` tells which levels of
    the rule's nested attributes occur together. ``earlier`` are the team's releases that were
    decided before, of this cohort and of those that share cases. ``also`` is withheld because
    another release of the same cases withholds it.
    """
    groups = counted_groups(evaluation)
    whole = everything or evaluation
    protected = protection(whole, counted_groups(whole), rule, nesting, earlier, also)
    hidden = protected.withheld | protected.insufficient
    n_negative = evaluation.n_cases - evaluation.n_positive
    enough = min(evaluation.n_patients, evaluation.n_positive, n_negative) >= rule.minimum_cell
    enough = enough and not protected.refused
    target = _shown_target(evaluation, hidden, rule, whole=not protected.without_target)
    results = shown_results(evaluation, groups, hidden, rule) if enough else ()
    if target is not None and target.effective_patients is None:
        results = (r for r in results if r.figure.kind is not Kind.STANDARDIZED)
    curves = shown_curves(evaluation, groups, hidden, rule) if enough else ()
    held_back = _held_back(evaluation, groups, protected, rule, enough=enough)
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
        withheld=held_back,
        rule=rule,
        sampling_design=evaluation.sampling_design,
        effective_patients=None if (n := evaluation.effective_patients) is None else round(n),
        declared_gaps=evaluation.declared_gaps,
        target=target if enough else None,
    )


def _held_back(
    evaluation: Evaluation,
    groups: Mapping[Group, Counts],
    protected: Protection,
    rule: Disclosure,
    *,
    enough: bool,
) -> tuple[Withheld, ...]:
    """The groups that are not shown, with the number of cases where that is."""
    withheld = [
        Withheld(*group, WITHHELD, None)
        if group in protected.withheld
        else Withheld(*group, INSUFFICIENT, nearest(counts.n_cases, rule.count_step))
        for group, counts in groups.items()
        if group in protected.withheld or group in protected.insufficient
    ]
    if not enough:
        reason = protected.refused or INSUFFICIENT
        withheld.insert(0, Withheld(*OVERALL, reason, evaluation.n_cases))
    return tuple(withheld)


def _members(record: Any) -> dict[str, object]:
    if isinstance(record, StudyVerdict):
        return record.as_document()
    return stored(record) if isinstance(record, Disclosure) else as_mapping(record)


def _shown_target(
    evaluation: Evaluation, hidden: Collection[Group], rule: Disclosure, *, whole: bool
) -> TargetComparison | None:
    """The comparison with the target, without what would give a small level away (rule 8).

    No share is shown where it is not ``whole``.
    """
    target = evaluation.target
    if target is None:
        return None
    affected = {attribute for attribute, _ in hidden}
    concerned = concerned_by(target.levels, affected, rule.minimum_cell)
    if not whole:
        concerned = {row.attribute for row in target.levels}
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
    schema = document.pop("schema")
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r}")
    rule = document.pop("rule")
    parts = tuple(
        ReleasedPart(
            **figures_of(part), withheld=tuple(Withheld(**e) for e in part.pop("withheld")), **part
        )
        for part in document.pop("parts", ())
    )
    rule |= {"nested": tuple(tuple(pair) for pair in rule["nested"])} if "nested" in rule else {}
    verdict = document.pop("verdict", None)
    return Release(
        **figures_of(document),
        received=datetime.fromisoformat(document.pop("received")),
        withheld=tuple(Withheld(**entry) for entry in document.pop("withheld")),
        rule=Disclosure(**rule),
        panels=read_shown(document.pop("panels", ())),
        verdict=None if verdict is None else StudyVerdict.from_document(verdict),
        parts=parts,
        **document,
    )
