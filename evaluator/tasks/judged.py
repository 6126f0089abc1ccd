"""Scores predictions by the kind of task; the one table of kinds.

A kind adds its own ``Kind`` to ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cohort_selection.task.declaration import (
    BINARY,
    LOCALISATION,
    MULTICLASS,
    MULTILABEL,
    ORDINAL,
    SCORE,
    SEGMENTATION,
)
from evaluator.scoring.one_thread import one_thread
from evaluator.scoring.results import EvaluatedPart, Evaluation, TargetComparison
from evaluator.tasks import localisation, multiclass, multilabel, ordinal, segmentation
from evaluator.tasks.kinds import Judged, Kind, Part, one_score_apart, scored
from evaluator.tasks.scored_cases import ScoredCases

__all__ = ["KINDS", "Judged", "Kind", "Part", "judge", "one_score_apart"]


def _no_parts(given: ScoredCases, by: Judged) -> Mapping[str, Part]:
    return {}


_ONE_SCORE = Kind(
    top=lambda given, by: scored(given, by.threshold, by),
    parts=_no_parts,
    apart=lambda given, by: one_score_apart(given, by.threshold, by),
)

KINDS: dict[str, Kind] = {
    BINARY: _ONE_SCORE,
    SCORE: _ONE_SCORE,
    MULTILABEL: multilabel.KIND,
    MULTICLASS: multiclass.KIND,
    ORDINAL: ordinal.KIND,
    SEGMENTATION: segmentation.KIND,
    LOCALISATION: localisation.KIND,
}
"""Kind of task -> how it is judged."""


@one_thread
def judge(given: ScoredCases, by: Judged) -> Evaluation:
    """Score predictions against the reference standard: everything, whatever may be released."""
    kind = KINDS[by.task.kind]
    parts = tuple(
        EvaluatedPart(name, scored(part.cases, part.threshold, by, part=True))
        for name, part in kind.parts(given, by).items()
    )
    whole = kind.top(given, by)
    if whole.target is None:
        whole = replace(whole, target=_compared(given, by))
    return replace(whole, plan_digest=by.plan_digest, parts=parts)


def _compared(given: ScoredCases, by: Judged) -> TargetComparison | None:
    """How near the cohort came to its target, where no figure of the whole is weighted to it."""
    found = by.weights(given)
    if found is None:
        return None
    note = found.comparison.note or "the figures of this kind of task are not weighted"
    return replace(found.comparison, effective_patients=None, least_solved=None, note=note)
