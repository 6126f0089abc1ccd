"""Gen3 node exports: lists, several rows a study, two signs of days, one combined question."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from cohort_selection.clinical import vocabulary
from cohort_selection.clinical.records import ClinicalError, CovidTest, read
from cohort_selection.dicom.studies import Study
from cohort_selection.study_table.study_values import by_study
from tests.support.clinical_tables import only, table


@pytest.mark.realdata
def test_41_spellings_of_modality_are_the_modalities_they_name(shared_data: Path) -> None:
    path = shared_data / "cohort" / "midrc_example_5000_patients.csv"
    with path.open(encoding="utf-8") as file:
        written = {row["submitter_id"]: row["modality"] for row in csv.DictReader(file)}
    assert len(set(written.values())) == 41
    records = {record.patient_id: record.findings["modality"] for record in read(path)}
    for patient_id, text in written.items():
        found = records[patient_id].split(",")
        assert found == sorted(found)
        # MIDRC's own scripts ask whether the text contains the name; CTPT (PET/CT) misleads them.
        for modality in ("CR", "DX", "MR", "MG", "RF"):
            assert (modality in text) == (modality in found)
        assert ("CT" in text.replace("CTPT", "")) == ("CT" in found)
    assert len({records[patient] for patient, text in written.items() if "CTPT" not in text}) < 20


@pytest.mark.realdata
def test_flattened_days_of_a_real_download_are_tests_of_that_study(shared_data: Path) -> None:
    records = read(shared_data / "cohort" / "tbs_final_cohort_10pct.csv")
    first = next(record for record in records if record.study_uid.endswith("586050771692"))
    # The row has no positive day and negative days -90, -127, -133, -146 and -153.
    assert first.tests == tuple(CovidTest("Negative", day) for day in (-153, -146, -133, -127, -90))
    assert first.findings["covid19_positive"] == "Yes"  # ever; not at imaging
    assert first.findings["days_to_study"] == "118"
    assert first.findings["object_id"].count("dg.MD1R/") == 6
    assert first.findings["study_modality"] == "CT"


def test_ever_positive_is_no_test(tmp_path: Path) -> None:
    record = only(table(tmp_path, "submitter_id,covid19_positive\nA,Yes\n"))
    assert record.tests == ()
    assert record.findings == {"covid19_positive": "Yes"}


def test_days_from_test_to_study_have_the_other_sign(tmp_path: Path) -> None:
    challenge = table(
        tmp_path,
        "case_ids,study_uid,test_result_text,days_from_test_to_study\nA,1.2,Positive,5\n",
        "covidx.csv",
    )
    dictionary = table(
        tmp_path,
        "case_ids,study_uid,days_from_study_to_pos_covid_test,days_to_study\nA,1.2,-5,40\n",
        "imaging_study.csv",
    )
    node = table(
        tmp_path,
        "case_ids,test_result_text,test_days_from_index\nA,Positive,35\n",
        "measurement.csv",
    )
    # The test was five days before the study, whoever says it; said three times, it is one test.
    for tables in ((challenge,), (dictionary,), (dictionary, node), (challenge, dictionary, node)):
        assert only(*tables).tests == (CovidTest("Positive", -5),)


def test_days_come_as_a_list_in_one_cell_too(tmp_path: Path) -> None:
    text = 'case_ids,study_uid,days_from_study_to_neg_covid_test\nA,1,"[3, -4]"\nB,2,"1,0"\n'
    first, second = read(table(tmp_path, text))
    assert first.tests == (CovidTest("Negative", -4), CovidTest("Negative", 3))
    assert second.tests == (CovidTest("Negative", 0), CovidTest("Negative", 1))


# Expected values: OMB Directive 15 (2024) for the combined question, its predecessor of 1997 for
# the two that MIDRC's race and ethnicity follow.
@pytest.mark.parametrize(
    ("answer", "race", "ethnicity"),
    [
        ("Asian", "Asian", "Not Hispanic or Latino"),
        ("Hispanic or Latino", "Not Reported", "Hispanic or Latino"),
        ("White,Hispanic or Latino", "White", "Hispanic or Latino"),
        ("['White', 'Asian']", "Other", "Not Hispanic or Latino"),
        ("Middle Eastern or North African", "White", "Not Hispanic or Latino"),
        ("Middle Eastern or North African,White", "White", "Not Hispanic or Latino"),
        (
            "Native Hawaiian or Pacific Islander",
            "Native Hawaiian or other Pacific Islander",
            "Not Hispanic or Latino",
        ),
        ("Other", "Other", "Not Hispanic or Latino"),
        ("Not Reported", "Not Reported", "Not Reported"),
        ("", "Not Reported", "Not Reported"),
    ],
)
def test_one_combined_answer_gives_race_and_ethnicity(
    tmp_path: Path, answer: str, race: str, ethnicity: str
) -> None:
    record = only(table(tmp_path, f"case_ids\trace_ethnicity\nA\t{answer}\n"))
    assert (record.race, record.ethnicity) == (race, ethnicity)


def test_a_flattened_combined_answer_is_kept_and_separate_answers_come_first(
    tmp_path: Path,
) -> None:
    record = only(
        table(
            tmp_path,
            "case_ids,race,race_ethnicity_0,race_ethnicity_1\nA,Black,Asian,Hispanic or Latino\n",
        )
    )
    assert record.findings["race_ethnicity"] == "Asian|Hispanic or Latino"
    assert record.race == "Black or African American"
    assert record.ethnicity == "Hispanic or Latino"


def test_a_category_that_the_combined_question_has_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="line 2: race_ethnicity is 'Klingon'; expected"):
        read(table(tmp_path, "case_ids,race_ethnicity\nA,Klingon\n"))


def test_five_nodes_join_into_one_record_a_study(tmp_path: Path) -> None:
    case = table(
        tmp_path,
        "type\tsubmitter_id\tcase_ids\tage_at_index\tage_at_index_gt89\tsex\tsite_id\n"
        "case\tA\tA\t\tYes\tFemale\t419639\n",
        "case.tsv",
    )
    study = table(
        tmp_path,
        "*type\t*submitter_id\t*cases.submitter_id\tcase_ids\tstudy_uid\tdays_to_study"
        "\tstudy_modality\tbody_part_examined_0\tbody_part_examined_1\n"
        "imaging_study\tst-1\tA\tA\t1.2\t10\tDX, CR\tCHEST\tABDOMEN\n"
        "imaging_study\tst-2\tA\t\t1.3\t50\tCR\tCHEST\t\n",
        "imaging_study.tsv",
    )
    series = table(
        tmp_path,
        "type\tsubmitter_id\tcase_ids\tstudy_uid\tseries_uid\tmanufacturer\tview_position_0\n"
        "dx_series_file\tse-1\tA\t1.2\t9.1\tCorvane\tPA\n"
        "dx_series_file\tse-2\tA\t1.2\t9.2\tAlderney\tLL\n",
        "dx_series_file.tsv",
    )
    measurement = table(
        tmp_path,
        "type\tsubmitter_id\tcase_ids\ttest_name\ttest_result_text\ttest_days_from_index\n"
        "measurement\tm-1\tA\tCOVID-19\tPositive\t8\n",
        "measurement.tsv",
    )
    condition = table(
        tmp_path,
        "type\tsubmitter_id\tcase_ids\tcondition_code\tcondition_name\n"
        "condition\tc-1\tA\tU07.1\tCOVID-19\ncondition\tc-2\tA\tJ12.82\tPneumonia\n",
        "condition.tsv",
    )
    records = {
        record.study_uid: record for record in read(case, study, series, measurement, condition)
    }
    assert set(records) == {"", "1.2", "1.3"}
    first, second = records["1.2"], records["1.3"]
    assert (first.age, first.sex, first.site) == (90, "Female", "419639")
    assert first.tests == (CovidTest("Positive", -2),)
    assert second.tests == (CovidTest("Positive", -42),)
    assert first.findings["study_modality"] == "CR,DX"
    assert first.findings["body_part_examined"] == "CHEST|ABDOMEN"
    assert first.findings["manufacturer"] == "Alderney|Corvane"
    assert first.findings["view_position"] == "LL|PA"
    assert "manufacturer" not in second.findings
    assert second.findings["condition_code"] == "J12.82|U07.1"


def test_conditions_alone_make_a_record(tmp_path: Path) -> None:
    record = only(table(tmp_path, "case_ids,condition_code\nA,U07.1\nA,J12.82\nA,U07.1\n"))
    assert (record.patient_id, record.study_uid) == ("A", "")
    assert record.findings == {"condition_code": "J12.82|U07.1"}


def test_columns_of_another_table_can_be_named(tmp_path: Path) -> None:
    other = table(tmp_path, "PatNr;Alter;Geschlecht;Untersuchung;Befund\n7;54;f;1.2;1\n")
    names = {"patient": "PatNr", "age": "Alter", "sex": "Geschlecht", "study": "Untersuchung"}
    (record,) = read(other, columns=names)
    assert (record.patient_id, record.study_uid) == ("7", "1.2")
    assert (record.age, record.sex) == (54, "Female")
    assert record.findings == {"Befund": "1"}


def test_a_column_that_no_table_has_is_named(tmp_path: Path) -> None:
    first, second = table(tmp_path, "PatNr\n7\n"), table(tmp_path, "patient_id\n8\n", "b.csv")
    with pytest.raises(ClinicalError, match="column map: age is 'Alter', which no table has"):
        read(first, second, columns={"patient": "PatNr", "age": "Alter"})


@pytest.mark.realdata
def test_a_real_table_of_another_origin_is_read_by_its_map(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "labels" / "nih_expert_four_findings_validation.csv"
    names = {
        "patient": "Patient ID",
        "study": "Image Index",
        "age": "Patient Age",
        "sex": "Patient Gender",
    }
    with pytest.raises(ClinicalError, match="line 2379: Patient Age is '155'; give years"):
        read(path, columns=names)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["Patient Age"] = row["Patient Age"] if int(row["Patient Age"]) <= 120 else ""
    corrected = tmp_path / "corrected.csv"
    with corrected.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    records = {record.study_uid: record for record in read(corrected, columns=names)}
    assert len(records) == len(rows) > 1000
    for row in rows:
        record = records[row["Image Index"]]
        assert record.patient_id == row["Patient ID"]
        assert record.sex == {"M": "Male", "F": "Female"}[row["Patient Gender"]]
        assert record.age == (int(row["Patient Age"]) if row["Patient Age"] else None)
        assert record.findings["Airspace opacity"] == row["Airspace opacity"]
        assert "Patient Age" not in record.findings


@pytest.mark.realdata
def test_a_real_table_that_knows_studies_alone_joins_by_study(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "labels" / "midrc_mrale_2079.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first, second = rows[0]["StudyInstanceUID"], rows[1]["StudyInstanceUID"]
    other = table(tmp_path, f"case_ids,study_uid,sex\nA,{first},F\nB,1.2,M\n")
    records = {record.study_uid: record for record in read(path, other)}
    assert len(records) == len(rows) + 1
    assert (records[first].patient_id, records[first].sex) == ("A", "Female")
    assert records[first].findings["mRALE Score"] == rows[0]["mRALE Score"]
    assert records[second].patient_id == ""
    assert records[second].findings["mRALE Score"] == rows[1]["mRALE Score"]


def test_a_record_that_knows_its_study_alone_is_filled_up_by_its_patients(tmp_path: Path) -> None:
    labels = table(tmp_path, "study_uid,opacity\n1.2,1\n", "labels.csv")
    cases = table(tmp_path, "case_ids,sex,race,opacity\nA,F,White,0\n", "cases.csv")
    find = by_study(read(labels, cases))
    study = Study(
        study_uid="1.2",
        patient_id="A",
        modality="DX",
        body_part="",
        description="",
        loinc="",
        manufacturer="",
        view="",
        acquired="",
        sex="Not Reported",
        age=None,
        files=(),
    )
    found = find(study)
    assert found is not None
    assert (found.patient_id, found.sex, found.race) == ("A", "Female", "White")
    assert found.findings == {"opacity": "1"}
    other = find(replace(study, study_uid="1.3"))
    assert other is not None
    assert other.findings == {"opacity": "0"}


def test_a_line_that_names_neither_patient_nor_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"t\.csv line 3: no study UID; the table names no"):
        read(table(tmp_path, "study_uid,opacity\n1.2,1\n,0\n", "t.csv"))


def test_a_field_that_cannot_be_mapped_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="column map has 'label', which is no field; its fi"):
        read(table(tmp_path, "patient_id\nA\n"), columns={"label": "x"})


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["CR,DX"], "CR,DX"),
        (["DX, CR"], "CR,DX"),
        (["['DX']"], "DX"),
        (["DX", "cr", ""], "CR,DX"),
        ([""], ""),
    ],
)
def test_modalities(texts: list[str], expected: str) -> None:
    assert vocabulary.modalities(texts) == expected
