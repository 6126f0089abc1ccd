"""Passes an evaluation and its parts through disclosure control, and through the check of probing.

Each part has class counts of its own, and is controlled as a release of its own.

Where a part shows no figure of a group, the whole shows none either: a mean over the parts, less
the parts that are shown, would give it back. Where the counts of parts are tied to one another, as
the cases of all classes add up, a group that one part withholds is withheld in all of them, each of
which then protects it; where one part shows nothing of everyone, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from evaluator.attacker.nesting import nesting
from evaluator.disclosure.control import WITHHELD, Release, ReleasedPart, release
from evaluator.disclosure.earlier import Earlier, Shared
from evaluator.disclosure.protection import NOTHING, Also
from evaluator.disclosure.rule import Disclosure
from evaluator.probing.set_apart import SetApart, without
from evaluator.scoring.results import Evaluation
from evaluator.tasks.judged import KINDS
from evaluator.tasks.kinds import Judged, Part, one_score_apart
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
    apart = kind.apart(given, by)
    if not full.parts:
        whole = _released(full, given, apart, rules, rules.earlier, NOTHING)
        return replace(whole, task=by.task.kind) if by.task.has_regions else whole
    cases = kind.parts(given, by)
    open_data = rules.disclosure.minimum_cell == 1
    also = NOTHING if open_data else kind.between(given, by)
    while True:
        parts = {
            part.name: _part(part.name, part.evaluation, cases[part.name], by, rules, also)
            for part in full.parts
        }
        hidden = _hidden(parts.values(), also)
        # The whole counts all cases, so that it may tell of how many are in a group.
        of_whole = hidden if kind.tied else Also(insufficient=hidden.withheld | hidden.insufficient)
        if open_data:
            of_whole = NOTHING
        whole = _released(full, given, apart, rules, rules.earlier, of_whole)
        if open_data or not kind.tied:
            break
        hidden = _hidden([whole], hidden)
        if hidden == also:
            break
        also = hidden
    shown = tuple(_as_part(name, full_of, parts[name]) for name, full_of in _named(full))
    return replace(whole, task=by.task.kind, parts=shown)


def _named(full: Evaluation) -> list[tuple[str, Evaluation]]:
    return [(part.name, part.evaluation) for part in full.parts]


def _hidden(releases: Iterable[Release], before: Also) -> Also:
    """The groups that any of the releases withholds, and those that were withheld before."""
    withheld, insufficient = set(before.withheld), set(before.insufficient)
    for each in releases:
        for held in each.withheld:
            group = held.attribute, held.level
            (withheld if held.reason == WITHHELD else insufficient).add(group)
    return Also(frozenset(withheld), frozenset(insufficient - withheld))


def _released(
    full: Evaluation,
    given: ScoredCases,
    apart: SetApart,
    rules: Rules,
    earlier: Sequence[Earlier],
    also: Also,
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
        also=also,
    )


def _part(name: str, full: Evaluation, part: Part, by: Judged, rules: Rules, also: Also) -> Release:
    threshold = by.threshold if part.threshold is None else part.threshold
    apart = one_score_apart(part.cases, threshold, by)
    earlier = _of_part(rules.earlier, name, part.cases)
    return _released(full, part.cases, apart, rules, earlier, also)


def _as_part(name: str, full: Evaluation, found: Release) -> ReleasedPart:
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


def _of_part(earlier: Sequence[Earlier], part: str, cases: ScoredCases) -> tuple[Earlier, ...]:
    """The same part of the earlier releases that have it, with the shared cases by its label."""
    return tuple(
        Earlier(each.release.of_part(part), _by_label(each.shared, cases))
        for each in earlier
        if any(known.name == part for known in each.release.parts)
    )


def _by_label(shared: Shared | None, cases: ScoredCases) -> Shared | None:
    """Shared cases that are cases of the part, by its label; None where the cohort is the same."""
    if shared is None:
        return None
    labels = [
        bool(label)
        for case, label in zip(cases.cases, cases.labels, strict=True)
        if case.case_id in shared.case_ids
    ]
    positive = sum(labels)
    return replace(shared, n_positive=positive, n_negative=len(labels) - positive)
