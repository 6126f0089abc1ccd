"""Clinical tables: MIDRC's quirks on its real exports, and what a table may not say."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from cohort_selection.clinical.records import ClinicalError, CovidTest, read
from tests.support.clinical_tables import only, table


@pytest.mark.realdata
def test_midrc_cases_have_the_counts_that_their_readme_states(shared_data: Path) -> None:
    records = read(shared_data / "demographics" / "midrc_cases_open_R1_3700.tsv")
    assert len(records) == 3700
    assert Counter(record.sex for record in records) == {
        "Female": 1966,
        "Male": 1730,
        "Not Reported": 4,
    }
    assert Counter(record.race for record in records) == {
        "White": 1587,
        "Asian": 933,
        "Black or African American": 426,
        "Other": 192,
        "Native Hawaiian or other Pacific Islander": 34,
        "American Indian or Alaska Native": 10,
        "Not Reported": 518,
    }
    assert Counter(record.findings["covid19_positive"] for record in records) == {
        "Yes": 579,
        "No": 3121,
    }
    # All 227 ages that are missing are missing because they are above 89.
    assert sum(record.age == 90 for record in records) == 227
    assert all(record.age is not None for record in records)
    assert all(record.study_uid == "" for record in records)


@pytest.mark.realdata
def test_midrc_example_codes_890_and_999_are_no_ages(shared_data: Path) -> None:
    path = shared_data / "cohort" / "midrc_example_5000_patients.csv"
    with path.open(encoding="utf-8") as file:
        written = {row["submitter_id"]: row["age_at_index"] for row in csv.DictReader(file)}
    assert Counter(written.values())["890"] == 92
    records = read(path)
    assert len(records) == 5000
    for record in records:
        if written[record.patient_id] == "890":
            assert record.age == 90
        elif written[record.patient_id] == "999":
            assert record.age is None
        else:
            assert record.age == int(written[record.patient_id])


@pytest.mark.realdata
def test_a_study_level_download_takes_the_patient_from_case_ids_0(shared_data: Path) -> None:
    records = read(shared_data / "cohort" / "tbs_final_cohort_10pct.csv")
    assert len(records) == 870
    first = next(record for record in records if record.study_uid.endswith("586050771692"))
    assert first.patient_id == "419639-010393"
    assert (first.age, first.sex, first.race) == (76, "Male", "White")
    assert first.findings["loinc_code"] == "24628-0"


@pytest.mark.realdata
def test_a_patient_with_two_sexes_in_a_real_table_is_found(shared_data: Path) -> None:
    with pytest.raises(ClinicalError, match=r"metadata\.csv line 333: sex is Female, but .* 331"):
        read(shared_data / "images" / "cohen_covid" / "metadata.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("M", "Male"),
        ("f", "Female"),
        ("FEMALE", "Female"),
        ("O", "Other"),
        ("", "Not Reported"),
        ("unknown", "Not Reported"),
        ("Not Reported", "Not Reported"),
        ("?", "Not Reported"),
    ],
)
def test_spellings_of_sex(tmp_path: Path, text: str, expected: str) -> None:
    assert only(table(tmp_path, f"patient_id,sex\nA,{text}\n")).sex == expected


def test_census_and_midrc_spellings_of_race_are_one(tmp_path: Path) -> None:
    records = read(
        table(
            tmp_path,
            "patient_id\trace\tethnicity\n"
            "A\tNative Hawaiian and Other Pacific Islander\tHispanic\n"
            "B\tblack or african  american\tNot Hispanic or Latino\n"
            "C\t\t\n",
            "cases.tsv",
        )
    )
    assert [record.race for record in records] == [
        "Native Hawaiian or other Pacific Islander",
        "Black or African American",
        "Not Reported",
    ]
    assert [record.ethnicity for record in records] == [
        "Hispanic or Latino",
        "Not Hispanic or Latino",
        "Not Reported",
    ]


@pytest.mark.parametrize(
    ("age", "over_89", "expected"),
    [
        ("79.0", "No", 79),
        ("", "Yes", 90),
        ("", "No", None),
        ("0", "No", 0),
        ("890", "", 90),
        ("999", "", None),
        ("061Y", "", 61),
        ("nan", "Yes", 90),
        ("45.6", "", 45),
        ("90+", "", 90),
        (">89", "", 90),
        ("≥ 90", "", 90),
        ("90 and over", "", 90),
        ("45 years", "", 45),
    ],
)
def test_ages(tmp_path: Path, age: str, over_89: str, expected: int | None) -> None:
    text = f"submitter_id,age_at_index,age_at_index_gt89\nA,{age},{over_89}\n"
    assert only(table(tmp_path, text)).age == expected


@pytest.mark.parametrize("age", ["old", "-3", "-5", "121", "411", "1e3", "1_0", "40+", '"70,5"'])
def test_an_age_that_is_none_names_file_line_and_what_to_do(tmp_path: Path, age: str) -> None:
    text = f"patient_id,age\nA,40\nB,{age}\n"
    with pytest.raises(ClinicalError, match=r"^cases\.csv line 3: age is '.*'; give years from"):
        read(table(tmp_path, text))


def test_other_columns_are_findings_verbatim(tmp_path: Path) -> None:
    record = only(table(tmp_path, "patient_id,sex,opacity,Note\nA,M,1, Two words \n"))
    assert record.findings == {"opacity": "1", "Note": "Two words"}


def test_patient_and_study_tables_join(tmp_path: Path) -> None:
    cases = table(tmp_path, "submitter_id,sex,race,age_at_index\nA,F,Asian,50\nB,M,,60\n", "c.csv")
    studies = table(
        tmp_path,
        "case_ids_0\tstudy_uid\tage_at_imaging\topacity\nA\t1.2\t51\t1\nA\t1.3\t\t0\n",
        "s.tsv",
    )
    records = {(record.patient_id, record.study_uid): record for record in read(cases, studies)}
    assert set(records) == {("A", ""), ("A", "1.2"), ("A", "1.3"), ("B", "")}
    assert (records["A", "1.2"].age, records["A", "1.2"].sex) == (51, "Female")
    assert (records["A", "1.3"].age, records["A", "1.3"].race) == (50, "Asian")
    assert records["A", "1.3"].findings["opacity"] == "0"
    assert records["B", ""].age == 60


def test_days_of_tests_are_counted_from_each_study(tmp_path: Path) -> None:
    studies = table(
        tmp_path, "case_ids,study_uid,days_to_study\nA,1.2,0\nA,1.3,30\n", "studies.csv"
    )
    tests = table(
        tmp_path,
        "case_ids\ttest_name\ttest_result_text\ttest_days_from_index\n"
        "A\tCOVID-19\tPositive\t-3\nA\tCOVID-19\tNegative\t28\nA\tInfluenza\tPositive\t1\n",
        "measurement.tsv",
    )
    first, second = read(studies, tests)
    assert first.tests == (CovidTest("Positive", -3), CovidTest("Negative", 28))
    # By hand: -3 - 30 = -33, 28 - 30 = -2; negative means that the test came before the study.
    assert second.tests == (CovidTest("Positive", -33), CovidTest("Negative", -2))


def test_tests_of_a_patient_without_another_row_are_kept(tmp_path: Path) -> None:
    text = "case_ids,test_result_text,test_days_from_index\nA,Positive,4\nA,,5\nA,Negative,\n"
    assert only(table(tmp_path, text)).tests == (
        CovidTest("Positive", 4, from_study=False),
        CovidTest("Not Reported", 5, from_study=False),
    )


def test_two_sexes_in_two_tables_name_both_lines_and_no_patient(tmp_path: Path) -> None:
    first = table(tmp_path, "patient_id,sex\nSECRET,M\n", "first.csv")
    second = table(tmp_path, "patient_id,sex\nX,F\nSECRET,F\n", "second.csv")
    with pytest.raises(ClinicalError) as caught:
        read(first, second)
    message = str(caught.value)
    assert message.startswith("second.csv line 3: sex is Female, but first.csv line 2 says Male")
    assert "SECRET" not in message


def test_not_reported_contradicts_nobody(tmp_path: Path) -> None:
    text = "patient_id,study_uid,sex\nA,1,M\nA,1,Not Reported\nA,2,\n"
    assert [record.sex for record in read(table(tmp_path, text))] == ["Male", "Not Reported"]


def test_the_same_row_twice_is_one(tmp_path: Path) -> None:
    text = "patient_id,study_uid,opacity\nA,1,1\nA,1,1\nA,1,\n"
    assert only(table(tmp_path, text)).findings == {"opacity": "1"}


def test_two_labels_for_one_study_are_an_error(tmp_path: Path) -> None:
    text = "patient_id,study_uid,opacity\nA,1,1\nA,1,0\n"
    with pytest.raises(
        ClinicalError,
        match=r"cases\.csv line 3: opacity is '0', but cases\.csv line 2 says '1' for the same st",
    ):
        read(table(tmp_path, text))


def test_two_rows_of_a_patient_without_study_column_say_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="add a column study_uid if they are two studies"):
        read(table(tmp_path, "patient_id,age\nA,50\nA,53\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,sex\n3,M\n", r"line 1: no column for the patient; found age, sex; name one of them"),
        ("patient_id,test_result_text\nA,Positive\n", "line 1: no column for the day of the test"),
        ("patient_id,sex\nA,masculine\n", "line 2: sex is 'masculine'; expected Female, Male"),
        ("patient_id,race\nA,Martian\n", "line 2: race is 'Martian'; expected"),
        ("patient_id,sex\n,M\n", "line 2: 0 patient ids; expected one"),
        ("patient_id,sex\nnan,M\n", "line 2: 0 patient ids; expected one"),
        ("PatientID,Patient ID\nA,B\n", "columns 'PatientID' and 'Patient ID' have one name"),
        ("case_ids_0,case_ids_1\nA,B\n", "line 2: 2 patient ids; expected one"),
        ("patient_id,sex,sex\nA,M,M\n", "line 1: two columns are named 'sex'"),
        ("patient_id,sex\nA,M,3\n", "line 2: 3 fields, but the header names 2 columns"),
        ("patient_id,note,o\nA,one\ntwo,1\n", "line 2: 2 fields, but the header names 3 columns"),
        (f"patient_id,note\nA,{'x' * 140_000}\n", "line 2: field larger than field limit"),
        ("patient_id,sex\n", "no rows; expected one line for each patient"),
        ("", "line 1: no header; expected column names"),
        (
            "patient_id,test_result_text,test_days_from_index\nA,Positive,soon\n",
            "line 2: test_days_from_index is 'soon'; give a whole number of days",
        ),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ClinicalError, match=message):
        read(table(tmp_path, text))


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="no such file"):
        read(tmp_path / "nothing.csv")


def test_a_damaged_spreadsheet_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "cases.xlsx"
    path.write_bytes(b"PK\x03\x04\x00\x00\xff\xfe")
    with pytest.raises(ClinicalError, match=r"cases\.xlsx: a damaged \.xlsx or \.zip file"):
        read(path)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes("\ufeffpatient_id;sex\r\nA;M\r\n".encode())
    assert only(path).sex == "Male"


def test_a_separator_inside_quotes_and_a_line_break_are_one_cell(tmp_path: Path) -> None:
    record = only(table(tmp_path, 'patient_id,note\nA,"one, two\nthree"\n'))
    assert record.findings["note"] == "one, two\nthree"


def test_only_the_ends_of_lines_end_lines(tmp_path: Path) -> None:
    table = tmp_path / "clinical.csv"
    table.write_bytes("case_ids,note,label\nA,one\x0ctwo\u2028three\x85four,1\n".encode())
    (found,) = read(table)
    assert found.patient_id == "A"
    assert found.findings["label"] == "1"


def test_a_quotation_mark_that_is_not_closed_is_named_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "clinical.csv"
    table.write_text('case_ids,label\nA,1\n"B,0\nC,1\n')
    with pytest.raises(ClinicalError, match=r"clinical.csv line \d+: .*close every quotation mark"):
        read(table)


def test_days_beyond_any_life_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "clinical.csv"
    table.write_text("case_ids,days_to_study\nA,1e300\n")
    with pytest.raises(ClinicalError, match="at most 100,000"):
        read(table)


def test_a_table_with_a_line_for_each_series_keeps_who_the_patient_is(tmp_path: Path) -> None:
    table = tmp_path / "clinical.csv"
    table.write_text(
        "case_ids,study_uid,series_uid,age_at_imaging,sex,race,view_position\n"
        "A,1.2,1.2.1,61,Female,Asian,PA\n"
        "A,1.2,1.2.2,61,Female,Asian,LL\n"
    )
    (found,) = read(table)
    assert (found.age, found.sex, found.race) == (61, "Female", "Asian")
    assert found.findings["view_position"] == "LL|PA"


def test_series_of_one_study_that_name_two_races_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "clinical.csv"
    table.write_text("case_ids,study_uid,series_uid,race\nA,1.2,1.2.1,Asian\nA,1.2,1.2.2,White\n")
    with pytest.raises(ClinicalError, match=r"line 3: race is 'White', but .* says 'Asian'"):
        read(table)
