"""Rules of a benchmark's file: what each test keeps, what is unknown, what a wrong rule is told."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.studies import Study, index
from cohort_selection.eligibility.criteria import Criteria, Selected, SelectionError, select
from cohort_selection.eligibility.flow_diagram import FlowStep, flow_svg
from cohort_selection.eligibility.label_rule import LabelRule
from cohort_selection.eligibility.rules import Rule
from cohort_selection.plan.cohort_plan import CohortPlanError, read_cohort_plan
from cohort_selection.study_table.commons import Commons
from cohort_selection.study_table.study_values import Values

NOTHING: Mapping[str, str] = {}


def study(uid: str, *bits: str, view: str = "PA", files: int = 1) -> Study:
    fields = {"BitsStored": bits} if bits else {}
    paths = tuple(Path(f"{uid}-{number}") for number in range(files))
    described = ("DX", "CHEST", "XR PORT CHEST 1V", "36589-0", "GE", view, "2020-01-02", "Female")
    return Study(
        uid, uid, *described, 50, paths, fields, loinc_method="XR.portable", loinc_system="Chest"
    )


def record(
    uid: str, findings: Mapping[str, str] = NOTHING, *tests: CovidTest, age: int = 50
) -> ClinicalRecord:
    return ClinicalRecord(
        patient_id=uid,
        study_uid="",
        age=age,
        sex="Female",
        race="White",
        ethnicity="Not Reported",
        site="A",
        tests=tests,
        findings={"o": "1", **findings},
    )


def of(column: str, **rules: Any) -> Criteria:
    return Criteria(LabelRule(column), **rules)


def criteria(**rules: list[dict[str, object]]) -> Criteria:
    return read_cohort_plan({"label": "o", **rules}, Path("b.toml")).criteria


def chosen(
    studies: list[Study], records: list[ClinicalRecord], **rules: list[dict[str, object]]
) -> Selected:
    return select(Commons.of(studies, records), criteria(**rules))


def ids(selected: Selected) -> list[str]:
    return [case.case_id for case in selected.cases]


# By hand. A study stays in where all its images hold and goes out where one of them does; that of
# 4 is not known, and "twelve" is no number.
STUDIES = [
    study("1", "8"),
    study("2", "12"),
    study("3", "10", "15"),
    study("4"),
    study("5", "12", "14"),
    study("6", "twelve"),
]


@pytest.mark.parametrize(
    ("key", "rule", "stay", "unknown"),
    [
        ("include", {"at_least": 12}, "25", 2),
        ("include", {"at_least": 12, "unknown": "keep"}, "2456", 0),
        ("include", {"at_least": 9, "at_most": 12}, "2", 2),
        ("exclude", {"at_least": 15}, "125", 2),
        ("exclude", {"at_least": 15, "unknown": "keep"}, "12456", 0),
        ("include", {"is": [12, 14]}, "25", 1),
        ("include", {"is": "TWELVE"}, "6", 1),
        ("exclude", {"is": 12}, "136", 1),
        ("include", {"matches": "^1"}, "235", 1),
        ("include", {"known": True}, "12356", 0),
        ("exclude", {"known": True}, "4", 0),
        ("include", {"known": False}, "4", 0),
    ],
)
def test_a_rule_on_a_header_field(
    key: str, rule: dict[str, object], stay: str, unknown: int
) -> None:
    records = [record(str(number)) for number in range(1, 7)]
    selected = chosen(STUDIES, records, **{key: [{"field": "BitsStored", **rule}]})
    assert ids(selected) == list(stay)
    step = selected.flow[-2]
    assert (step.excluded, step.remaining, step.patients) == (6 - len(stay), len(stay), len(stay))
    assert step.unknown == unknown


@pytest.mark.parametrize(
    ("field", "rule", "stay"),
    [
        ("images", {"at_most": 2}, "1"),
        ("view", {"is": ["PA", "LL"]}, "12"),
        ("view", {"is": ["PA"]}, "1"),
        ("income", {"at_least": 40}, "2"),
        ("codes", {"is": "U07.1"}, "1"),  # one item of a list in the clinical table is enough
        ("age", {"at_least": 60}, "2"),
        ("loinc_method", {"is": "XR.portable"}, "12"),
        ("loinc_system", {"matches": "^chest"}, "12"),
        ("description", {"matches": r"\bport"}, "12"),
        ("days_from_study_to_pos_covid_test", {"at_least": -2, "at_most": 0}, "1"),
        ("days_from_study_to_neg_covid_test", {"known": True}, "2"),
        ("site", {"is": "a"}, "12"),
    ],
)
def test_a_rule_may_name_any_field(field: str, rule: dict[str, object], stay: str) -> None:
    studies = [study("1"), study("2", view="LL,PA", files=3)]
    records = [
        record("1", {"income": "30", "codes": "J18.9|U07.1"}, CovidTest("Positive", -2)),
        record(
            "2",
            {"income": "40.5", "codes": "J18.9"},
            CovidTest("Positive", -1, from_study=False),
            CovidTest("Negative", -1),
            age=61,
        ),
    ]
    assert ids(chosen(studies, records, include=[{"field": field, **rule}])) == list(stay)


def test_rules_stand_in_the_flow_in_their_order_with_patients_beside_studies() -> None:
    studies = [
        Study(
            study_uid=uid,
            patient_id=patient,
            modality="DX",
            body_part="CHEST",
            description="",
            loinc="",
            manufacturer="GE",
            view=view,
            acquired="",
            sex="Female",
            age=50,
            files=(Path(uid),),
        )
        for uid, patient, view in zip("1234", "AABC", ("PA", "LL", "", "AP"), strict=True)
    ]
    flow = chosen(
        studies,
        [record(patient) for patient in "ABC"],
        include=[{"field": "view", "known": True}],
        exclude=[{"field": "view", "is": ["LL"]}, {"field": "images", "at_least": 2}],
    ).flow
    assert flow == (
        FlowStep("studies in the catalog", 0, 4, 3),
        FlowStep("has a clinical record", 0, 4, 3),
        FlowStep("view is known", 1, 3, 2),
        FlowStep("not: view is LL", 1, 2, 2),
        FlowStep("not: images at least 2", 0, 2, 2),
        FlowStep("o is recorded", 0, 2, 2),
    )


def test_an_attribute_may_be_a_header_field_or_part_of_the_loinc_code() -> None:
    made = Criteria(
        LabelRule("o"), attributes=("BitsStored", "loinc_method", "loinc_contrast", "images")
    )
    (case,) = select(Commons.of([study("1", "12", "14")], [record("1")]), made).cases
    assert case.attributes == {
        "BitsStored": "12,14",
        "loinc_method": "XR.portable",
        "loinc_contrast": "Not Reported",
        "images": "1",
    }


@pytest.mark.realdata
def test_rules_sort_the_real_files(shared_data: Path) -> None:
    studies, _ = index(shared_data / "dicom")
    records = [record(study.patient_id) for study in studies]

    def files(**rules: list[dict[str, object]]) -> set[str]:
        cases = select(Commons.of(studies, records), criteria(**rules)).cases
        return {path.name for case in cases for path in case.files}

    # data/dicom/index.csv: 15 bits stored and MONOCHROME1 in the two files of one CR study alone.
    radiograph = {"cr_chest_rg1_explicit_le.dcm", "cr_chest_rg1_j2k_lossy.dcm"}
    assert files(include=[{"field": "BitsStored", "is": 15}]) == radiograph
    assert (
        files(include=[{"field": "PhotometricInterpretation", "is": "monochrome1"}]) == radiograph
    )
    assert files(include=[{"field": "NumberOfFrames", "at_least": 2}]) == {
        "enhanced_ct_multiframe.dcm"
    }
    assert files(include=[{"field": "PatientPosition", "is": ["PA", "AP"]}]) == {
        "dx_chest_nih_pa_nofinding.dcm",
        "dx_chest_nih_ap_cardiomegaly.dcm",
    }
    assert files(exclude=[{"field": "Manufacturer", "known": True}]) == {
        "cr_chest_rsna_jpeg_baseline.dcm",
        "dx_chest_nih_pa_nofinding.dcm",
        "dx_chest_nih_ap_cardiomegaly.dcm",
    }


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("BitsStored", "include is 'BitsStored'; give rules as [[cohort.include]] tables"),
        ([{}], "rule 1 has no field"),
        ([{"field": "age"}], "rule 1: the field age has no test; give one of is, matches, known"),
        ([{"field": "age", "is": [1], "at_most": 2}], "age has is and at_most; give one of"),
        (
            [{"field": "age", "over": 2}],
            "rule 1 has 'over', which is no key; its keys are field, is, at",
        ),
        ([{"field": "age", "at_least": "x"}], "at_least is 'x'; give a number"),
        ([{"field": "age", "at_most": float("inf")}], "at_most is inf; give a number"),
        ([{"field": "age", "at_least": True}], "at_least is True; give a number"),
        ([{"field": "age", "at_least": 5, "at_most": 4}], "at_least 5 is above at_most 4"),
        ([{"field": "view", "is": []}], "is is []; give a text, a number, or a list"),
        ([{"field": "view", "matches": "("}], "matches is '(', no regular expression"),
        ([{"field": "view", "matches": 4}], "matches is 4; give a regular expression in quotes"),
        ([{"field": "view", "known": "yes"}], "known is 'yes'; give true or false"),
        ([{"field": "view", "is": "PA", "unknown": "drop"}], "unknown is 'drop'; give"),
    ],
)
def test_a_wrong_rule_is_told_in_one_sentence(rules: list[dict[str, object]], said: str) -> None:
    with pytest.raises(CohortPlanError) as raised:
        criteria(include=rules)
    assert said in str(raised.value)
    assert str(raised.value).startswith("b.toml: ")


def test_a_field_that_nobody_has_is_named_with_those_there_are() -> None:
    with pytest.raises(SelectionError, match="field 'Bitstored' is neither one of sex, age"):
        chosen([study("1")], [record("1")], include=[{"field": "Bitstored", "is": 12}])


def test_numbers_asked_of_words_are_refused_with_the_word() -> None:
    with pytest.raises(SelectionError, match="sex holds none: it is 'Female' in 1 of 1 studies"):
        chosen([study("1")], [record("1")], include=[{"field": "sex", "at_least": 1}])


@pytest.mark.parametrize(
    ("text", "label"), [("1", 1), ("0", 0), ("1.0", 1), ("YES", 1), ("no", 0), ("Negative", 0)]
)
def test_a_label_may_be_a_word(text: str, label: int) -> None:
    assert chosen([study("1")], [record("1", {"o": text})]).cases[0].label == label


def test_a_test_whose_day_is_not_known_from_the_study_gives_no_label() -> None:
    studies = [study("1"), study("2"), study("3")]
    records = [
        record("1", {}, CovidTest("Positive", -1)),
        record("2", {}, CovidTest("Positive", -1, from_study=False)),
        record("3", {}, CovidTest("Positive", -30)),
    ]
    selected = select(Commons.of(studies, records), of("covid19"))
    assert ids(selected) == ["1"]
    step = FlowStep("COVID-19 test -14 to 0 days from the study", 2, 1, 1, unknown=1)
    assert selected.flow[-2] == step


def test_the_figure_shows_every_count_and_is_well_formed() -> None:
    flow = (
        FlowStep("studies in the catalog", 0, 12345, 6000),
        FlowStep('view is "PA" & <AP>', 345, 12000, 5990, 45),
        FlowStep("o is recorded", 0, 12000, 5990),
    )
    drawn = flow_svg(flow)
    root = ElementTree.fromstring(drawn)
    text = " ".join(node.text or "" for node in root.iter() if node.tag.endswith("text"))
    for said in (
        "12,345 studies of 6,000 patients",
        'view is "PA" & <AP> 345 studies excluded, 10 patients with them 45 of them because',
        "12,000 studies of 5,990 patients",
        "o is recorded 0 studies excluded",
    ):
        assert said in text
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    assert ElementTree.fromstring(flow_svg(())) is not None


@pytest.mark.parametrize(
    ("rule", "value", "stays"),
    [
        (Rule("ImageType", values=("PRIMARY",), excludes=True), r"DERIVED\PRIMARY", False),
        (Rule("ImageType", values=("SECONDARY",), excludes=True), r"DERIVED\PRIMARY", True),
        (Rule("ImageType", values=("DERIVED",)), r"DERIVED\PRIMARY", True),
        (Rule("ImageType", values=(r"DERIVED\PRIMARY",)), r"DERIVED\PRIMARY", True),
        (Rule("PixelSpacing", at_least=0.2, excludes=True), r"0.1\0.3", False),
        (Rule("PixelSpacing", at_least=0.2), r"0.1\0.3", False),
        (Rule("PixelSpacing", values=(0.3,)), r"0.1\0.3", True),
    ],
)
def test_of_several_values_in_one_element_each_counts(rule: Rule, value: str, stays: bool) -> None:
    assert rule.keeps(Values((value,), of_images=True)) is stays


@pytest.mark.parametrize("said", ['["White", "Not Reported"]', '"None"'])
def test_a_rule_on_what_is_not_known_says_how_to_ask_for_it(said: str) -> None:
    table = tomllib.loads(f'[[include]]\nfield = "race"\nis = {said}\n')
    with pytest.raises(CohortPlanError, match="give known = false, or unknown"):
        criteria(**table)


def test_a_number_of_hundreds_of_digits_is_refused() -> None:
    table = tomllib.loads(f'[[include]]\nfield = "Rows"\nat_least = 1{"0" * 400}\n')
    with pytest.raises(CohortPlanError, match="give a number"):
        criteria(**table)


def test_an_image_that_does_not_say_leaves_its_study_unknown() -> None:
    pair = replace(study("1.1", view="PA", files=2), fields={"ViewPosition": ("", "PA")})
    commons = Commons.of([pair], [record("1.1")])
    (found,), (said,) = commons.known("view").values, commons.known("ViewPosition").values
    assert Rule("view", values=("PA",)).keeps(found) is None
    assert Rule("view", values=("PA",), keep_unknown=True).keeps(found) is True
    assert Rule("view", values=("AP",)).keeps(found) is False
    assert Rule("view", values=("PA",), excludes=True).keeps(found) is False
    assert Rule("ViewPosition", known=True).keeps(said) is False
