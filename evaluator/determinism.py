"""A share of the cases run a second time: does a score depend on more than its case?"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cohort_selection.cohort import BlindedCase
from submissions.contract import Contract, Predictions


@dataclass(frozen=True, slots=True)
class Repetition:
    """How far the second run came from the first; for the steward."""

    n_cases: int
    largest_difference: float

    @property
    def agrees(self) -> bool:
        """Whether every value came back as it was, to the digits that are kept."""
        return self.largest_difference == 0.0

    def sentence(self) -> str:
        """The finding in words."""
        return f"{self.n_cases} cases run again: largest difference {self.largest_difference:g}"


def drawn_again(
    cases: Sequence[BlindedCase], contract: Contract, *, seed: int
) -> dict[str, BlindedCase]:
    """Draw ``contract.repeat_share`` of the cases for a second run: first id -> renamed case.

    The container is a fresh one, and the cases come in another order under other ids: a score
    that depends on chance, on the other cases, on their order or on the id differs then.
    """
    drawn = np.random.default_rng([seed, len(cases)]).permutation(len(cases))
    chosen = (cases[index] for index in drawn[: math.ceil(contract.repeat_share * len(cases))])
    return {case.case_id: replace(case, case_id=secrets.token_hex(8)) for case in chosen}


def compared(
    again: Mapping[str, BlindedCase],
    first: Mapping[str, tuple[float, ...]],
    second: Predictions,
) -> Repetition:
    """The largest difference between two runs of the same cases."""
    differences = (
        abs(was - now)
        for case_id, case in again.items()
        for was, now in zip(first[case_id], second.values[case.case_id], strict=True)
    )
    return Repetition(len(again), max(differences, default=0.0))
