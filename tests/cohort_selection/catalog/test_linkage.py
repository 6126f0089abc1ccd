"""Two records of one patient are one patient, on one side of the wall."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cohort_selection.catalog.linkage import linked
from cohort_selection.catalog.linking import link
from cohort_selection.catalog.parquet import PART, read_studies, write_studies
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.studies import Study
from cohort_selection.study_table.study_values import by_study


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
    return {each.study_uid: each.patient_id for each in linked(studies, records)[0]}


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


def test_a_study_under_a_new_id_keeps_what_the_tables_say_of_its_patient(tmp_path: Path) -> None:
    """A's first study is X's in the table of studies; a table of patients speaks of A."""
    studies = (study("1", "A"), study("2", "A"), study("3", "A"))
    alone = replace(record("3", ""), sex="Not Reported")
    of_a = replace(record("", "A"), site="of A")
    records = (record("1", "X"), of_a, alone)
    after, kept = linked(studies, records)
    assert (after, kept) == linked_on_disk(studies, records, tmp_path)
    find = by_study(kept)
    assert [each.patient_id for each in after] == ["X", "X", "X"]
    found = [find(each) for each in after]
    assert [each and each.site for each in found] == ["A", "of A", "A"]
    assert [each and each.sex for each in found] == ["Female"] * 3


def linked_on_disk(
    studies: Sequence[Study], records: Sequence[ClinicalRecord], folder: Path
) -> tuple[tuple[Study, ...], tuple[ClinicalRecord, ...]]:
    """What indexing writes: each patient under one id already."""
    path = folder / "studies.parquet"
    write_studies(path, studies)
    kept = link(path, records)
    return tuple(read_studies(path)), kept


def test_indexing_links_part_by_part_as_all_at_once(tmp_path: Path) -> None:
    """Headers of few patients and tables with few names meet in every way."""
    drawn = random.Random(5)
    for _ in range(60):
        studies = [
            replace(
                study(str(i), drawn.choice("ABCDE")),
                sex=drawn.choice(("Female", "Male")),
                born=drawn.choice(("", "19500101", "19710203")),
            )
            for i in range(drawn.randrange(1, 9))
        ]
        records = [
            record(drawn.choice(("", str(i))), drawn.choice(("A", "B", "X", "Y", "")))
            for i in range(drawn.randrange(9))
        ]
        before = [each.patient_id for each in studies]
        found = linked(studies, records)
        assert linked_on_disk(studies, records, tmp_path) == found
        assert [each.patient_id for each in studies] == before
        # Who is one patient in the end has one id and one sex.
        sexes: dict[str, set[str]] = {}
        for each in found[0]:
            sexes.setdefault(each.patient_id, set()).add(each.sex)
        assert all(len(said) == 1 for said in sexes.values())


def test_more_studies_than_are_written_at_once_are_linked(tmp_path: Path) -> None:
    n = 2 * PART + 3
    studies = [study(str(i), f"header {i % 7}") for i in range(n)]
    records = [record(str(i), f"P{i % 7}") for i in range(7)]
    written, _ = linked_on_disk(studies, records, tmp_path)
    assert [each.patient_id for each in written] == [f"P{i % 7}" for i in range(n)]
