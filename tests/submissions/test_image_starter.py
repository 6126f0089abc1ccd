from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.engine import Engine
from evaluator.staging import stage
from submissions import contract as contract_module
from submissions.base_image import build
from submissions.contract import Contract, read_predictions
from submissions.submission import Failure
from tests.attacks.arena import CASE_IDS, stage_cases

STARTER = Path(contract_module.__file__).parent / "starter"


@pytest.mark.parametrize("failure", Failure)
def test_the_starter_explains_each_failure(failure: Failure) -> None:
    text = (STARTER / "README.md").read_text(encoding="utf-8")
    _, found, after = text.partition(f"\n### {failure.value}\n")
    assert found
    assert len(after.partition("\n### ")[0].split()) > 5


@pytest.mark.engine
def test_the_starter_is_a_submission(engine: Engine, base_image: str, tmp_path: Path) -> None:
    digest = build(STARTER, "sequestra/test:starter", base_image)
    contract = Contract()
    cases, root = stage_cases(tmp_path, contract)
    with stage(cases, contract, root) as staged:
        outcome = engine.run(digest, staged, contract, submission_id="starter")
        found = read_predictions(staged.predictions, CASE_IDS, contract)
    assert set(found.values) == set(CASE_IDS)
    # Files of 1,024 bytes: the starter's toy score is their size modulo 1,000, in thousandths.
    assert set(found.values.values()) == {(0.024,)}
    assert outcome.log_tail == ""
