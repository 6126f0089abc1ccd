"""What a plan takes to be true of a part of a claim, and the cohort that it is judged on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.claims.claim import Part

EVERYBODY = ("", "")
"""The group of all cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The true value of a part's figure, and what its variance depends on.

    ``value`` is the model's figure and ``difference`` what it has more than the comparator's.
    ``spread``: standard deviation of the negatives' scores over that of the positives'.
    ``correlation``: of the model's scores with the comparator's, within a class. ``discordance``:
    share of the class that both call differently. ``pilot``: scores of positives and of negatives
    seen before, which stand for the scores; None for normal ones.
    """

    value: float
    difference: float = 0.0
    spread: float = 1.0
    correlation: float = 0.5
    discordance: float = 0.1
    pilot: tuple[Floats, Floats] | None = None

    def refuse_impossible(self, part: Part) -> None:
        """Raise ValueError where these cannot be true together of ``part``."""
        other = self.value - self.difference
        if not 0.0 < self.value < 1.0 or not 0.0 < other < 1.0:
            raise ValueError(
                f"a {part.figure} of {self.value:g} and a comparator's of {other:g} are assumed; "
                "give values between 0 and 1"
            )
        if part.comparator is None or part.figure == "auroc":
            return
        first, second = self.apart
        if second < -1e-9 or first < -1e-9 or first > self.value or second > 1.0 - self.value:
            raise ValueError(
                f"a discordance of {self.discordance:g} is assumed beside a {part.figure} of "
                f"{self.value:g} and a difference of {self.difference:g}; give one from "
                f"{abs(self.difference):g} to "
                f"{min(2 * self.value - self.difference, 2 - 2 * self.value + self.difference):g}"
            )

    @property
    def apart(self) -> tuple[float, float]:
        """Chance that the model alone is right about a case, and that the comparator alone is."""
        return (self.discordance + self.difference) / 2, (self.discordance - self.difference) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Cases of one kind. ``groups`` are the attributes and levels that they belong to."""

    positives: int
    negatives: int
    groups: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCohort:
    """The cases of each kind, and how they lie in patients.

    ``images``: cases of a patient, on average, all of one class. ``within``: correlation of the
    scores of two of them. ``sampled``: whether the number of positives is left to chance.
    """

    strata: tuple[Stratum, ...]
    images: float = 1.0
    within: float = 0.0
    sampled: bool = False

    @property
    def counts(self) -> tuple[int, int]:
        """Positives and negatives."""
        return self.of(EVERYBODY)

    def of(self, group: tuple[str, str]) -> tuple[int, int]:
        """Positives and negatives of one group."""
        strata = [each for each in self.strata if belongs(each, group)]
        return sum(each.positives for each in strata), sum(each.negatives for each in strata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A cohort of any size: the shares of its kinds of cases.

    ``positives`` and ``negatives`` (kinds,) sum to 1 each; ``ratio`` negatives a positive.
    """

    ratio: float = 1.0
    positives: Sequence[float] = (1.0,)
    negatives: Sequence[float] = (1.0,)
    groups: Sequence[frozenset[tuple[str, str]]] = (frozenset(),)
    images: float = 1.0
    within: float = 0.0
    sampled: bool = False
    unreadable: float = 0.0

    def cohort(self, positives: int) -> PlannedCohort:
        """The cohort that has so many positives to score."""
        m = apportioned(positives, self.positives)
        n = apportioned(round(positives * self.ratio), self.negatives)
        return PlannedCohort(
            strata=tuple(
                Stratum(positives=one, negatives=other, groups=group)
                for one, other, group in zip(m, n, self.groups, strict=True)
            ),
            images=self.images,
            within=self.within,
            sampled=self.sampled,
        )


def belongs(stratum: Stratum, group: tuple[str, str]) -> bool:
    """Whether its cases are in the group."""
    return group == EVERYBODY or group in stratum.groups


def group_of(part: Part) -> tuple[str, str]:
    """The group that a part is about."""
    return part.attribute, part.level


def apportioned(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers in these shares that sum to ``total``, by largest remainder."""
    expected = np.asarray(shares, dtype=np.float64) * total
    whole = np.floor(expected + 1e-9).astype(np.int64)
    order: Ints = np.argsort(whole - expected, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return [int(each) for each in whole]


Truths = Mapping[tuple[str, int], Truth]
"""The truth of each part: by the name of its claim and its place in it."""
