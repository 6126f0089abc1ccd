"""How the looks of a team share the level of its study."""

from __future__ import annotations

import math

EQUAL = "equal"
DECREASING = "decreasing"
SPENDINGS = (EQUAL, DECREASING)


def level_of_look(look: int, looks: int, alpha: float, spending: str) -> float:
    """One-sided level of look ``look`` (from 1) of ``looks``, for all claims together.

    Formula: alpha / looks each ("equal"), or 6 alpha / (pi i)^2 for look i ("decreasing"), which
    adds up to alpha over endless looks. The levels add up to at most ``alpha`` (Bonferroni), so
    that a team whose looks are told 'met' or 'not shown' alone errs with at most that chance.
    ValueError for a look outside 1..looks or another spending.
    """
    if not 1 <= look <= looks:
        raise ValueError(f"look {look} is asked of {looks}; looks are numbered from 1 to {looks}")
    if spending == EQUAL:
        return alpha / looks
    if spending == DECREASING:
        return 6.0 * alpha / (math.pi * look) ** 2
    raise ValueError(f"spending is {spending!r}; give one of {', '.join(SPENDINGS)}")
