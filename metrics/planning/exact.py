"""Power of a claim as a sum over outcomes, where its bounds are of counts that do not share cases.

Arrays of counts run over sizes of the cohort, so that the saw-tooth of every size is seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.claims.claim import Claim, Part
from metrics.planning import paired_shares, proportions
from metrics.planning.joint import Used, nominal
from metrics.planning.truth import (
    EVERYBODY,
    PlannedCohort,
    Shape,
    Truth,
    Truths,
    apportioned,
    group_of,
)

_POSITIVES, _NEGATIVES = 0, 1


def is_exact(claim: Claim, shape: Shape | PlannedCohort) -> bool:
    """Whether the power of the claim alone is a sum over outcomes.

    Rates of cases that are patients of their own; no two parts about the same cases.
    """
    if shape.images > 1.0 or any(part.figure == "auroc" for part in claim.parts):
        return False
    if shape.sampled and len(_groups(shape)) > 1 and any(map(_of_a_group, claim.parts)):
        return False
    sides = [(_side(part), *group_of(part)) for part in claim.parts]
    return len(set(sides)) == len(sides) and all(
        _apart(one, other) for k, one in enumerate(claim.parts) for other in claim.parts[:k]
    )


def of_cohort(
    claim: Claim, truths: Truths, cohort: PlannedCohort, level: float, used: Used
) -> float:
    """Chance that every part reaches its goal at ``level``, or the level used in its place."""
    if cohort.sampled:
        positives, negatives = cohort.counts
        cases = positives + negatives
        share = positives / max(cases, 1)
        return float(_left_to_chance(claim, truths, np.array([cases]), share, level, used)[0])
    power = 1.0
    for place, part in enumerate(claim.parts):
        n = cohort.of(group_of(part))[_side(part)]
        at = used(part, level)
        power *= float(part_power(part, truths[claim.name, place], np.array([n]), at)[0])
    return power


def of_sizes(claim: Claim, truths: Truths, shape: Shape, sizes: Ints, level: float) -> Floats:
    """The same for cohorts of ``shape`` with ``sizes`` (sizes,) positives."""
    if shape.sampled:
        cases = sizes + np.rint(sizes * shape.ratio).astype(np.int64)
        share = 1.0 / (1.0 + shape.ratio)
        return _left_to_chance(claim, truths, cases, share, level, nominal)
    power = np.ones(sizes.size)
    for place, part in enumerate(claim.parts):
        n = _counts(part, shape, sizes)
        # a size that occurs again is not summed again
        once, which = np.unique(n, return_inverse=True)
        power *= part_power(part, truths[claim.name, place], once, level)[which]
    return power


def part_power(part: Part, truth: Truth, n: Ints, level: float) -> Floats:
    """Chance that the bound of a rate of ``n`` (sizes,) cases of its class reaches its goal."""
    truth.refuse_impossible(part)
    if part.comparator is None:
        return proportions.power(n, part.goal, truth.value, level, upper=part.upper)
    return paired_shares.power(n, part.goal, *truth.apart, level)


def _left_to_chance(
    claim: Claim, truths: Truths, cases: Ints, share: float, level: float, used: Used
) -> Floats:
    """Power of each number of ``cases`` (sizes,); a ``share`` of them is positive by chance."""
    most, least = (int(each) for each in (cases.max(), cases.min()))
    ends = [_ends(least, most, share), _ends(least, most, 1.0 - share)]
    power = [np.ones(high + 1) for _, high in ends]
    for place, part in enumerate(claim.parts):
        side = _side(part)
        counts = np.arange(ends[side][0], ends[side][1] + 1)
        at = used(part, level)
        power[side][counts] *= part_power(part, truths[claim.name, place], counts, at)
    return np.array(
        [
            proportions.left_to_chance(
                int(n), share, lambda m: power[_POSITIVES][m], lambda m: power[_NEGATIVES][m]
            )
            for n in cases
        ]
    )


def _ends(least: int, most: int, share: float) -> tuple[int, int]:
    """The counts that occur among ``least`` to ``most`` cases, but for a negligible chance."""
    from scipy.stats import binom  # scipy is costly to import

    low = int(binom.ppf(proportions.NEGLIGIBLE, least, share)) if least else 0
    high = int(binom.ppf(1.0 - proportions.NEGLIGIBLE, most, share)) if most else 0
    return max(0, low - 1), min(most, high + 1)


def _counts(part: Part, shape: Shape, sizes: Ints) -> Ints:
    side = _side(part)
    whole = sizes if side == _POSITIVES else np.rint(sizes * shape.ratio).astype(np.int64)
    if not _of_a_group(part):
        return np.asarray(whole)
    shares = (shape.positives, shape.negatives)[side]
    inside = [group_of(part) in groups for groups in shape.groups]
    return np.array(
        [
            sum(
                n
                for n, is_inside in zip(apportioned(int(each), shares), inside, strict=True)
                if is_inside
            )
            for each in whole
        ]
    )


def _side(part: Part) -> int:
    return _POSITIVES if part.figure == "sensitivity" else _NEGATIVES


def _of_a_group(part: Part) -> bool:
    return group_of(part) != EVERYBODY


def _apart(one: Part, other: Part) -> bool:
    """Whether no case is in both parts: other classes, or levels of one attribute."""
    return _side(one) != _side(other) or (
        one.attribute == other.attribute and one.level != other.level
    )


def _groups(shape: Shape | PlannedCohort) -> Sequence[object]:
    return shape.groups if isinstance(shape, Shape) else shape.strata
