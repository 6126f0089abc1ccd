"""The cases that a part of a claim is about: the one place that selects them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evaluator.claims.comparators import calls_at
from evaluator.claims.declaration import JOINT, Comparator
from metrics.arrays import Bools, Floats
from metrics.claims.claim import CaseData, Part


def in_group(part: Part, attributes: Mapping[str, np.ndarray], n_cases: int) -> Bools:
    """Which cases are in the group of a part; (cases,).

    ``attributes`` has the level of each case (cases,) by attribute; ``n_cases`` is their number.
    """
    if not part.attribute:
        return np.ones(n_cases, dtype=np.bool_)
    rows = zip(*(attributes[name] for name in part.attribute.split(JOINT)), strict=True)
    return np.array([JOINT.join(row) == part.level for row in rows], dtype=np.bool_)


def case_data(
    part: Part,
    labels: Bools,
    scores: Floats,
    patients: np.ndarray | None,
    attributes: Mapping[str, np.ndarray],
    *,
    comparators: Mapping[str, np.ndarray],
    declared: Mapping[str, Comparator],
    threshold: float,
) -> CaseData:
    """The cases of a part's group, as bounds take them.

    Arrays are (cases,), in one order. ``comparators`` has what each sealed comparator said,
    ``declared`` its table; for sensitivity and specificity its calls are taken, for an AUROC its
    scores. ``threshold`` is the one that the submission declares.
    """
    members = in_group(part, attributes, len(labels))
    beside = None
    if part.comparator is not None:
        comparator = np.asarray(comparators[part.comparator], dtype=np.float64)[members]
        of_name = declared[part.comparator]
        beside = (
            comparator
            if part.figure == "auroc"
            else calls_at(comparator, of_name).astype(np.float64)
        )
    return CaseData(
        labels=labels[members],
        scores=scores[members],
        patients=None if patients is None else np.asarray(patients)[members],
        comparator=beside,
        threshold=threshold,
    )
