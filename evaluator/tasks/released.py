"""Passes an evaluation and its parts through disclosure control, and through the check of probing.

Each part has class counts of its own, and is controlled as a release of its own. Where the counts
of parts are tied to one another, as the cases of all classes add up, a level that one part
withholds is withheld in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluator.attacker.nesting import nesting
from evaluator.disclosure.control import Release, ReleasedPart, release
from evaluator.disclosure.earlier import Earlier
from evaluator.disclosure.rule import Disclosure
from evaluator.probing.set_apart import SetApart, without
from evaluator.scoring.results import Evaluation
from evaluator.tasks.judged import KINDS, Judged, Part, one_score_apart
from evaluator.tasks.scored_cases import ScoredCases
from submissions.submission import Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides what is shown of a submission, beside its evaluation and its cases."""

    submission: Submission
    cohort_digest: str
    disclosure: Disclosure
    earlier: Sequence[Earlier]


def released(full: Evaluation, given: ScoredCases, by: Judged, rules: Rules) -> Release:
    """What may be shown of an evaluation and of its parts."""
    kind = KINDS[by.task.kind]
    whole = _released(full, given, kind.apart(given, by), rules, rules.earlier)
    if not full.parts:
        return whole
    cases = kind.parts(given, by)
    parts = tuple(
        _part(part.name, part.evaluation, cases[part.name], by, rules) for part in full.parts
    )
    return replace(whole, task=by.task.kind, parts=parts)


def _released(
    full: Evaluation,
    given: ScoredCases,
    apart: SetApart,
    rules: Rules,
    earlier: Sequence[Earlier],
) -> Release:
    nested = rules.disclosure.nested
    return release(
        without(full, apart),
        submission=rules.submission,
        cohort_digest=rules.cohort_digest,
        rule=rules.disclosure,
        everything=full,
        nesting=nesting(nested, given.labels, given.patients, given.attributes),
        earlier=earlier,
    )


def _part(name: str, full: Evaluation, part: Part, by: Judged, rules: Rules) -> ReleasedPart:
    threshold = by.threshold if part.threshold is None else part.threshold
    apart = one_score_apart(part.cases, threshold, by)
    found = _released(full, part.cases, apart, rules, _of_part(rules.earlier, name))
    return ReleasedPart(
        name=name,
        threshold=full.threshold,
        n_cases=found.n_cases,
        n_patients=found.n_patients,
        n_positive=found.n_positive,
        results=found.results,
        curves=found.curves,
        withheld=found.withheld,
        effective_patients=found.effective_patients,
        declared_gaps=found.declared_gaps,
        target=found.target,
    )


def _of_part(earlier: Sequence[Earlier], part: str) -> tuple[Earlier, ...]:
    """The same part of the earlier releases that have it."""
    return tuple(
        replace(each, release=each.release.of_part(part))
        for each in earlier
        if any(known.name == part for known in each.release.parts)
    )
