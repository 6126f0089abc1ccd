"""Simulated cohorts with known truth: binormal scores, seven attributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Simulated:
    """Labels, probabilities and the codes of the attributes of each case."""

    y: NDArray[np.bool_]
    s: NDArray[np.float64]
    attributes: dict[str, NDArray[np.int64]]


def simulated(n: int, seed: int = 0, prevalence: float = 0.2) -> Simulated:
    """AUROC about 0.86; sex 2, race 5, age 5, ethnicity 2, site 6, vendor 4, age x sex 6 groups."""
    generator = np.random.default_rng(seed)
    y = generator.random(n) < prevalence
    s = 1.0 / (1.0 + np.exp(-(generator.standard_normal(n) + 1.5 * y - 2.0)))
    attributes = {
        "sex": generator.integers(0, 2, n),
        "race": generator.choice(5, n, p=[0.6, 0.2, 0.1, 0.06, 0.04]),
        "age": generator.choice(5, n, p=[0.1, 0.2, 0.3, 0.25, 0.15]),
        "ethnicity": generator.choice(2, n, p=[0.85, 0.15]),
        "site": generator.choice(6, n, p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05]),
        "vendor": generator.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]),
    }
    attributes["age x sex"] = np.digitize(attributes["age"], [2, 4]) * 2 + attributes["sex"]
    return Simulated(y, s, attributes)
