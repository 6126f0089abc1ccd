"""The simulated commons: known truth, images that show it, headers that do not tell it."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from cohort_selection.clinical import records as clinical
from cohort_selection.commons.simulation import Simulated, SimulationError, expected_auroc, simulate
from cohort_selection.commons.sites import SITES
from cohort_selection.dicom import studies as dicom


@dataclass(frozen=True)
class Commons:
    """A simulated commons, read back through the same doors as a real one."""

    simulated: Simulated
    studies: list[dicom.Study]
    records: dict[str, clinical.ClinicalRecord]
    risk: NDArray[np.float64]  # of each study, in the order of studies
    severity: NDArray[np.float64]
    label: NDArray[np.int64]
    site: NDArray[np.str_]


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Commons:
    simulated = simulate(tmp_path_factory.mktemp("commons") / "c", patients=300, seed=11)
    studies, quarantined = dicom.index(simulated.dicom)
    assert quarantined == []
    records = {
        record.study_uid: record
        for record in clinical.read(simulated.clinical, simulated.measurement)
    }
    with simulated.truth.open(encoding="utf-8") as file:
        truth = {row["study_uid"]: row for row in csv.DictReader(file)}
    return Commons(
        simulated,
        studies,
        records,
        np.array([float(truth[study.study_uid]["risk"]) for study in studies]),
        np.array([float(truth[study.study_uid]["severity"]) for study in studies]),
        np.array([int(records[study.study_uid].findings["opacity"]) for study in studies]),
        np.array([records[study.study_uid].site for study in studies]),
    )


def shown(study: dicom.Study, size: int = 24) -> NDArray[np.float64]:
    """The study's image as a viewer shows it, small, with mean 0 and standard deviation 1."""
    data = pydicom.dcmread(study.files[0])
    picture = data.pixel_array / (2**data.BitsStored - 1)
    if data.PhotometricInterpretation == "MONOCHROME1":
        picture = 1 - picture
    reduced = Image.fromarray((picture * 255).astype(np.uint8)).resize((size, size))
    values = np.asarray(reduced, dtype=np.float64)
    return (values - values.mean()) / values.std()


def test_headers_and_table_agree_for_every_study(commons: Commons) -> None:
    assert len(commons.studies) == commons.simulated.n_studies == len(commons.records)
    assert len({study.patient_id for study in commons.studies}) == 300
    assert commons.simulated.n_positive == commons.label.sum()
    for study in commons.studies:
        record = commons.records[study.study_uid]
        assert (study.patient_id, study.sex) == (record.patient_id, record.sex)
        assert study.age == record.age
        assert study.modality in {"CR", "DX"}


def test_there_is_somebody_to_compare(commons: Commons) -> None:
    records = list(commons.records.values())
    assert len(set(commons.site)) == 4
    assert len({study.manufacturer for study in commons.studies}) == 3
    assert min(Counter(record.sex for record in records).values()) > 100
    assert len({record.race for record in records}) >= 5
    assert {record.ethnicity for record in records} == {
        "Hispanic or Latino",
        "Not Hispanic or Latino",
        "Not Reported",
    }
    visits = Counter(record.patient_id for record in records)
    assert 20 < sum(count == 2 for count in visits.values()) < 100


def test_a_follow_up_has_tests_on_its_own_days(commons: Commons) -> None:
    later = [r for r in commons.records.values() if int(r.findings["days_to_study"]) > 60]
    assert later
    for record in later:
        assert all(test.days_from_index <= 4 for test in record.tests)
    with_tests = [record for record in later if record.tests]
    assert any(abs(test.days_from_index) <= 14 for r in with_tests for test in r.tests)


def test_some_tests_of_one_day_disagree(commons: Commons) -> None:
    days = [
        (record.patient_id, test.days_from_index)
        for record in commons.records.values()
        if record.findings["days_to_study"] == "0"
        for test in record.tests  # records hold each (day, result) once
    ]
    assert max(Counter(days).values()) == 2


def test_one_vendor_stores_white_as_low_and_depths_differ(commons: Commons) -> None:
    seen: dict[str, set[tuple[str, int]]] = {}
    for study in commons.studies[:150]:
        data = pydicom.dcmread(study.files[0])
        seen.setdefault(study.manufacturer, set()).add(
            (data.PhotometricInterpretation, data.BitsStored)
        )
        assert data.pixel_array.max() < 2**data.BitsStored
        assert data.pixel_array.min() != data.pixel_array.max()
    assert seen["Brightwell"] == {("MONOCHROME1", 15)}
    assert seen["Corvane"] == {("MONOCHROME2", 14)}
    assert seen["Alderney Imaging"] == {("MONOCHROME2", 12)}


def test_labels_follow_the_risks(commons: Commons) -> None:
    # The sum of independent labels is within 4 standard deviations of the sum of the risks.
    spread = np.sqrt(np.sum(commons.risk * (1 - commons.risk)))
    assert abs(commons.label.sum() - commons.risk.sum()) < 4 * spread
    assert 0.25 < commons.label.mean() < 0.7


