"""Areas of free-response studies: AFROC and wAFROC, with how far each case moves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics.arrays import Bools, Floats
from metrics.estimate import UndefinedMetric
from metrics.marks.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """An area and its influence (cases,): how far each case moves it."""

    value: float
    influence: Floats


def afroc(study: Study) -> Area:
    """Chance that a lesion outranks the highest false mark of a normal case.

    Every lesion counts alike. No mark is minus infinity; ties count one half. Influences are the
    structural components of both sides. Undefined without lesions or without normal cases.
    Source: Chakraborty & Winter 1990; DeLong 1988 for the components.
    """
    return _area(study, _alike(study), _normal(study))


def wafroc(study: Study) -> Area:
    """As ``afroc``, with every case that has lesions counted alike: weights within it add to 1.

    Source: Chakraborty & Zhai 2016.
    """
    return _area(study, _weighted(study), _normal(study))


def afroc1(study: Study) -> Area:
    """As ``afroc``, against the false marks of all cases; for studies without normal cases.

    Undefined without lesions. Source: Chakraborty 2017.
    """
    return _area(study, _alike(study), np.ones(study.n_cases, dtype=np.bool_))


def wafroc1(study: Study) -> Area:
    """As ``wafroc``, against the false marks of all cases; for studies without normal cases.

    Undefined without lesions. Source: Chakraborty 2017.
    """
    return _area(study, _weighted(study), np.ones(study.n_cases, dtype=np.bool_))


def _alike(study: Study) -> Floats:
    """Share of each lesion in the whole, (lesions,)."""
    return np.full(study.lesions.size, 1.0 / max(1, study.lesions.size))


def _weighted(study: Study) -> Floats:
    diseased = int(np.count_nonzero(~study.normal))
    return study.weights / max(1, diseased)


def _normal(study: Study) -> Bools:
    normal = study.normal
    if not normal.any():
        raise UndefinedMetric("needs a case without a lesion; every case has one")
    return normal


def _area(study: Study, share: Floats, against: Bools) -> Area:
    """Area of the lesions, each with its ``share``, against the false marks of some cases."""
    if not study.lesions.size:
        raise UndefinedMetric("needs a lesion; the cases have none")
    false = study.highest_false[against]
    ranked = np.sort(false)
    below = np.searchsorted(ranked, study.lesions, side="left")
    up_to = np.searchsorted(ranked, study.lesions, side="right")
    beaten = (below + up_to) / (2.0 * false.size)
    value = float(share @ beaten)
    each = share * (beaten - value)
    moved: Floats = np.bincount(study.lesion_case, each, study.n_cases).astype(np.float64)
    moved[against] += (_beating(study.lesions, share, false) - value) / false.size
    return Area(min(1.0, value), moved)


def _beating(lesions: Floats, share: Floats, false: Floats) -> Floats:
    """Share of the lesions that outrank each of ``false`` (cases,), ties one half."""
    order = np.argsort(lesions, kind="stable")
    ranked = lesions[order]
    cumulative = np.append(0.0, np.cumsum(share[order]))
    above = cumulative[-1] - cumulative[np.searchsorted(ranked, false, side="right")]
    at_least = cumulative[-1] - cumulative[np.searchsorted(ranked, false, side="left")]
    return np.asarray((above + at_least) / 2.0)
