"""A researcher's check: the sequestered run's runner, flags and limits on open cases."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.cohort import BlindedCase, read_open
from evaluator.engine import Engine
from evaluator.installation import Installation
from evaluator.staging import remove_leftovers, stage
from submissions.base_image import cache
from submissions.contract import read_predictions
from submissions.submission import ContractBroken, Failure


class PracticeError(ValueError):
    """There is nothing to practise on."""


@dataclass(frozen=True, slots=True)
class Practised:
    """What a check found; on open data the researcher may see everything."""

    n_cases: int
    seconds: float
    failure: Failure | None
    detail: str
    log: str


def practise(
    installation: Installation, name: str, image: str, open_list: Path, n_cases: int
) -> Practised:
    """Run ``image`` on the first ``n_cases`` open cases, just as the sequestered run would.

    ``image`` is a name, a digest, or the path of an image archive.
    """
    benchmark = installation.benchmark(name)
    cases = read_open(open_list)[:n_cases]
    if not cases:
        raise PracticeError(f"{open_list} lists no case; give the list `sequestra sequester` wrote")
    visible = benchmark.contract.visible
    blinded = [
        BlindedCase(
            secrets.token_hex(8), case.files, {key: case.attributes.get(key, "") for key in visible}
        )
        for case in cases
    ]
    engine = Engine.connect()
    scratch = cache() / "check"
    engine.remove_dead(scratch)
    remove_leftovers(scratch)
    try:
        with engine.receive(image, benchmark.contract) as found:
            engine.let_in(found, benchmark.contract)
            with stage(blinded, benchmark.contract, scratch, copying=True) as staged:
                outcome = engine.run(
                    found.digest,
                    staged,
                    benchmark.contract,
                    submission_id=f"check-{secrets.token_hex(6)}",
                )
                given = {case.case_id for case in blinded}
                read_predictions(staged.predictions, given, benchmark.contract)
    except ContractBroken as broken:
        return Practised(len(cases), 0.0, broken.failure, broken.detail, broken.log_tail)
    seconds = sum(outcome.seconds.values())
    return Practised(len(cases), seconds, None, "", outcome.log_tail)
