"""Finds submissions whose predictions differ in few cases, so that a difference would read labels.

The rule of ``evaluator/probing/set_apart.py``, between two submissions: what one case adds to
their difference must be hidden by what the others add. The squared differences of the cases' ranks
must add up to half the minimum cell times the largest, or in a group of n cases to n / 32 times
where that is less, but always to one and a half times; or all be 0. Figures that weigh a case by
its probability follow the same rule for probabilities and log odds, and figures at the threshold
ask that half the minimum cell of cases, or none, are called otherwise. Grades, findings, classes,
masks and marks follow the same rule by what their own figures weigh (``evaluator/tasks``); of masks
and marks what each case adds to the figure is weighed too, since regions may miss on purpose and
then differ without weighing anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evaluator.probing.set_apart import depends_on_threshold
from evaluator.tasks.weighed import Weighed
from metrics.arrays import logit
from metrics.edges import called
from metrics.figure_name import FigureName

_OF_RANKS = ("auroc", "average_precision", "partial_auroc", "bpsn_auroc", "bnsp_auroc")
"""Bases of figures that depend on the order of the cases alone."""

Scales = NDArray[np.float64]
"""(scales, cases): what a figure weighs each case by."""


def scales(scores: NDArray[np.float64], figure: FigureName) -> Scales:
    """What ``figure`` weighs the cases (n,) by: ranks, and where it needs them probabilities."""
    scales_of = [rankdata(scores)]
    at_threshold = depends_on_threshold(figure)
    if not at_threshold and not figure.base.startswith((*_OF_RANKS, "sensitivity", "specificity")):
        scales_of += [scores, logit(scores)]
    return np.stack(scales_of)


def few_differ(first: Weighed, second: Weighed, minimum: int) -> bool:
    """Whether the difference of two submissions rests on few cases."""
    squares = (first.numbers - second.numbers) ** 2
    least = max(1.5, min(minimum / 2, squares.shape[-1] / 32))
    largest = squares.max(axis=-1)
    otherwise = (first.patterns != second.patterns).sum(axis=-1)
    return bool(
        ((largest > 0) & (squares.sum(axis=-1) < least * largest)).any()
        or ((otherwise > 0) & (otherwise < _fewest(minimum))).any()
    )


def few_called_otherwise(
    first: tuple[NDArray[np.float64], float],
    second: tuple[NDArray[np.float64], float],
    minimum: int,
) -> bool:
    """Whether few cases lie on other sides of the two thresholds; each is (scores, threshold)."""
    otherwise = int((called(*first) != called(*second)).sum())
    return 0 < otherwise < _fewest(minimum)


def _fewest(minimum: int) -> int:
    """Cases that must be called or drawn otherwise, where any are."""
    return max(2, minimum // 2)
