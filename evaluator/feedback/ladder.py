"""The step of the ladder: a new best only where the data support that it is better.

After Blum & Hardt 2015 (The Ladder). Their step for losses, one standard error of the paired
differences, lets a team gain AUROC by chance in many looks. Here a step is a one-sided paired
DeLong test at ``ALPHA`` over the number of looks that the team has in all, so that the chance of
one step too many in all of them is ``ALPHA`` at most (Bonferroni).
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from metrics.comparison.pairs import paired_delong
from metrics.estimate import UndefinedMetric

ALPHA = 0.05
"""The chance that a team which never improves has a step accepted, over all its looks."""


def is_step(
    y: ArrayLike,
    new: ArrayLike,
    best: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    looks: int,
) -> bool:
    """Whether ``new`` has a higher AUROC than ``best``, tested one-sided at ``ALPHA / looks``.

    ``y`` (n,) labels, ``new`` and ``best`` (n,) scores of the same cases, ``patients`` (n,) ids:
    the test is over patients where they repeat. ``looks`` is how many the team has in all. No step
    where the test is undefined. Raises ValueError for ``looks`` under 1.
    """
    if looks < 1:
        raise ValueError(f"the ladder has {looks} looks; give 1 or more")
    try:
        difference = paired_delong(y, new, best, patients)
    except UndefinedMetric:
        return False
    return difference.value > 0.0 and difference.p_value / 2.0 <= ALPHA / looks