def test_achievable_auroc_is_that_of_the_true_risks(commons: Commons) -> None:
    seen = roc_auc_score(commons.label, commons.risk)
    assert commons.simulated.achievable_auroc == pytest.approx(seen, abs=0.05)
    assert commons.simulated.achievable_auroc > 0.85


def test_expected_auroc_is_the_mean_over_many_labels(commons: Commons) -> None:
    rng = np.random.default_rng(5)
    draws = [
        float(roc_auc_score(rng.random(len(commons.risk)) < commons.risk, commons.risk))
        for _ in range(300)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    assert expected_auroc(commons.risk) == pytest.approx(np.mean(draws), abs=5 * error + 5e-4)


def test_expected_auroc_by_hand() -> None:
    # Pairs (i positive, j negative): (1, 0): 1 x (1 - 0) = 1, concordant; (0, 1): 0.
    assert expected_auroc(np.array([0.0, 1.0])) == 1.0
    # All pairs tie.
    assert expected_auroc(np.array([0.3, 0.3, 0.3])) == pytest.approx(0.5)
    # 0.8 against 0.4: concordant 0.8 x 0.6 = 0.48, discordant 0.4 x 0.2 = 0.08.
    assert expected_auroc(np.array([0.8, 0.4])) == pytest.approx(0.48 / 0.56)


def test_expected_auroc_without_a_pair_is_undefined() -> None:
    with pytest.raises(ValueError, match="needs two risks that can differ"):
        expected_auroc(np.array([1.0, 1.0]))


def test_the_image_shows_the_severity_and_a_plain_model_finds_it(commons: Commons) -> None:
    features = np.array([shown(study).ravel() for study in commons.studies])
    patients = [study.patient_id for study in commons.studies]
    scores = cross_val_predict(
        LogisticRegression(C=0.01, max_iter=2000),
        features,
        commons.label,
        cv=GroupKFold(5),
        groups=patients,
        method="predict_proba",
    )[:, 1]
    found = roc_auc_score(commons.label, scores)
    assert 0.7 < found < commons.simulated.achievable_auroc


def test_the_header_tells_no_more_than_the_site_does(commons: Commons) -> None:
    fields = [(study.manufacturer, study.modality, study.view) for study in commons.studies]
    rates = {
        field: commons.label[[other == field for other in fields]].mean() for field in set(fields)
    }
    by_header = roc_auc_score(commons.label, [rates[field] for field in fields])
    # In-sample, so biased upward; chance for ten groups of this size is about 0.56.
    assert by_header < 0.65


def test_severity_does_not_depend_on_age(commons: Commons) -> None:
    ages = np.array([study.age or 0 for study in commons.studies])
    assert abs(np.corrcoef(ages, commons.severity)[0, 1]) < 4 / np.sqrt(len(ages))


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    first = simulate(tmp_path / "a", patients=6, seed=3)
    again = simulate(tmp_path / "b", patients=6, seed=3)
    simulate(tmp_path / "c", patients=6, seed=4)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert first.achievable_auroc == again.achievable_auroc
    assert (
        digests(tmp_path / "a")
        .keys()
        .isdisjoint(name for name in digests(tmp_path / "c") if name.endswith(".dcm"))
    )


def test_more_patients_leave_the_first_ones_as_they_were(tmp_path: Path) -> None:
    simulate(tmp_path / "few", patients=3, seed=3)
    simulate(tmp_path / "more", patients=5, seed=3)
    few, more = digests(tmp_path / "few" / "dicom"), digests(tmp_path / "more" / "dicom")
    assert few.items() <= more.items()
    assert len(more) > len(few)


def test_progress_counts_patients(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    simulate(tmp_path / "c", patients=3, seed=1, progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(SimulationError, match="holds something else"):
        simulate(tmp_path, patients=3, seed=1)
    assert (tmp_path / "thesis.txt").exists()


def test_one_patient_is_no_commons(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="1 patients; a commons takes at least 2"):
        simulate(tmp_path / "c", patients=1, seed=1)


def test_shares_of_the_sites_are_shares() -> None:
    assert sum(site.share for site in SITES) == pytest.approx(1.0)
    for site in SITES:
        assert sum(site.races) == pytest.approx(1.0)


def test_a_planted_shortcut_lets_the_label_choose_the_scanner(tmp_path: Path) -> None:
    planted = simulate(tmp_path / "planted", patients=30, seed=3, shortcut=1.0)
    plain = simulate(tmp_path / "plain", patients=30, seed=3)
    assert planted.clinical.read_text() == plain.clinical.read_text()
    with planted.clinical.open(encoding="utf-8") as lines:
        labels = {line["study_uid"]: line["opacity"] for line in csv.DictReader(lines)}
    scanners: dict[str, set[str]] = {"0": set(), "1": set()}
    for file in planted.dicom.rglob("*.dcm"):
        header = pydicom.dcmread(file, stop_before_pixels=True)
        scanners[labels[header.StudyInstanceUID]].add(header.Manufacturer)
    assert scanners == {"0": {"Alderney Imaging"}, "1": {"Brightwell"}}
    assert planted.achievable_auroc == plain.achievable_auroc


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_shortcut_is_a_share(share: float, tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="from 0 to 1"):
        simulate(tmp_path / "c", patients=3, seed=1, shortcut=share)
