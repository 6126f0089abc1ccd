"""What the answers of a submission weigh, case by case, where two submissions are compared."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from metrics.arrays import Floats, Ints, logit

NO_PATTERN: Ints = np.zeros((0, 0), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Answers of the same cases by numbers (scales, cases) and patterns (patterns, cases).

    Numbers differ by as much as they do, patterns are the same or not.
    """

    numbers: Floats
    patterns: Ints


Weigh = Callable[[Ints], Weighed]
"""Weighs the answers of the cases at some places, among those cases alone."""


def of_columns(
    columns: Sequence[Floats],
    patterns: Sequence[Ints] = (),
    *,
    amounts: bool = False,
    log_odds: bool = False,
) -> Weigh:
    """Answers that a figure takes by their ranks, by their ``amounts`` or by their log odds.

    Each of ``columns`` is one output (cases,), NaN where it does not count; ``patterns`` (cases,).
    """

    def weigh(places: Ints) -> Weighed:
        rows = []
        for column in columns:
            own = column[places]
            known = ~np.isnan(own)
            kept = own[known]
            scales = [rankdata(kept)]
            scales += [kept] if amounts else []
            scales += [logit(kept)] if log_odds else []
            for scale in scales:
                row = np.zeros(own.size)
                row[known] = scale
                rows.append(row)
        same = [pattern[places] for pattern in patterns]
        numbers = np.stack(rows) if rows else np.zeros((0, places.size))
        return Weighed(numbers, np.stack(same) if same else np.zeros((0, places.size), np.int64))

    return weigh


def of_texts(texts: Sequence[str]) -> Weigh:
    """What is drawn in each case, the same or not, whatever the order of its rows."""
    drawn = ["\n".join(sorted(text.split("\n"))).encode() for text in texts]
    pattern = np.array([zlib.crc32(each) << 32 | zlib.adler32(each) for each in drawn])
    return of_columns((), [pattern.view(np.int64)])
