"""Differences of modalities for each reader alone; they say nothing of other readers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from metrics.arrays import Floats
from metrics.intervals.proportions import normal_p_value, normal_quantile


@dataclass(frozen=True, slots=True)
class OwnDifference:
    """Modality ``one`` less ``other``, by their places, for one ``reader`` on random cases.

    ``p`` is None where the reader's figures do not vary.
    """

    reader: int
    one: int
    other: int
    estimate: float
    standard_error: float
    low: float
    high: float
    p: float | None


def each_reader(
    values: Floats, matrix: Floats, confidence: float = 0.95
) -> tuple[OwnDifference, ...]:
    """Each reader's own differences from figures (modalities, readers) and their covariances.

    Formula: d -+ z sqrt(Var_i + Var_k - 2 Cov_ik), ``matrix`` (modalities, readers, modalities,
    readers). Source: DeLong, DeLong & Clarke-Pearson 1988, with these covariances.
    """
    differences = []
    z = normal_quantile(confidence)
    for one, other in combinations(range(values.shape[0]), 2):
        for reader in range(values.shape[1]):
            own = matrix[np.ix_((one, other), (reader,), (one, other), (reader,))].reshape(2, 2)
            error = math.sqrt(max(float(own[0, 0] + own[1, 1] - 2.0 * own[0, 1]), 0.0))
            value = float(values[one, reader] - values[other, reader])
            differences.append(
                OwnDifference(
                    reader=reader,
                    one=one,
                    other=other,
                    estimate=value,
                    standard_error=error,
                    low=max(value - z * error, -1.0),
                    high=min(value + z * error, 1.0),
                    p=normal_p_value(value / error) if error > 1e-12 else None,
                )
            )
    return tuple(differences)
