"""Simulated cohorts: groups of patients, one or many images each, in either sampling design."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from metrics.group import FIXED_PREVALENCE
from perf.coverage.populations import Binormal, Floats

_ALIKE = 0.8
"""Share of the further images of a positive patient that are positive too; the first always is."""
_SHARED = math.sqrt(0.5)
"""Images of a patient share half of the latent variance."""


class Images(Enum):
    """How many images patients have."""

    ONE = "one image a patient"
    FEW = "1 to 5 images a patient"
    SKEWED = "1 to 60 images a patient"

    @property
    def mean(self) -> float:
        """Images a patient, on average."""
        if self is Images.ONE:
            return 1.0
        return 3.0 if self is Images.FEW else sum(1.0 / k for k in range(1, 61))

    def draw(self, n_patients: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Number of images of each patient; SKEWED has k or more in 1 / k of the patients."""
        if self is Images.ONE:
            return np.ones(n_patients, dtype=np.int64)
        if self is Images.FEW:
            return generator.integers(1, 6, n_patients)
        return np.minimum(60, 1.0 / (1.0 - generator.random(n_patients))).astype(np.int64)

    @property
    def positive(self) -> float:
        """Share of positive images among those of positive patients, over all patients."""
        return (1.0 + _ALIKE * (self.mean - 1.0)) / self.mean


@dataclass(frozen=True, slots=True)
class Stratum:
    """A group that a cohort is drawn from: about ``n`` cases of a population."""

    n: int
    population: Binormal


@dataclass(frozen=True, slots=True)
class Cohort:
    """Labels, scores, patients (numbers) and attributes of the cases; ``patient`` rises."""

    y: NDArray[np.bool_]
    s: Floats
    patient: NDArray[np.int64]
    n_patients: int
    attributes: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


def reachable(stratum: Stratum, images: Images) -> Stratum:
    """The stratum at the nearest prevalence that a whole number of positive patients gives."""
    k = patients_of(stratum, images)
    positive = round(k * stratum.population.prevalence / images.positive)
    exact = positive / k * images.positive
    return replace(stratum, population=replace(stratum.population, prevalence=exact))


def patients_of(stratum: Stratum, images: Images) -> int:
    """Number of patients that have about the stratum's number of cases."""
    return round(stratum.n / images.mean)


def draw(
    strata: Sequence[Stratum],
    images: Images,
    design: str,
    generator: np.random.Generator,
    *,
    further: bool = False,
) -> Cohort:
    """Draw a cohort; attribute ``group`` numbers the strata G1, G2, ...

    By design the number of positive patients of the whole cohort is fixed, which takes one
    prevalence for all strata. ``further`` adds the attributes ``sex`` and ``site``, at random.
    """
    counts = [patients_of(stratum, images) for stratum in strata]
    k = sum(counts)
    group = np.repeat(np.arange(len(strata)), counts)
    share = np.array([s.population.prevalence / images.positive for s in strata])[group]
    ill = _ill(share, design, generator)
    size = images.draw(k, generator)
    patient = np.repeat(np.arange(k), size)
    first = np.cumsum(size) - size
    y = ill[patient] & (generator.random(patient.size) < _ALIKE)
    y[first] = ill
    s = _scores(strata, group[patient], y, patient, k, images, generator)
    names = np.array([f"G{place + 1}" for place in range(len(strata))])
    attributes = {"group": names[group][patient]} if len(strata) > 1 else {}
    if further:
        attributes["sex"] = np.array(["F", "M"])[generator.integers(0, 2, k)][patient]
        attributes["site"] = np.array(["S1", "S2", "S3"])[generator.integers(0, 3, k)][patient]
    return Cohort(y, s, patient, k, attributes)


def _ill(share: Floats, design: str, generator: np.random.Generator) -> NDArray[np.bool_]:
    if design != FIXED_PREVALENCE:
        return np.asarray(generator.random(share.size) < share)
    if np.ptp(share) > 0:
        raise ValueError("a fixed number of positive patients takes one prevalence for all strata")
    return np.asarray(generator.permutation(share.size) < round(float(share.sum())))


def _scores(
    strata: Sequence[Stratum],
    group: NDArray[np.int64],
    y: NDArray[np.bool_],
    patient: NDArray[np.int64],
    n_patients: int,
    images: Images,
    generator: np.random.Generator,
) -> Floats:
    latent = generator.standard_normal(y.size)
    if images is not Images.ONE:
        latent = _SHARED * (latent + generator.standard_normal(n_patients)[patient])
    s = np.empty(y.size)
    for number, stratum in enumerate(strata):
        mine = group == number
        one = stratum.population
        x = np.where(y[mine], one.d + one.positive_sd * latent[mine], latent[mine])
        s[mine] = one.predicted(x)
    return s
