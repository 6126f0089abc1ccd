"""The cases that a claim, or a whole study, needs for a wanted power."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.claims.claim import Claim, Study
from metrics.planning import exact
from metrics.planning.joint import Power, first_level, study_power
from metrics.planning.saw_tooth import MOST, first_always
from metrics.planning.truth import EVERYBODY, Shape, Truths, group_of

POWERS = (0.8, 0.9)
_START = 8
_BRACKET_RUNS = 400
_SIZES = np.array([0.72, 0.8, 0.9, 1.0, 1.12, 1.26, 1.42])
"""Sizes about the one sought, at which the power is simulated."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Cases to plan for.

    ``positives`` and ``negatives`` to score, in the whole cohort; ``error`` two standard errors of
    the positives, 0 where they are exact: then every larger number up to ``looked_to`` has the
    power too. ``power`` is that at this size.
    """

    positives: int
    negatives: int
    power: float
    error: float = 0.0
    looked_to: int = 0


Simulated = Callable[[int, int], Power]
"""Power of a number of positives, from a number of runs."""


def for_claim(
    study: Study,
    claim: Claim,
    truths: Truths,
    shape: Shape,
    *,
    powers: Sequence[float] = POWERS,
    runs: int = 3000,
    seed: int = 1,
    least_looked: int = 0,
) -> dict[float, Size | None]:
    """The size at which the claim holds at its first level with each of ``powers``.

    None where no number of positives up to 100,000 has the power.
    """
    if not _has_cases(claim, shape):
        return dict.fromkeys(powers)
    level = first_level(study, claim.name)
    if exact.is_exact(claim, shape):
        return _exact(
            lambda n: exact.of_sizes(claim, truths, shape, n, level), shape, powers, least_looked
        )
    alone = replace(study, claims=(replace(claim, after=()),), alpha=level, looks=1)

    def power(positives: int, runs: int) -> Power:
        simulation = study_power(
            alone, truths, shape.cohort(positives), runs=runs, seed=_own(seed, positives)
        )
        return simulation.together

    return _simulated(power, shape, powers, runs)


def for_all(
    study: Study,
    truths: Truths,
    shape: Shape,
    *,
    powers: Sequence[float] = POWERS,
    runs: int = 3000,
    seed: int = 1,
) -> dict[float, Size | None]:
    """The size at which all claims are met by the procedure, with each of ``powers``."""
    if len(study.claims) == 1:
        return for_claim(study, study.claims[0], truths, shape, powers=powers, runs=runs, seed=seed)
    if not all(_has_cases(claim, shape) for claim in study.claims):
        return dict.fromkeys(powers)

    def power(positives: int, runs: int) -> Power:
        return study_power(
            study, truths, shape.cohort(positives), runs=runs, seed=_own(seed, positives)
        ).together

    return _simulated(power, shape, powers, runs)


def _has_cases(claim: Claim, shape: Shape) -> bool:
    """Whether cohorts of this shape have the cases that each part of the claim is about."""
    return all(
        sum(
            share
            for share, groups in zip(shares, shape.groups, strict=True)
            if group_of(part) == EVERYBODY or group_of(part) in groups
        )
        > 0.0
        for part in claim.parts
        for figure, shares in (("specificity", shape.positives), ("sensitivity", shape.negatives))
        if part.figure != figure
    )


def _exact(
    power_of: Callable[[Ints], Floats], shape: Shape, powers: Sequence[float], least_looked: int
) -> dict[float, Size | None]:
    sizes: dict[float, Size | None] = {}
    for target in powers:
        always = first_always(power_of, target, least_looked=least_looked)
        sizes[target] = None
        if always is not None:
            sizes[target] = Size(
                positives=always.n,
                negatives=round(always.n * shape.ratio),
                power=always.power,
                looked_to=always.looked_to,
            )
    return sizes


def _simulated(
    power: Simulated, shape: Shape, powers: Sequence[float], runs: int
) -> dict[float, Size | None]:
    near = _bracket(power, min(powers))
    if near is None:
        return dict.fromkeys(powers)
    fit = _fit(power, near, runs)
    if not fit.slope > 0.0:
        return dict.fromkeys(powers)
    sizes: dict[float, Size | None] = {}
    for target in powers:
        n, error = fit.size(target)
        if target > min(powers) and n > near * _SIZES[-1]:
            n, error = _fit(power, round(n), runs).size(target)
        positives = max(2, math.ceil(n))
        sizes[target] = Size(
            positives=positives,
            negatives=round(positives * shape.ratio),
            power=target,
            error=error,
        )
    return sizes


def _bracket(power: Simulated, target: float) -> int | None:
    """A number of positives whose power is near the wanted one, from few runs."""
    low, high = _START // 2, _START
    while power(high, _BRACKET_RUNS).value < target:
        low, high = high, high * 2
        if low > MOST:
            return None
    while high > 1.1 * low + 1:
        middle = round(math.sqrt(low * high))
        if middle in (low, high):
            break
        if power(middle, _BRACKET_RUNS).value < target:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True)
class _Fit:
    """Normal quantile of the power, linear in the root of the number of positives."""

    intercept: float
    slope: float
    covariance: Floats

    def size(self, target: float) -> tuple[float, float]:
        """The number of positives with the power, and two standard errors of it."""
        root = (_NORMAL.inv_cdf(target) - self.intercept) / self.slope
        along = np.array([-1.0, -root]) * 2.0 * root / self.slope
        return root * root, 2.0 * math.sqrt(float(along @ self.covariance @ along))


def _fit(power: Simulated, near: int, runs: int) -> _Fit:
    sizes = np.unique(np.maximum(2, np.rint(near * _SIZES)).astype(np.int64))
    share = np.array([power(int(n), runs).value for n in sizes])
    share = np.clip(share, 0.5 / runs, 1.0 - 0.5 / runs)
    z = np.array([_NORMAL.inv_cdf(float(p)) for p in share])
    weight = runs * np.exp(-z * z) / (2.0 * math.pi) / (share * (1.0 - share))
    columns = np.stack([np.ones(sizes.size), np.sqrt(sizes)], axis=1)
    covariance = np.linalg.inv(columns.T @ (weight[:, np.newaxis] * columns))
    intercept, slope = covariance @ (columns.T @ (weight * z))
    return _Fit(float(intercept), float(slope), covariance)


def _own(seed: int, positives: int) -> int:
    """A seed for each size: the errors of two sizes are independent."""
    return seed * 1_000_003 + positives
