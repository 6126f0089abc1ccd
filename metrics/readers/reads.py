"""What the readers of a study gave: one value for each modality, reader and case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrics import arrays
from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import UndefinedMetric


@dataclass(frozen=True, slots=True)
class Reads:
    """A fully crossed study: each reader read each case in each modality.

    ``y`` (cases,), ``values`` (modalities, readers, cases) scores, grades or calls as 0 and 1,
    ``patient`` (cases,) numbers 0..n_patients-1.
    """

    y: Bools
    values: Floats
    patient: Ints
    n_patients: int

    @property
    def clustered(self) -> bool:
        """Whether some patient has several cases."""
        return self.n_patients < self.y.size


def reads(y: ArrayLike, values: ArrayLike, patients: ArrayLike | None = None) -> Reads:
    """Check the arrays of a study; ``values`` (modalities, readers, cases) without gaps.

    ``patients`` (cases,) ids, or None where each case is a patient of its own. Raises
    UndefinedMetric.
    """
    labels = arrays.labels(y)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 3 or array.shape[2] != labels.size:
        raise UndefinedMetric(
            f"reads must have the shape (modalities, readers, {labels.size} cases); got "
            f"{array.shape}"
        )
    if not np.isfinite(array).all():
        raise UndefinedMetric(
            f"{int((~np.isfinite(array)).sum())} of {array.size} reads are missing or not finite; "
            "each reader must read each case in each modality"
        )
    patient, n_patients = arrays.clusters(patients, labels.size)
    return Reads(labels, array, patient, n_patients)
