"""A share of the cases run a second time: does a score depend on more than its case?

The rule: no value may differ by more than the contract's ``repeat_tolerance``, both rounded as
predictions are. Computed in another order, as in a batch of another size, a sum of floats changes
its last bits: honest networks in single precision were measured up to 7e-6 apart. The default of
1e-4 leaves room for that, and is far below what chance, half precision or a look at the other
cases does to a score.

What the second run says is compared and then forgotten. The first run's predictions alone are
scored, stored and taken over, whatever the tolerance: a container that knows the second run for
what it is can change nothing but what the steward is told.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cohort_selection.cases import BlindedCase
from submissions.contract import Contract
from submissions.prediction_rows.cells import DECIMALS
from submissions.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Repetition:
    """How far the second run came from the first, and how far it may; for the steward."""

    n_cases: int
    largest_difference: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether every value came back, within the tolerance."""
        return self.largest_difference <= self.tolerance

    def sentence(self) -> str:
        """The finding in words."""
        verdict = "within" if self.agrees else "over"
        return (
            f"{self.n_cases} cases run again: largest difference {self.largest_difference:g}, "
            f"{verdict} the tolerance of {self.tolerance:g}"
        )


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
    contract: Contract,
) -> Repetition:
    """The largest difference between two runs of the same cases, to the digits that are kept."""
    differences = (
        # Rounded, since 0.3 and 0.3001 are a little more than 0.0001 apart as floats.
        round(abs(was - now), DECIMALS)
        for case_id, case in again.items()
        for was, now in zip(first[case_id], second.values[case.case_id], strict=True)
    )
    return Repetition(len(again), max(differences, default=0.0), contract.repeat_tolerance)
