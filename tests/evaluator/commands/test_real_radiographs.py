"""The whole path on real radiographs of the NIH Clinical Center."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cohort_selection.sequestration.assignment import read_assignment
from evaluator.disclosure.control import Release
from evaluator.stores.enclave import Enclave
from submissions.ledger.ledger import Ledger
from tests.support.commands import succeed
from tests.support.walkthrough import Walked, seal, small_benchmark, submit

pytestmark = [pytest.mark.engine, pytest.mark.realdata]

KNOWN_SHORTCUT = (
    "pixel spacing and the loss by JPEG go a little with the findings in this collection; "
    "the draw decides whether the audit's alarm rings"
)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, shared_data: Path, base_image: str) -> Walked:
    """824 radiographs imported, split, matched, sealed; a baseline trained on the open part."""
    folder = tmp_path_factory.mktemp("real")
    images = shared_data / "images" / "nih_cxr"
    commons = folder / "commons"
    succeed("import-images", images, "--metadata", images / "metadata.csv", "--output", commons)
    found = seal(
        folder,
        commons / "dicom",
        [commons / "clinical.csv"],
        small_benchmark(folder, "nih-any-finding", 160),
        *("--accept-shortcuts", KNOWN_SHORTCUT),
    )
    model = folder / "model"
    succeed("train", found.open_list, "--output", model, "--epochs", "1", "--size", "64")
    succeed("export", model, "--check-on", found.open_list)
    succeed("package", "--model", model, "--tag", "sequestra-test/nih-densenet")
    succeed("package", "--prevalence", found.open_list, "--tag", "sequestra-test/nih-prevalence")
    submit(found, "sequestra-test/nih-densenet", "A lab", "DenseNet")
    submit(found, "sequestra-test/nih-prevalence", "Baseline", "Prevalence")
    succeed("run", "--wait", "--home", found.home)
    return found


def test_every_image_is_imported(walked: Walked) -> None:
    # 824 images of 735 patients, as the collection's own description counts them.
    with (walked.folder / "commons" / "clinical.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 824
    assert len({row["case_ids"] for row in rows}) == 735


def test_no_patient_is_on_both_sides(walked: Walked) -> None:
    part = dict(read_assignment(walked.home / "enclave" / "assignment.csv"))
    assert set(part.values()) == {"open", "sequestered"}
    with walked.open_list.open(newline="") as lines:
        opened = {row["patient_id"] for row in csv.DictReader(lines)}
    assert opened
    assert {part[patient] for patient in opened} == {"open"}
    hidden = {patient for patient, side in part.items() if side == "sequestered"}
    assert hidden.isdisjoint(opened)


def test_the_constant_model_has_an_auroc_of_one_half_and_stands_beside_the_trained_one(
    walked: Walked,
) -> None:
    found = [
        Release.from_json(each.document)
        for each in Ledger(walked.ledger_url).releases("nih-any-finding")
    ]
    by_model = {released.model: released.find("auroc") for released in found}
    constant, trained = by_model["Prevalence"], by_model["DenseNet"]
    assert constant is not None
    assert trained is not None
    assert constant.value == 0.5
    assert trained.low is not None
    assert trained.high is not None
    assert trained.value is not None
    assert trained.low < trained.value < trained.high


def test_the_cohort_has_the_targets_shares_to_one_patient(walked: Walked) -> None:
    cases = Enclave(walked.home / "enclave").cohort("nih-any-finding").cases()
    assert len({case.patient_id for case in cases}) == 160
    assert abs(sum(case.attributes["sex"] == "Female" for case in cases) - 80) <= 1
    assert abs(sum(case.label for case in cases) - 96) <= 1  # three in five of 160


def test_no_sealed_header_names_a_finding_a_patient_or_a_study(walked: Walked) -> None:
    cohort = Enclave(walked.home / "enclave").cohort("nih-any-finding")
    sources = cohort.sources()
    for case in cohort.cases():
        study, patient = sources[case.case_id]
        content = case.files[0].read_bytes()
        assert study.encode() not in content
        assert b"finding" not in content.lower()
        assert b"PatientID" not in content
        assert f"LO\x04\x00{patient:<4}".encode() not in content
