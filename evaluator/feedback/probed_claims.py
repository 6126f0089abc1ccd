"""Whether predictions set a few cases apart so that the verdict on a claim would read their labels.

The rule is that of ``evaluator/probing/set_apart.py``, for the groups and thresholds of the
claims. It looks at predictions alone: no label decides it.
"""

from __future__ import annotations

from evaluator.claims.declaration import JOINT
from evaluator.claims.judging import Cases, crowded, thresholds
from evaluator.claims.sealed_study import SealedStudy
from evaluator.probing.set_apart import OVERALL_ATTRIBUTE, set_apart


def sets_apart(sealed: SealedStudy, cases: Cases, submitted: float, minimum: int) -> bool:
    """Whether fewer than ``minimum`` cases are set apart in a group that a claim is about.

    Or lie between two thresholds of the study, the submission's own among them.
    """
    crossed = [tuple(part.attribute.split(JOINT)) for part in sealed.parts if part.attribute]
    single = sorted({name for names in crossed for name in names})
    groups = {name: cases.attributes[name] for name in single}
    intersections = tuple(dict.fromkeys(names for names in crossed if len(names) > 1))
    at = thresholds(sealed, submitted)
    for threshold in at:
        suspects = set_apart(cases.scores, threshold, groups, intersections, minimum)
        for part in sealed.parts:
            concerned = {OVERALL_ATTRIBUTE, part.attribute or OVERALL_ATTRIBUTE}
            if concerned & suspects.by_score:
                return True
            read_here = (submitted if part.threshold is None else part.threshold) == threshold
            if part.figure != "auroc" and read_here and concerned & suspects.by_threshold:
                return True
    return crowded(cases.scores, at, minimum)
