"""A share of the cases run a second time: does a score depend on more than its case?"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cohort_selection.cohort import BlindedCase
from evaluator.engine import Engine
from evaluator.staging import stage
from submissions.contract import Contract, Predictions, read_predictions


@dataclass(frozen=True, slots=True)
class Repetition:
    """How far the second run came from the first; for the steward."""

    n_cases: int
    largest_difference: float

    @property
    def agrees(self) -> bool:
        """Whether every value came back as it was, to the digits that are kept."""
        return self.largest_difference == 0.0


def repeat(
    image_digest: str,
    cases: Sequence[BlindedCase],
    first: Predictions,
    contract: Contract,
    engine: Engine,
    root: Path,
    *,
    submission_id: str,
    seed: int,
) -> Repetition:
    """Run ``contract.repeat_share`` of the cases again and compare with the ``first`` run.

    The container is a fresh one, the cases are drawn by ``seed`` and come in another order under
    other ids: a score that depends on chance, on the other cases, on their order or on the id
    differs here. Values are compared after rounding to the contract's digits.

    Raises ContractBroken where the second run fails, EngineUnavailable for the engine's faults.
    """
    drawn = np.random.default_rng([seed, len(cases)]).permutation(len(cases))
    again = {
        secrets.token_hex(8): cases[index]
        for index in drawn[: math.ceil(contract.repeat_share * len(cases))]
    }
    if not again:
        return Repetition(0, 0.0)
    renamed = [replace(case, case_id=case_id) for case_id, case in again.items()]
    with stage(renamed, contract, root) as staged:
        engine.run(image_digest, staged, contract, submission_id=submission_id)
        second = read_predictions(staged.predictions, again.keys(), contract)
    differences = (
        abs(was - now)
        for case_id, case in again.items()
        for was, now in zip(first.values[case.case_id], second.values[case_id], strict=True)
    )
    return Repetition(len(again), max(differences))
