"""Withholds figures where predictions set single cases apart to read their labels.

An image that gives one case another score than all the rest learns that case's label from any
released figure. Whether it does can be seen in the predictions alone, so nothing is learned from
being refused. The rule, for everyone and for every declared group:

- by score: a score is shared that as many cases have as the minimum cell, or else the one that most
  have. Where most cases have a shared score, those that have none must be as many as the minimum
  cell, or none;
- by threshold: the cases on either side must be half the minimum cell, or none;
- by distance: figures that weigh a case by its probability, its grade or its log odds (the Brier
  score, the log loss, calibration, agreement of grades) are means in which one case far from all
  others stands out, however different the others' scores are. The squared distances from the
  median, of all cases and of those on either side of the threshold, must add up to half the minimum
  cell times the largest; in a group of n cases to n / 32 times where that is less, but always to
  one and a half times.

Levels under the minimum cell, which disclosure control withholds, are judged together as what the
shown levels leave over. Where the rule is broken in one level, the whole attribute goes, since the
other levels and the total would give the missing one back.

Known limits: a set of cases as large as the rule asks is shown, and who knows the labels of all in
it but one learns that one. Who solves many figures together for a case that stands out a little
learns what is likely. Two submissions whose predictions differ in one case still differ by that
case. Quotas and held results slow this down; they do not end it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluator.disclosure.suppression import JOINT
from evaluator.scoring.results import OVERALL, Evaluation
from metrics.arrays import logit
from metrics.edges import called
from metrics.figure_name import FigureName

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
    "rms_calibration_error",
    "ici",
    "e50",
    "e90",
    "emax",
    "smooth_ece",
    "corp_",
    "spiegelhalter_p",
    "mean_dice",
    "mean_iou",
    "mean_nsd",
    "mean_hd",
    "mean_assd",
    "mean_masd",
    "mean_volume_difference",
    "wafroc",
    "afroc",
    "froc_score",
    "case_auroc",
    "lesion_sensitivity",
    "false_marks_per_image",
    "sensitivity_at_false_marks",
    "kendall_tau_b",
    "prediction_probability",
    "quadratic_weighted_kappa",
    "linear_weighted_kappa",
    "mean_absolute_error",
    "mean_difference",
    "limit_of_agreement",
    "macro_auroc",
    "macro_average_precision",
    "hand_till_auroc",
    "findings_with_data",
    "multiclass_log_loss",
    "multiclass_brier",
    "top_label_calibration_error",
)
"""How the bases of figures begin that are not read at the declared threshold; others are."""
_WEIGHED_BY_PROBABILITY = (
    "brier",
    "scaled_brier",
    "ece",
    "rms_calibration_error_debiased",
    "ici",
    "e50",
    "e90",
    "emax",
    "smooth_ece",
    "corp_",
    "spiegelhalter_p",
    "multiclass_brier",
    "top_label_calibration_error",
    "quadratic_weighted_kappa",
    "linear_weighted_kappa",
    "mean_absolute_error",
    "mean_difference",
    "limit_of_agreement",
    "sensitivity_at_false_marks",
    "froc_score",
)
_WEIGHED_BY_LOG_ODDS = (
    "log_loss",
    "multiclass_log_loss",
    "calibration_intercept",
    "calibration_slope",
)
OVERALL_ATTRIBUTE = OVERALL[0]


@dataclass(frozen=True, slots=True)
class SetApart:
    """Attributes in which predictions set a few cases apart, by each part of the rule."""

    by_score: frozenset[str]
    by_threshold: frozenset[str]
    by_probability: frozenset[str]
    by_log_odds: frozenset[str]

    def forbids(self, figure: FigureName, attribute: str) -> bool:
        """Whether a figure of an attribute would read labels off those set apart."""
        kinds = (
            (self.by_threshold, depends_on_threshold(figure)),
            (self.by_probability, figure.base.startswith(_WEIGHED_BY_PROBABILITY)),
            (self.by_log_odds, figure.base.startswith(_WEIGHED_BY_LOG_ODDS)),
        )
        return attribute in self.by_score or any(
            concerned and not is_apart.isdisjoint((OVERALL_ATTRIBUTE, attribute))
            for is_apart, concerned in kinds
        )


def set_apart(
    scores: NDArray[np.float64],
    threshold: float,
    attributes: Mapping[str, NDArray[np.str_]],
    intersections: tuple[tuple[str, ...], ...],
    minimum: int,
    *,
    probabilities: bool = True,
    many: float = math.inf,
) -> SetApart:
    """Find the attributes in which fewer than ``minimum`` cases are set apart.

    ``scores`` is (n,), each array of ``attributes`` (n,). Labels are not looked at. Scores that are
    no ``probabilities``, such as grades, have no log odds. Where ``many`` scores or more are
    shared, the figures asked about have too many unknown sums for one case to follow.
    """
    groups: dict[str, NDArray[np.str_]] = {
        OVERALL_ATTRIBUTE: np.full(scores.shape, OVERALL[1]),
        **attributes,
    }
    for names in intersections:
        rows = zip(*(attributes[name] for name in names), strict=True)
        groups[JOINT.join(names)] = np.array([JOINT.join(row) for row in rows])
    by_score, by_threshold, by_probability, by_log_odds = set(), set(), set(), set()
    for attribute, levels in groups.items():
        for inside in _parts(scores, levels, minimum):
            _, counts = np.unique(inside, return_counts=True)
            shared = max(int(counts.max()), int(counts[counts >= minimum].sum()))
            few_sums = int((counts >= minimum).sum()) < many
            if few_sums and 0 < inside.size - shared < min(minimum, shared):
                by_score.add(attribute)
            above = called(inside, threshold)
            n_above = int(above.sum())
            if 0 < min(n_above, inside.size - n_above) < max(2, minimum // 2):
                by_threshold.add(attribute)
            if _one_outweighs(inside, above, minimum):
                by_probability.add(attribute)
            if probabilities and _one_outweighs(logit(inside), above, minimum):
                by_log_odds.add(attribute)
    return SetApart(*map(frozenset, (by_score, by_threshold, by_probability, by_log_odds)))


def _one_outweighs(values: NDArray[np.float64], above: NDArray[np.bool_], minimum: int) -> bool:
    """Whether one case's label would show in a mean weighted by ``values`` despite all others'.

    Figures at the threshold tell how many positives lie on either side, so that what hides a label
    is the spread on each side and not between them.
    """
    least = max(1.5, min(minimum / 2, values.size / 32))
    sides = np.zeros_like(values)
    for side in (above, ~above):
        if side.any():
            sides[side] = np.median(values[side])
    for middle in (np.median(values), sides):
        squares = (values - middle) ** 2
        if squares.sum() < least * squares.max():
            return True
    return False


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


def depends_on_threshold(figure: FigureName) -> bool:
    """Whether a figure, or the figure that a gap compares, is read at the declared threshold."""
    return not figure.base.startswith(_AT_EVERY_THRESHOLD)


def without(evaluation: Evaluation, apart: SetApart) -> Evaluation:
    """Leave out the figures that ``apart`` forbids: all of them where it is everyone's scores."""
    if OVERALL_ATTRIBUTE in apart.by_score:
        return replace(evaluation, results=(), curves=())
    return replace(
        evaluation,
        results=tuple(
            result
            for result in evaluation.results
            if not apart.forbids(result.figure, result.attribute)
        ),
        curves=tuple(curve for curve in evaluation.curves if curve.attribute not in apart.by_score),
    )
