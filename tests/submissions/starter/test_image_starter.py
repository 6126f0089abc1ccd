from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from cohort_selection.deidentification.copy import KEPT, deidentify
from cohort_selection.deidentification.kinds import KINDS, WHERE_SAID
from cohort_selection.deidentification.rules import WITHIN_ITEMS
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from submissions import contract as contract_module
from submissions.contract import Contract
from submissions.host.base_image import build
from submissions.predictions import read_predictions
from submissions.submission import Failure
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.support import image_kinds
from tests.support.rare_image_kinds import ALL_KINDS

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


def listed() -> set[str]:
    """What the starter's README says that a file holds."""
    text = (STARTER / "README.md").read_text(encoding="utf-8")
    _, _, after = text.partition("\n## What the DICOM files hold\n")
    return set(re.findall(r"`([A-Z]\w+)`", after.partition("\n## ")[0])) - {"REMOVED"}


def test_the_starter_lists_every_element_that_a_copy_may_have() -> None:
    made = {name for kind in KINDS.values() for name in kind.filled} | set(WHERE_SAID)
    code = {"CodeValue", "CodingSchemeDesignator", "CodeMeaning"}
    uids = {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}
    says = {"PatientIdentityRemoved", "DeidentificationMethod", "PositionReferenceIndicator"}
    assert listed() == set(KEPT) | set(WITHIN_ITEMS) | made | code | uids | says


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_copy_has_no_element_that_the_starter_does_not_list(kind: str, tmp_path: Path) -> None:
    def names(image: Dataset) -> Iterator[str]:
        for element in image:
            yield element.keyword
            if element.VR == "SQ":
                for item in element.value:
                    yield from names(item)

    source = image_kinds.write(ALL_KINDS[kind](), tmp_path / "source.dcm")
    deidentify(source, tmp_path / "copy.dcm", b"k" * 32)
    assert set(names(pydicom.dcmread(tmp_path / "copy.dcm"))) <= listed()
