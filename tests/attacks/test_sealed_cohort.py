"""What a container can find out of a sealed cohort: no patient, no label, no id it has met."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.sealing.cohort import Cohort
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
from submissions.predictions import read_predictions
from submissions.submission import ContractBroken, Failure
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support.engine import ImageBuilder
from tests.support.small_commons import SECRET, sealed

pytestmark = pytest.mark.engine

LOOK = f"""{PRELUDE}
words = [word[::-1].encode() for word in @WORDS@]
for folder, folders, files in os.walk("/input"):
    for name in files:
        path = os.path.join(folder, name)
        content = open(path, "rb").read() + path.encode()
        for form in (content, content.lower(), content.replace(b"\\0", b"")):
            for word in words:
                if word in form or word.lower() in form: breach(path, "says", word)
answer()
"""

MEMORISED = f"""{PRELUDE}
with open("/output/predictions.csv", "w") as file:
    file.write("case_id,probability\\n")
    for case_id in @IDS@: file.write(f"{{case_id}},0.5\\n")
"""


def given(cohort: Cohort, key: bytes) -> set[str]:
    return {case.case_id for case in cohort.blinded(key)}


def test_no_byte_that_a_container_is_given_names_a_patient_or_a_label(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cohort = sealed(tmp_path)
    sources = cohort.sources().values()
    words = {SECRET, *(case_id for case_id, _ in sources), *(patient for _, patient in sources)}
    words |= {case.case_id for case in cohort.cases()} | {
        case.patient_id for case in cohort.cases()
    }
    words |= {cohort.digest.removeprefix("sha256:"), str(cohort.directory)}
    # Reversed, so that the program is not what it finds.
    script = LOOK.replace("@WORDS@", repr(sorted(word[::-1] for word in words if len(word) > 3)))
    key = b"one submission's key"
    with stage(cohort.blinded(key), MILD, tmp_path / "staging") as staged:
        outcome = engine.run(image_of(script), staged, MILD, submission_id="test-sealed")
        found = read_predictions(staged.predictions, given(cohort, key), MILD)
    assert outcome.log_tail == ""
    assert len(found.values) == cohort.n_cases


def test_a_second_submission_that_memorised_the_ids_meets_others(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cohort = sealed(tmp_path)
    contract = Contract(start_seconds=60)
    first, second = b"first", b"second"
    image = image_of(MEMORISED.replace("@IDS@", repr(sorted(given(cohort, first)))))
    with stage(cohort.blinded(first), contract, tmp_path / "staging") as staged:
        engine.run(image, staged, contract, submission_id="test-first")
        assert read_predictions(staged.predictions, given(cohort, first), contract)
    with stage(cohort.blinded(second), contract, tmp_path / "staging") as staged:
        engine.run(image, staged, contract, submission_id="test-second")
        with pytest.raises(ContractBroken) as broken:
            read_predictions(staged.predictions, given(cohort, second), contract)
    assert broken.value.failure is Failure.PREDICTIONS_UNKNOWN_CASE


def test_sealed_files_are_staged_without_a_copy(tmp_path: Path) -> None:
    cohort = sealed(tmp_path)
    cases = cohort.blinded(b"key")
    with stage(cases, MILD, tmp_path / "staging") as staged:
        for case in cases:
            files = sorted((staged.input / "images" / case.case_id).iterdir())
            sources = {file.stat().st_ino for file in case.files}
            assert {file.stat().st_ino for file in files} == sources
