"""Predictions made to read labels off a release: what they set apart is not shown.

An image that gives one case another score than all the rest learns that case's label from any
released figure. Whether it does can be seen in the predictions alone, so nothing is learned from
being refused. The rule, for everyone and for every declared group:

- by score: where most cases share one score, those that do not must be as many as the minimum cell,
  or none;
- by threshold: the cases on either side must be half the minimum cell, or none.

Levels under the minimum cell, which disclosure control withholds, are judged together as what the
shown levels leave over. Where the rule is broken in one level, the whole attribute goes, since the
other levels and the total would give the missing one back.

Known limit: two submissions whose predictions differ in one case still differ by that case. Quotas
and held results slow this down; they do not end it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluator.disclosure import JOINT
from evaluator.results import OVERALL, Evaluation

_AT_EVERY_THRESHOLD = (
    "auroc",
    "partial_auroc",
    "average_precision",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "bpsn_auroc",
    "bnsp_auroc",
    "brier",
    "scaled_brier",
    "log_loss",
    "ece",
    "observed_minus_expected",
    "observed_expected_ratio",
    "calibration_",
    "ici",
    "smooth_ece",
    "corp_",
    "spiegelhalter_p",
)
"""How the names of figures begin that are not read at the declared threshold; others are."""
OVERALL_ATTRIBUTE = OVERALL[0]


@dataclass(frozen=True, slots=True)
class SetApart:
    """Attributes in which predictions set a few cases apart: by score, or by the threshold."""

    by_score: frozenset[str]
    by_threshold: frozenset[str]


def set_apart(
    scores: NDArray[np.float64],
    threshold: float,
    attributes: Mapping[str, NDArray[np.str_]],
    intersections: tuple[tuple[str, ...], ...],
    minimum: int,
) -> SetApart:
    """Find the attributes in which fewer than ``minimum`` cases are set apart.

    ``scores`` is (n,), each array of ``attributes`` (n,). Labels are not looked at.
    """
    groups: dict[str, NDArray[np.str_]] = {
        OVERALL_ATTRIBUTE: np.full(scores.shape, OVERALL[1]),
        **attributes,
    }
    for names in intersections:
        rows = zip(*(attributes[name] for name in names), strict=True)
        groups[JOINT.join(names)] = np.array([JOINT.join(row) for row in rows])
    by_score, by_threshold = set(), set()
    for attribute, levels in groups.items():
        for inside in _parts(scores, levels, minimum):
            _, counts = np.unique(inside, return_counts=True)
            most = int(counts.max())
            if 0 < inside.size - most < min(minimum, most):
                by_score.add(attribute)
            n_above = int((inside >= threshold).sum())
            if 0 < min(n_above, inside.size - n_above) < max(2, minimum // 2):
                by_threshold.add(attribute)
    return SetApart(frozenset(by_score), frozenset(by_threshold))


def _parts(
    scores: NDArray[np.float64], levels: NDArray[np.str_], minimum: int
) -> Iterator[NDArray[np.float64]]:
    """The scores of each level that reaches the minimum, and of all the others together."""
    names, places, counts = np.unique(levels, return_inverse=True, return_counts=True)
    small = (counts < minimum)[places]
    for place in np.flatnonzero(counts >= minimum):
        yield scores[places == place]
    if small.any() and names.size > 1:
        yield scores[small]


def depends_on_threshold(metric: str) -> bool:
    """Whether a figure, or the figure that a gap compares, is read at the declared threshold."""
    return not metric.startswith(_AT_EVERY_THRESHOLD)


def without(evaluation: Evaluation, found: SetApart) -> Evaluation:
    """Leave out the figures that ``found`` forbids: all of them where it is everyone's scores."""
    if OVERALL_ATTRIBUTE in found.by_score:
        return replace(evaluation, results=(), curves=())
    everywhere = OVERALL_ATTRIBUTE in found.by_threshold
    return replace(
        evaluation,
        results=tuple(
            result
            for result in evaluation.results
            if result.attribute not in found.by_score
            and (
                not depends_on_threshold(result.metric)
                or not (everywhere or result.attribute in found.by_threshold)
            )
        ),
        curves=tuple(curve for curve in evaluation.curves if curve.attribute not in found.by_score),
    )
