"""Dates, ages and sexes that cannot be so: what is taken, and that the steward is told."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation

from cohort_selection.catalog import catalog
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.dicom.doubts import MEANING, Doubt, day, person
from cohort_selection.dicom.studies import index
from tests.support.catalog_studies import studies_in
from tests.support.commands import succeed

HEADER = {
    "AcquisitionDate": "20200302",
    "StudyDate": "20200302",
    "PatientBirthDate": "19600301",
    "PatientAge": "060Y",
    "PatientSex": "F",
}


def image(folder: Path, name: str, study: str, patient: str, **values: str) -> None:
    """A radiograph whose header says ``values`` in place of those above."""
    path = folder / f"{name}.dcm"
    write_radiograph(
        path,
        Radiograph(
            pixels=np.full((4, 6), 7, np.uint8),
            study_uid=uid(study),
            series_uid=uid(study, "series"),
            instance_uid=uid(study, name),
            patient_id=patient,
        ),
        "CR",
    )
    with disable_value_validation():
        data = pydicom.dcmread(path)
        for keyword, value in (HEADER | values).items():
            setattr(data, keyword, value)
        data.save_as(path)


BORN = [Doubt.BIRTH_DATE]


# Day, age and doubts by hand. Born on 1 March 1960: 60 on 2 March 2020.
@pytest.mark.parametrize(
    ("said", "acquired", "age", "doubts"),
    [
        ({}, "2020-03-02", 60, []),
        ({"PatientAge": ""}, "2020-03-02", 60, []),
        ({"PatientAge": "", "StudyDate": "20200229"}, "2020-03-02", 59, []),
        ({"AcquisitionDate": "00000000"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "20201301"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "20200230"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "19000101"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "18000101"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "19010101"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"PatientBirthDate": "19010101", "PatientAge": ""}, "2020-03-02", 119, []),
        ({"AcquisitionDate": "2.3.2020"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "2020"}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"StudyDate": "", "PatientAge": ""}, "2020-03-02", 60, []),
        ({"StudyDate": "20201301", "PatientAge": ""}, "2020-03-02", 60, [Doubt.STUDY_DATE]),
        ({"AcquisitionDate": "2020.03.02"}, "2020-03-02", 60, []),
        ({"AcquisitionDate": "2020-03-02"}, "2020-03-02", 60, []),
        ({"AcquisitionDate": "20200302101500.5+0100"}, "2020-03-02", 60, []),
        ({"AcquisitionDate": "20200303\\20200304"}, "2020-03-03", 60, []),
        ({"AcquisitionDate": "20200601"}, "2020-06-01", 60, [Doubt.DATES_APART]),
        (
            {"AcquisitionDate": "21800302", "StudyDate": "21800302", "PatientBirthDate": ""},
            "2180-03-02",
            60,
            [Doubt.FUTURE],
        ),
        ({"PatientBirthDate": "19000101", "PatientAge": ""}, "2020-03-02", None, BORN),
        ({"PatientBirthDate": "19000101"}, "2020-03-02", 60, [Doubt.BIRTH_DATE]),
        ({"PatientBirthDate": "18991230", "PatientAge": ""}, "2020-03-02", None, BORN),
        ({"PatientBirthDate": "19600000", "PatientAge": ""}, "2020-03-02", None, BORN),
        ({"PatientBirthDate": "00010101", "PatientAge": ""}, "2020-03-02", None, BORN),
        ({"PatientBirthDate": "1.3.1960", "PatientAge": ""}, "2020-03-02", None, BORN),
        ({"PatientBirthDate": "1960.03.01", "PatientAge": ""}, "2020-03-02", 60, []),
        (
            {"PatientBirthDate": "20210101", "PatientAge": ""},
            "2020-03-02",
            None,
            [Doubt.BEFORE_BIRTH],
        ),
        ({"PatientAge": "999Y"}, "2020-03-02", 60, [Doubt.AGE]),
        ({"PatientAge": "999M"}, "2020-03-02", 60, [Doubt.AGE]),
        ({"PatientAge": "-05Y", "PatientBirthDate": ""}, "2020-03-02", None, [Doubt.AGE]),
        ({"PatientAge": "121Y", "PatientBirthDate": ""}, "2020-03-02", None, [Doubt.AGE]),
        ({"PatientAge": "61"}, "2020-03-02", 61, []),
        ({"PatientAge": "720M"}, "2020-03-02", 60, []),
        ({"PatientAge": "004Y"}, "2020-03-02", 4, [Doubt.AGE_AND_BIRTH]),
        ({"PatientAge": "000Y"}, "2020-03-02", None, [Doubt.AGE_AND_BIRTH]),
        ({"PatientAge": "011M", "PatientBirthDate": "20190401"}, "2020-03-02", 0, []),
        ({"PatientAge": "090Y", "PatientBirthDate": "19250101"}, "2020-03-02", 90, []),
        ({"PatientAge": "UNKNOWN", "PatientBirthDate": "Unknown"}, "2020-03-02", None, []),
    ],
)  # fmt: skip
def test_what_is_taken_of_a_header(
    tmp_path: Path,
    said: dict[str, str],
    acquired: str,
    age: int | None,
    doubts: Sequence[Doubt],
) -> None:
    image(tmp_path, "a", "S", "P", **said)
    (study,), kept_out = index(tmp_path)
    assert kept_out == []
    assert (study.acquired, study.age, list(study.doubts)) == (acquired, age, doubts)


@pytest.mark.parametrize(
    ("said", "sex", "doubts"),
    [
        ("M", "Male", []),
        ("female", "Female", []),
        ("O", "Other", []),
        ("", "Not Reported", []),
        ("U", "Not Reported", []),
        ("W", "Not Reported", [Doubt.SEX]),
        ("1", "Not Reported", [Doubt.SEX]),
        ("F\\M", "Not Reported", [Doubt.SEX]),
    ],
)
def test_a_sex_that_dicom_does_not_know_is_not_guessed(
    tmp_path: Path, said: str, sex: str, doubts: Sequence[Doubt]
) -> None:
    image(tmp_path, "a", "S", "P", PatientSex=said)
    ((study,), _) = index(tmp_path)
    assert (study.sex, list(study.doubts)) == (sex, doubts)


def test_images_of_one_study_that_contradict_each_other(tmp_path: Path) -> None:
    image(tmp_path, "a", "two ages", "P1", PatientAge="045Y", PatientBirthDate="")
    image(tmp_path, "b", "two ages", "P1", PatientAge="004Y", PatientBirthDate="")
    image(tmp_path, "c", "a birthday", "P2", PatientAge="045Y", PatientBirthDate="")
    image(tmp_path, "d", "a birthday", "P2", PatientAge="046Y", PatientBirthDate="")
    image(tmp_path, "e", "two sexes", "P3", PatientSex="M")
    image(tmp_path, "f", "two sexes", "P3", PatientSex="F")
    image(tmp_path, "g", "two births", "P4", PatientBirthDate="19600301")
    image(tmp_path, "h", "two births", "P4", PatientBirthDate="19600302")
    image(tmp_path, "i", "no good first", "P5", AcquisitionDate="00000000", StudyDate="00000000")
    image(tmp_path, "j", "no good first", "P5")
    studies, _ = index(tmp_path)
    found = {s.patient_id: (s.age, s.sex, s.acquired, list(s.doubts)) for s in studies}
    assert found == {
        "P1": (None, "Female", "2020-03-02", [Doubt.TWO_AGES]),
        "P2": (45, "Female", "2020-03-02", []),
        "P3": (60, "Not Reported", "2020-03-02", [Doubt.TWO_SEXES]),
        "P4": (60, "Female", "2020-03-02", [Doubt.TWO_BIRTH_DATES]),
        "P5": (60, "Female", "2020-03-02", [Doubt.STUDY_DATE]),
    }


def commons(folder: Path) -> Path:
    """Six patients: one in order, four who contradict themselves, one found by the day alone."""
    for patient in ("fine", "sexes", "births", "ages"):
        for visit in (1, 2):
            image(folder, f"{patient}{visit}", f"{patient} {visit}", patient, PatientAge="060Y")
    image(folder, "sexes3", "sexes 3", "sexes", PatientSex="M")
    image(folder, "births3", "births 3", "births", PatientBirthDate="19600203")
    later = {"AcquisitionDate": "20240302", "StudyDate": "20240302", "PatientBirthDate": ""}
    image(folder, "ages3", "ages 3", "ages", PatientAge="050Y", **later)
    image(folder, "fine3", "fine 3", "fine", PatientAge="064Y", **later)
    image(folder, "day", "day", "day", StudyDate="20201301")
    return folder


def test_patients_who_contradict_themselves_are_told_and_listed(tmp_path: Path) -> None:
    """Nine studies are of two people under one id, it seems, and one has no good day."""
    dicom = commons(tmp_path / "dicom")
    clinical = tmp_path / "clinical.csv"
    clinical.write_text("case_ids,opacity\nfine,1\n")
    folder = tmp_path / "catalog"
    printed = succeed("index", dicom, "--clinical", clinical, "--output", folder)
    told = " ".join(printed.split())
    assert "each other: 10 studies, listed in doubts.csv" in told
    for doubt, n in [
        (Doubt.SEXES_OF_PATIENT, 3),
        (Doubt.BIRTH_DATES_OF_PATIENT, 3),
        (Doubt.AGES_OF_PATIENT, 3),
        (Doubt.STUDY_DATE, 1),
    ]:
        assert f" {n}: {MEANING[doubt][0]}; {MEANING[doubt][1]}" in told
    with (folder / "doubts.csv").open(newline="") as file:
        listed = [
            (row["patient_id"], row["study_uid"], row["doubt"]) for row in csv.DictReader(file)
        ]
    assert sorted(listed) == sorted(
        [
            *(("sexes", uid(f"sexes {k}"), "sexes-of-patient") for k in (1, 2, 3)),
            *(("births", uid(f"births {k}"), "birth-dates-of-patient") for k in (1, 2, 3)),
            *(("ages", uid(f"ages {k}"), "ages-of-patient") for k in (1, 2, 3)),
            ("day", uid("day"), "study-date"),
        ]
    )
    read = {study.study_uid: study for study in studies_in(folder)}
    assert {read[uid(f"sexes {k}")].sex for k in (1, 2, 3)} == {"Not Reported"}
    assert {read[uid(f"fine {k}")].sex for k in (1, 2, 3)} == {"Female"}
    assert [d for s in read.values() if s.patient_id == "fine" for d in s.doubts] == []
    assert read[uid("births 1")].doubts == ("birth-dates-of-patient",)


def test_two_ids_that_the_table_joins_are_judged_as_one_patient(tmp_path: Path) -> None:
    """Header ids A and B are one patient P of the table, a man and a woman by their headers."""
    image(tmp_path / "dicom", "a", "A", "A", PatientSex="F")
    image(tmp_path / "dicom", "b", "B", "B", PatientSex="M")
    records = [
        ClinicalRecord(
            patient_id="P",
            study_uid=uid(study),
            age=None,
            sex="Not Reported",
            race="",
            ethnicity="",
            site="",
            tests=(),
            findings={},
        )
        for study in ("A", "B")
    ]
    found = catalog.update(tmp_path / "dicom", records, tmp_path / "catalog")
    (told,) = [line for line in found.notes if "contradict" in line]
    assert "2 studies, listed in doubts.csv" in told
    studies = studies_in(tmp_path / "catalog")
    assert [(s.patient_id, s.sex, s.doubts) for s in studies] == [
        ("P", "Not Reported", ("sexes-of-patient",))
    ] * 2


def test_a_commons_in_order_says_nothing(tmp_path: Path) -> None:
    image(tmp_path / "dicom", "a", "A", "A")
    record = ClinicalRecord(
        patient_id="A",
        study_uid="",
        age=60,
        sex="Female",
        race="",
        ethnicity="",
        site="",
        tests=(),
        findings={},
    )
    found = catalog.update(tmp_path / "dicom", [record], tmp_path / "catalog")
    assert found.notes == (
        "header against clinical table, 1 studies: another patient in 0, another sex in 0, "
        "another age in 0; the clinical table is believed",
    )
    assert (tmp_path / "catalog" / "doubts.csv").read_text().count("\n") == 1


def test_the_day_of_reading_is_not_the_future() -> None:
    """A site in another time zone may be a day ahead."""
    said = {"StudyDate": "20260302"}

    def doubts(today: date) -> tuple[Doubt, ...]:
        return person(said, today).doubts

    assert doubts(date(2026, 3, 1)) == doubts(date(2026, 3, 2)) == ()
    assert doubts(date(2026, 2, 28)) == (Doubt.FUTURE,)


@pytest.mark.realdata
def test_three_real_headers_are_doubted(shared_data: Path) -> None:
    """RSNA's placeholder; 1997 and 2004; 52 years, of which the birth date makes 56."""
    studies, _ = index(shared_data / "dicom")
    doubted = {
        study.files[0].name: (study.doubts, study.acquired, study.age)
        for study in studies
        if study.doubts
    }
    assert doubted == {
        "cr_chest_rsna_jpeg_baseline.dcm": (("study-date",), "", 62),
        "ct_small_explicit_le.dcm": (("dates-apart",), "1997-04-30", 0),
        "enhanced_ct_multiframe.dcm": (("age-and-birth",), "2006-12-19", 52),
    }


def test_every_doubt_has_its_sentence() -> None:
    assert set(MEANING) == set(Doubt)
    assert day("20200229") == date(2020, 2, 29)
    assert day("20190229") is None


def test_studies_keep_what_tells_birth_dates_apart_and_no_birth_date(tmp_path: Path) -> None:
    image(tmp_path / "dicom", "a", "A", "A")
    catalog.update(tmp_path / "dicom", [], tmp_path / "catalog")
    (study,) = studies_in(tmp_path / "catalog")
    assert "1960" not in repr(replace(study, files=()))
    kept = b"".join(p.read_bytes() for p in (tmp_path / "catalog").rglob("*") if p.is_file())
    assert b"19600301" not in kept
    assert b"1960-03-01" not in kept
