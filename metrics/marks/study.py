"""All marks of the cases of a group in one place, and the FROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric
from metrics.marks.matching import MatchedCase

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Lesions and false marks of the cases 0..n_cases-1.

    ``lesions``, ``weights`` and ``lesion_case`` (lesions,): score of the highest mark (-inf for
    none), weight within the case, and the case; ``false`` and ``false_case`` (false marks,).
    """

    n_cases: int
    lesions: Floats
    weights: Floats
    lesion_case: Ints
    false: Floats
    false_case: Ints

    @classmethod
    def of(cls, cases: Sequence[MatchedCase]) -> Study:
        """Put the cases together, in their order."""
        none = [np.empty(0)]
        number = np.arange(len(cases))
        return cls(
            len(cases),
            np.concatenate([case.lesions for case in cases] or none),
            np.concatenate([case.weights for case in cases] or none),
            np.repeat(number, [case.lesions.size for case in cases]),
            np.concatenate([case.false for case in cases] or none),
            np.repeat(number, [case.false.size for case in cases]),
        )

    @property
    def lesions_of_case(self) -> Floats:
        """Number of lesions of each case, (cases,)."""
        return np.bincount(self.lesion_case, minlength=self.n_cases).astype(np.float64)

    @property
    def normal(self) -> Bools:
        """Whether each case has no lesion, (cases,)."""
        return np.asarray(self.lesions_of_case == 0)

    def hits(self, threshold: float) -> Floats:
        """Lesions of each case with a mark at or above the threshold, (cases,)."""
        hit = (self.lesions >= threshold) & (self.lesions > -np.inf)
        return np.bincount(self.lesion_case, hit, self.n_cases).astype(np.float64)

    def false_marks(self, threshold: float = -np.inf) -> Floats:
        """False marks of each case at or above the threshold, (cases,)."""
        cases = self.false_case[self.false >= threshold]
        return np.bincount(cases, minlength=self.n_cases).astype(np.float64)

    @property
    def highest_false(self) -> Floats:
        """Highest false mark of each case, (cases,); -inf for none."""
        return _highest(self.n_cases, self.false_case, self.false)

    @property
    def highest_mark(self) -> Floats:
        """Highest mark of any kind of each case, (cases,); -inf for none."""
        on_lesions = _highest(self.n_cases, self.lesion_case, self.lesions)
        return np.maximum(on_lesions, self.highest_false)


@dataclass(frozen=True, slots=True, eq=False)
class Froc:
    """Points of a FROC curve by falling threshold: the first above every score.

    ``threshold``, ``rate`` (false marks an image) and ``sensitivity`` (points,).
    """

    threshold: Floats
    rate: Floats
    sensitivity: Floats

    def place_at(self, rate: float) -> int:
        """The last point with ``rate`` false marks an image, or fewer."""
        reach = rate * (1.0 + _ROUNDING)
        return int(np.searchsorted(self.rate, reach, side="right")) - 1

    def sensitivity_at(self, rate: float) -> float:
        """Greatest sensitivity at ``rate`` false marks an image, or fewer."""
        return float(self.sensitivity[self.place_at(rate)])


def froc(study: Study) -> Froc:
    """FROC curve: a point at each score that occurs, marks at or above it counted.

    Formula: (false marks / images, lesions found / lesions). Read by steps; beyond the last point
    the last sensitivity holds. Undefined without a lesion. Source: Bunch et al. 1977; Chakraborty
    2017.
    """
    if not study.lesions.size:
        raise UndefinedMetric("a FROC curve needs a lesion; the cases have none")
    marked = study.lesions[study.lesions > -np.inf]
    distinct = np.unique(np.concatenate([marked, study.false]))[::-1]
    hits, false = np.sort(marked), np.sort(study.false)
    n_hits = marked.size - np.searchsorted(hits, distinct, side="left")
    n_false = false.size - np.searchsorted(false, distinct, side="left")
    return Froc(
        np.append(np.inf, distinct),
        np.append(0.0, n_false / study.n_cases),
        np.append(0.0, n_hits / study.lesions.size),
    )


def _highest(n_cases: int, case: Ints, scores: Floats) -> Floats:
    highest = np.full(n_cases, -np.inf)
    np.maximum.at(highest, case, scores)
    return highest
