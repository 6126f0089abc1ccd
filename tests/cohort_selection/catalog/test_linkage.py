"""Two records of one patient are one patient, on one side of the wall."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.studies import Study
from tests.support.study_by_study import joined, linked


def study(uid: str, patient: str) -> Study:
    return Study(
        study_uid=uid,
        patient_id=patient,
        modality="DX",
        body_part="CHEST",
        description="",
        loinc="",
        manufacturer="GE",
        view="PA",
        acquired="",
        sex="Female",
        age=50,
        files=(Path(uid),),
    )


def record(uid: str, patient: str) -> ClinicalRecord:
    return ClinicalRecord(
        patient_id=patient,
        study_uid=uid,
        age=50,
        sex="Female",
        race="White",
        ethnicity="Not Reported",
        site="A",
        tests=(),
        findings={},
    )


def ids(studies: list[Study], records: list[ClinicalRecord]) -> dict[str, str]:
    return {str(row["study_uid"]): str(row["patient_id"]) for row in joined(studies, records)}


def test_two_header_ids_of_one_patient_of_the_table_are_one() -> None:
    studies = [study("1", "site A 17"), study("2", "site B 4"), study("3", "site B 5")]
    records = [record("1", "P1"), record("2", "P1")]
    assert ids(studies, records) == {"1": "P1", "2": "P1", "3": "site B 5"}


def test_a_chain_of_names_is_one_patient_whatever_the_order() -> None:
    """A is X; X is also B; B is Y; Y is also C: a walk from C back to A."""
    studies = [study("1", "A"), study("2", "B"), study("3", "B"), study("4", "C")]
    records = [record("1", "X"), record("2", "X"), record("3", "Y"), record("4", "Y")]
    for seed in range(6):
        random.Random(seed).shuffle(studies)
        random.Random(seed + 9).shuffle(records)
        assert ids(studies, records) == dict.fromkeys("1234", "X")


def test_where_header_and_table_agree_or_the_table_is_silent_nothing_changes() -> None:
    studies = [study("1", "A"), study("2", "B"), study("3", "C")]
    records = [record("1", "A"), record("", "B"), record("3", "")]
    assert ids(studies, records) == {"1": "A", "2": "B", "3": "C"}


def test_a_header_of_which_the_table_has_no_study_follows_its_name_in_the_table() -> None:
    studies = [study("1", "B"), study("2", "B"), study("3", "M")]
    assert ids(studies, [record("1", "M"), record("2", "K")]) == dict.fromkeys("123", "K")


def test_a_study_under_a_new_id_keeps_what_the_tables_say_of_its_patient() -> None:
    """A's first study is X's in the table of studies; a table of patients speaks of A."""
    studies = (study("1", "A"), study("2", "A"), study("3", "A"))
    alone = replace(record("3", ""), sex="Not Reported")
    of_a = replace(record("", "A"), site="of A")
    rows = joined(studies, (record("1", "X"), of_a, alone))
    assert [row["patient_id"] for row in rows] == ["X", "X", "X"]
    assert [row["header.patient_id"] for row in rows] == ["A", "A", "A"]
    assert [row["record.site"] for row in rows] == ["A", "of A", "A"]
    assert [row["record.sex"] for row in rows] == ["Female"] * 3


def test_columns_link_as_one_study_after_the_other() -> None:
    """Headers of few patients and tables with few names meet in every way."""
    drawn = random.Random(5)
    for _ in range(100):
        studies = [
            replace(
                study(str(i), drawn.choice("ABCDE")),
                sex=drawn.choice(("Female", "Male", "Not Reported")),
                born=drawn.choice(("", "19500101", "19710203")),
                acquired=drawn.choice(("", "2020-02-29", "2021-03-04", "2022-06-01")),
                age=drawn.choice((None, 50, 51, 89)),
                doubts=drawn.choice(((), ("study-date",))),
            )
            for i in range(drawn.randrange(1, 9))
        ]
        records = [
            replace(
                record(drawn.choice(("", str(i))), drawn.choice(("A", "B", "X", "Y", ""))),
                site=f"row {i}",
                sex=drawn.choice(("Female", "Not Reported")),
                findings=drawn.choice(({}, {"opacity": "1"}, {"opacity": ""})),
            )
            for i in range(drawn.randrange(9))
        ]
        rows = joined(studies, records)
        for row, after, found in zip(rows, *linked(studies, records), strict=True):
            assert (row["patient_id"], row["sex"]) == (after.patient_id, after.sex)
            assert row["doubts"] == list(after.doubts)
            assert row["recorded"] == (found is not None)
            assert row["record.site"] == (found and found.site)
            assert row["record.sex"] == (found and found.sex)
            said = None if found is None else found.findings.get("opacity")
            assert row.get("findings.opacity") == said
        # Who is one patient in the end has one sex.
        sexes: dict[object, set[object]] = {}
        for row in rows:
            sexes.setdefault(row["patient_id"], set()).add(row["sex"])
        assert all(len(said - {"Not Reported"}) <= 1 for said in sexes.values())
