"""Reads from a cohort which levels lie within which, of attributes whose levels nest.

Everyone who knows the sites knows which scanner stands where. A benchmark declares such pairs:
``[disclosure] nested``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from evaluator.attacker.cells import Counts, Nesting


def nesting(
    pairs: Iterable[tuple[str, str]],
    labels: NDArray[np.bool_],
    patients: NDArray[np.str_],
    attributes: Mapping[str, NDArray[np.str_]],
) -> Nesting:
    """Count each pair of levels that occurs; all arrays are (n,), a case each."""
    nested = {}
    for inner, outer in pairs:
        counts: dict[tuple[str, str], Counts] = {}
        both = zip(attributes[inner].tolist(), attributes[outer].tolist(), strict=True)
        for one, other in sorted(set(both)):
            inside = (attributes[inner] == one) & (attributes[outer] == other)
            counts[one, other] = Counts(
                int(inside.sum()), np.unique(patients[inside]).size, int(labels[inside].sum())
            )
        nested[inner, outer] = counts
    return nested
