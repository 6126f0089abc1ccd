"""How near a cohort came to a population: Jensen-Shannon distance and deviations by attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import jensenshannon

from cohort_selection.cells import value
from cohort_selection.cohort import Case
from cohort_selection.criteria import NOT_REPORTED
from cohort_selection.targets import Target


@dataclass(frozen=True, slots=True)
class Deviation:
    """Distance of one attribute's shares in a cohort from those it is compared with.

    ``jsd`` is the Jensen-Shannon distance (square root, base 2: 0 to 1), as MIDRC-REACT;
    ``jsd_without_not_reported`` leaves that level out on both sides, None where nothing is left.
    ``maximum`` and ``mean`` are absolute differences of shares over the levels of either side.
    """

    attribute: str
    jsd: float
    jsd_without_not_reported: float | None
    maximum: float
    mean: float
    worst_level: str


def representativeness(
    cases: Sequence[Case], against: Target | Sequence[Case], attributes: Sequence[str]
) -> tuple[Deviation, ...]:
    """Compare cases with a target or with other cases, attribute by attribute.

    A case counts once. Attributes may be joint ("race x sex"); a target must name each of them.
    """
    return tuple(
        deviation(
            attribute,
            shares(cases, attribute),
            against.margins[attribute]
            if isinstance(against, Target)
            else shares(against, attribute),
        )
        for attribute in attributes
    )


def shares(cases: Sequence[Case], attribute: str) -> dict[str, float]:
    """Share of each level of an attribute among cases."""
    counts = Counter(value(case, attribute) for case in cases)
    return {level: n / len(cases) for level, n in sorted(counts.items())}


def deviation(attribute: str, found: Mapping[str, float], wanted: Mapping[str, float]) -> Deviation:
    """Compare two tables of shares or counts over the levels that either of them has."""
    levels = sorted({*found, *wanted})
    reported = [level for level in levels if level != NOT_REPORTED]
    p, q = _normalised(found, levels), _normalised(wanted, levels)
    difference = np.abs(p - q)
    without = None
    if reported and all(sum(side.get(k, 0.0) for k in reported) > 0 for side in (found, wanted)):
        without = distance(_normalised(found, reported), _normalised(wanted, reported))
    return Deviation(
        attribute,
        distance(p, q),
        without,
        float(difference.max()),
        float(difference.mean()),
        levels[int(difference.argmax())],
    )


def distance(p: np.typing.NDArray[np.float64], q: np.typing.NDArray[np.float64]) -> float:
    """Jensen-Shannon distance of two vectors of shares, base 2 (Endres & Schindelin 2003)."""
    return float(jensenshannon(p, q, base=2)) if np.any(p != q) else 0.0


def _normalised(table: Mapping[str, float], levels: Sequence[str]) -> np.typing.NDArray[np.float64]:
    column = np.array([table.get(level, 0.0) for level in levels], dtype=np.float64)
    normalised: np.typing.NDArray[np.float64] = column / column.sum()
    return normalised
