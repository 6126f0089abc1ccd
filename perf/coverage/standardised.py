"""Cells of standardised figures: cohorts that missed their target, weighted to it by raking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from metrics.group import SAMPLED
from perf.coverage import doors
from perf.coverage.cohorts import Cohort
from perf.coverage.counting import Counts, generator

RUNS = 2_000
TARGET: Mapping[str, Mapping[str, float]] = {
    "sex": {"F": 0.5, "M": 0.5},
    "age": {"young": 0.3, "middle": 0.4, "old": 0.3},
}
DRAWN: dict[str, Mapping[str, tuple[float, ...]]] = {
    "mild": {"sex": (0.6, 0.4), "age": (0.4, 0.4, 0.2)},
    "strong": {"sex": (0.8, 0.2), "age": (0.6, 0.3, 0.1)},
}
"""Shares of the levels in the cohort, in the order of the target."""
_PREVALENCE = np.array([[0.3, 0.4, 0.6], [0.2, 0.4, 0.5]])
_DISTANCE = np.array([[1.8, 1.4, 0.9], [1.6, 1.2, 0.7]])
"""By sex and age: the share of positives, and how far their latent score lies above the others'."""
_CUT = 0.6


@dataclass(frozen=True, slots=True)
class StandardisedCell:
    """``n`` patients of one case each; ``weights`` "mild" or "strong" bring them to the target."""

    n: int
    weights: str
    runs: int = RUNS
    chunk: int = 200

    @property
    def name(self) -> str:
        """``standardised``, number of patients and weights."""
        return f"standardised/{self.n}/{self.weights}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count, for each figure, the intervals that missed what the target population has."""
        truths = target_figures()
        counts = Counts()
        for run in range(first, last):
            cohort = self.draw(generator(self.name, run))
            found = doors.standardised(cohort, SAMPLED, float(expit(_CUT)), TARGET)
            for metric, estimate in found.items():
                if estimate.low is None or estimate.high is None:
                    continue
                if metric in truths:
                    counts.interval(metric, estimate.low, estimate.high, truths[metric])
                else:
                    counts.unstudied.add(metric)
        return counts

    def draw(self, random: np.random.Generator) -> Cohort:
        """A cohort whose attributes have other shares than the target's."""
        shares = DRAWN[self.weights]
        sex = random.choice(2, self.n, p=shares["sex"])
        age = random.choice(3, self.n, p=shares["age"])
        y = random.random(self.n) < _PREVALENCE[sex, age]
        s = np.asarray(expit(random.standard_normal(self.n) + y * _DISTANCE[sex, age]))
        attributes = {
            name: np.array(list(TARGET[name]))[code] for name, code in (("sex", sex), ("age", age))
        }
        return Cohort(y, s, np.arange(self.n), self.n, attributes)


def target_figures() -> dict[str, float]:
    """Figures of the target population: mixtures of normal distributions."""
    sexes, ages = (np.array(list(levels.values())) for levels in TARGET.values())
    share = np.outer(sexes, ages).ravel()
    distance = _DISTANCE.ravel()
    prevalence = float(share @ _PREVALENCE.ravel())
    of_positives = share * _PREVALENCE.ravel() / prevalence
    sensitivity = float(of_positives @ ndtr(distance - _CUT))
    specificity = float(ndtr(_CUT))
    called = prevalence * sensitivity + (1.0 - prevalence) * (1.0 - specificity)
    return {
        # negatives have one distribution whatever their sex and age
        "auroc": float(of_positives @ ndtr(distance / np.sqrt(2.0))),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": prevalence * sensitivity / called,
        "npv": (1.0 - prevalence) * specificity / (1.0 - called),
        "accuracy": prevalence * sensitivity + (1.0 - prevalence) * specificity,
        "selection_rate": called,
    }


def standardised_cells() -> Iterator[StandardisedCell]:
    """Few and many patients, mild and strong weights."""
    for weights in DRAWN:
        for n in (100, 400):
            yield StandardisedCell(n, weights)
