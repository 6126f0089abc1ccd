"""Runs on public cases with the sequestered run's runner, flags and limits, and their figures.

A researcher's check runs on open cases of their own copy or on the benchmark's practice cases, the
queue's dry run on the latter.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.cases import BlindedCase, Case
from cohort_selection.sequestration.open_list import read_open
from cohort_selection.sequestration.open_part import copy_cases
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.pictures import pictures_of
from evaluator.sandbox.staging import own_folder, remove_leftovers, stage
from evaluator.stores.practice_cases import PracticeError
from evaluator.tasks.first_look import Scores, look_of
from submissions.contract import Contract
from submissions.host.base_image import cache
from submissions.predictions import read_predictions
from submissions.submission import ContractBroken, Failure


@dataclass(frozen=True, slots=True)
class Practised:
    """What a check found: a failure and why, or the scores; and what the container said."""

    n_cases: int
    seconds: float
    failure: Failure | None
    detail: str
    log: str
    scores: Scores | None = None

    def to_json(self, expected_seconds: int | None = None) -> str:
        """The document that a team reads: figures, and all that the container said.

        ``expected_seconds`` is how long the sequestered run may take, coarsely.
        """
        document = {
            "n_cases": self.n_cases,
            "seconds": round(self.seconds, 2),
            "expected_seconds": expected_seconds,
            "failure": None if self.failure is None else self.failure.value,
            "detail": self.detail,
            "scores": None if self.scores is None else self.scores.as_document(),
            "log": self.log,
        }
        return json.dumps(document, sort_keys=True)


def practise(
    contract: Contract,
    image: str,
    open_list: Path,
    n_cases: int | None = None,
    *,
    practice: bool = False,
) -> Practised:
    """Run ``image`` on the first ``n_cases`` cases (None: all), just as the sequestered run would.

    ``image`` is a name, a digest, or the path of an image archive. The container gets the cases'
    files through the same copy as sequestered ones; ``practice`` cases are such copies already, and
    run as in the queue. Raises PracticeError where no case is listed,
    DeidentificationError where a file cannot be copied.
    """
    cases = read_open(open_list)[:n_cases]
    if not cases:
        raise PracticeError(f"{open_list} lists no case; give the list `sequestra sequester` wrote")
    blinded = renamed(cases)
    engine = Engine.connect()
    scratch = cache() / "check"
    engine.containers.remove_dead(scratch)
    remove_leftovers(scratch)
    log = ""
    try:
        with engine.receive(image, contract) as configuration:
            engine.let_in(configuration, contract)
            with own_folder(scratch) as folder, ExitStack() as laid_out:
                of = blinded, contract
                input_cases = blinded_cases(*of) if practice else _copied(*of, folder)
                staged = laid_out.enter_context(stage(input_cases, contract, scratch, copying=True))
                outcome = engine.run(
                    configuration.digest,
                    staged,
                    contract,
                    submission_id=f"check-{secrets.token_hex(6)}",
                )
                log = outcome.log_tail
                pictures = pictures_of(input_cases, contract)
                predictions = read_predictions(staged.predictions, set(blinded), contract, pictures)
    except ContractBroken as broken:
        return Practised(
            n_cases=len(cases),
            seconds=0.0,
            failure=broken.failure,
            detail=broken.detail,
            log=broken.log_tail or log,
        )
    seconds = sum(outcome.seconds.values())
    scores = look_of(blinded, predictions, contract.outputs)
    return Practised(
        n_cases=len(cases), seconds=seconds, failure=None, detail="", log=log, scores=scores
    )


def renamed(cases: tuple[Case, ...]) -> dict[str, Case]:
    """Cases by ids that are drawn for one run."""
    return {secrets.token_hex(8): case for case in cases}


def blinded_cases(by_id: Mapping[str, Case], contract: Contract) -> tuple[BlindedCase, ...]:
    """Copied cases as a container may see them: under the ids of the run, without a label."""
    return tuple(
        BlindedCase(
            case_id, case.files, {key: case.attributes.get(key, "") for key in contract.visible}
        )
        for case_id, case in by_id.items()
    )


def practice_auroc(document: str | None) -> float | None:
    """The AUROC of a dry run's document; None without one, or where all cases have one label."""
    scores = None if document is None else json.loads(document)["scores"]
    return None if scores is None else scores["auroc"]


def _copied(blinded: dict[str, Case], contract: Contract, folder: Path) -> tuple[BlindedCase, ...]:
    """The cases as a container may see them, their files copied below ``folder``."""
    copied, _ = copy_cases(tuple(blinded.values()), folder / "copies")
    return blinded_cases(dict(zip(blinded, copied, strict=True)), contract)
