"""What the COVID-19 tests nearest to each study say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.study_table.commons import Tests


@dataclass(frozen=True, slots=True)
class Nearest:
    """What a study's nearest tests inside the window say; both where they disagree.

    ``undated``: one of its tests has no day counted from the study. A day counted from the index
    event says nothing of the study. Every array is (studies,).
    """

    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    undated: NDArray[np.bool_]


def nearest(tests: Tests, window: tuple[int, int]) -> Nearest:
    """The nearest tests of each study from the first to the last day of a window."""
    n = len(tests.starts) - 1
    said = tests.positive | tests.negative
    owner = np.repeat(np.arange(n), np.diff(tests.starts))
    undated = _marked(n, owner[said & ~tests.from_study])
    inside = said & tests.from_study & (tests.days >= window[0]) & (tests.days <= window[1])
    owner, days = owner[inside], tests.days[inside].astype(np.int64)
    # Of two equally near days the one before the study counts: it could be known at imaging.
    distance = 2 * np.abs(days) + (days > 0)
    least = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(least, owner, distance)
    near = distance == least[owner]
    return Nearest(
        _marked(n, owner[near & tests.positive[inside]]),
        _marked(n, owner[near & tests.negative[inside]]),
        undated,
    )


def _marked(n: int, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    marks = np.zeros(n, np.bool_)
    marks[places] = True
    return marks
