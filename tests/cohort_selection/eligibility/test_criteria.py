"""Inclusion rules, the COVID-19 label, and what a wrong table is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.studies import Study
from cohort_selection.eligibility.criteria import (
    Criteria,
    FlowStep,
    SelectionError,
    age_group,
    select,
)
from cohort_selection.eligibility.label_rule import LabelRule
from cohort_selection.matching.target import TargetError, read_target
from cohort_selection.plan.cohort_plan import CohortPlanError, read_cohort_plan
from cohort_selection.study_table.commons import Commons


def study(uid: str, patient: str = "", modality: str = "DX", view: str = "PA") -> Study:
    return Study(
        study_uid=uid,
        patient_id=patient or uid,
        modality=modality,
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


def record(
    patient: str,
    findings: Mapping[str, str] | None = None,
    tests: tuple[CovidTest, ...] = (),
    age: int | None = 50,
    study_uid: str = "",
) -> ClinicalRecord:
    return ClinicalRecord(
        patient_id=patient,
        study_uid=study_uid,
        age=age,
        sex="Female",
        race="White",
        ethnicity="Not Reported",
        site="A",
        tests=tests,
        findings=findings or {},
    )


def of(column: str, **rules: Any) -> Criteria:
    return Criteria(LabelRule(column), **rules)


def test_a_target_can_name_each_level_as_the_catalog_has_it() -> None:
    """A target's "70.0" is 70; so is a site, a column or a header field that says 70.0."""
    levels = {"site": "70.0", "KVP": "70.0", "batch": "70.0", "manufacturer": "GE  Medical"}
    said = replace(
        study("1"), manufacturer=levels["manufacturer"], fields={"KVP": (levels["KVP"],)}
    )
    of_table = replace(record("1", {"opacity": "1", "batch": "70.0"}), site="70.0")
    criteria = of("opacity", attributes=tuple(levels))
    (case,) = select(Commons.of([said], [of_table]), criteria).cases
    target = {name: {text: 1.0} for name, text in levels.items()}
    read = read_target(target, Path("b.toml"))
    assert {name: {level: 1.0} for name, level in case.attributes.items()} == read.margins
    assert case.attributes["KVP"] == "70"
    assert case.attributes["manufacturer"] == "GE Medical"


def plan_of(**changes: object) -> object:
    return read_cohort_plan({"label": "opacity", **changes}, Path("b.toml"))


def test_every_rule_is_counted_and_the_flow_adds_up() -> None:
    studies = [
        study("1"),
        study("2", modality="CT"),
        study("3"),
        study("4"),
        study("5"),
        study("6"),
    ]
    records = [
        record("1", {"opacity": "1"}),
        record("2", {"opacity": "1"}),
        record("3", {"opacity": "0"}, age=17),
        record("4", {"opacity": ""}),
        record("5", {"opacity": "0"}, age=None),
    ]
    selected = select(
        Commons.of(studies, records), of("opacity", modalities=("DX",), minimum_age=18)
    )
    assert [case.case_id for case in selected.cases] == ["1", "5"]
    assert [case.label for case in selected.cases] == [1, 0]
    assert selected.flow == (
        FlowStep("studies in the catalog", 0, 6, 6),
        FlowStep("modality is DX", 1, 5, 5),
        FlowStep("has a clinical record", 1, 4, 4),
        FlowStep("age is known", 0, 4, 4),
        FlowStep("age at least 18", 1, 3, 3),
        FlowStep("opacity is recorded", 1, 2, 2, 1),
    )


def test_age_falls_back_on_the_header_and_bands_are_named() -> None:
    assert [age_group(a, (18, 40, 60)) for a in (17, 18, 39, 40, 60, 99, None)] == [
        "under 18", "18-39", "18-39", "40-59", "60+", "60+", "Not Reported",
    ]  # fmt: skip
    criteria = of("o", attributes=("sex", "age", "age_group"))
    selected = select(Commons.of([study("1")], [record("1", {"o": "1"}, age=None)]), criteria)
    assert selected.cases[0].attributes == {"sex": "Female", "age": "50", "age_group": "50-64"}


def test_a_record_of_the_study_goes_before_one_of_the_patient() -> None:
    records = [record("p", {"o": "0"}), record("p", {"o": "1"}, study_uid="s1")]
    selected = select(Commons.of([study("s1", "p"), study("s2", "p")], records), of("o"))
    assert {case.case_id: case.label for case in selected.cases} == {"s1": 1, "s2": 0}


def test_an_inverted_label_swaps_the_classes() -> None:
    selected = select(
        Commons.of(
            [study("1"), study("2")],
            [record("1", {"No_Finding": "1"}), record("2", {"No_Finding": "0"})],
        ),
        of("No_Finding", invert_label=True),
    )
    assert [case.label for case in selected.cases] == [0, 1]


@pytest.mark.parametrize(
    ("tests", "label"),
    [
        ([("Positive", -3), ("Negative", -1)], 0),  # the nearest counts
        ([("Negative", -14)], 0),  # both ends of the window are in it
        ([("Positive", 0)], 1),
        ([("Positive", -15)], None),
        ([("Positive", 1)], None),  # after the study: the dictionary's sign, test minus study
        ([("Indeterminate", -1), ("Positive", -5)], 1),
        ([("Positive", -2), ("Negative", -2)], None),  # the same day, two answers
        ([("Positive", -2), ("Positive", -2)], 1),
        ([("Positive", -2), ("Negative", -2), ("Negative", -1)], 0),  # conflict further away
    ],
)
def test_the_covid_label_is_the_nearest_test_in_the_window(
    tests: list[tuple[str, int]], label: int | None
) -> None:
    studies = [study("1"), study("always")]
    records = [
        record("1", tests=tuple(CovidTest(result, day) for result, day in tests)),
        record("always", tests=(CovidTest("Negative", 0),)),
    ]
    selected = select(Commons.of(studies, records), of("covid19", covid_window=(-14, 0)))
    found = {case.case_id: case.label for case in selected.cases}
    assert found.get("1") == label


def test_a_same_day_conflict_is_counted_as_such() -> None:
    records = [
        record("1", tests=(CovidTest("Positive", -2), CovidTest("Negative", -2))),
        record("2", tests=(CovidTest("Positive", -2),)),
    ]
    selected = select(Commons.of([study("1"), study("2")], records), of("covid19"))
    assert selected.flow[-1] == FlowStep("nearest COVID-19 tests agree", 1, 1, 1)
    assert selected.flow[-2] == FlowStep("COVID-19 test -14 to 0 days from the study", 0, 2, 2)


def test_a_study_in_two_modalities_needs_both_allowed() -> None:
    studies = [study("1", modality="CR,DX"), study("2", modality="CT,DX")]
    records = [record("1", {"o": "1"}), record("2", {"o": "1"})]
    selected = select(Commons.of(studies, records), of("o", modalities=("CR", "DX")))
    assert [case.case_id for case in selected.cases] == ["1"]


def test_a_missing_label_column_is_named_with_those_that_exist() -> None:
    with pytest.raises(
        SelectionError, match="no column 'opacity' for the label; it has mass, nodule"
    ):
        select(
            Commons.of([study("1")], [record("1", {"nodule": "1", "mass": "0"})]),
            of("opacity"),
        )


def test_a_label_that_is_neither_0_nor_1_is_told_with_its_count() -> None:
    records = [record("1", {"o": "maybe"}), record("2", {"o": "maybe"}), record("3", {"o": "1"})]
    with pytest.raises(
        SelectionError, match="label o is 'maybe' in 2 of 3 records; it must be 0 or 1"
    ):
        select(Commons.of([study("1"), study("2"), study("3")], records), of("o"))


def test_an_unknown_attribute_and_an_empty_selection_are_refused() -> None:
    with pytest.raises(
        SelectionError, match="attribute 'income' is neither one of sex, age, age_group"
    ):
        select(
            Commons.of([study("1")], [record("1", {"o": "1"})]),
            of("o", attributes=("income",)),
        )
    with pytest.raises(SelectionError, match="the rule 'modality is CT' alone excludes 1"):
        select(Commons.of([study("1")], [record("1", {"o": "1"})]), of("o", modalities=("CT",)))


def test_a_plan_is_read_whole() -> None:
    plan = read_cohort_plan(
        {
            "modalities": ["cr", "DX"],
            "label": "covid19",
            "covid_window": [-7, 2],
            "attributes": ["sex", "age_group", "race", "site"],
            "stratify": ["label", "race"],
            "within": "site",
            "size": 300,
            "seed": 7,
            "target": {"sex": {"Female": 0.5, "Male": 0.5}, "race x sex": {"White x Male": 1}},
        },
        Path("b.toml"),
    )
    assert plan.criteria.modalities == ("CR", "DX")
    assert plan.criteria.covid_window == (-7, 2)
    assert (plan.within, plan.size, plan.seed, plan.cases_per_patient) == ("site", 300, 7, "one")
    assert plan.target.margins["sex"] == {"Female": 0.5, "Male": 0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"modalitys": []},
            r"b\.toml: \[cohort\] has 'modalitys', which is no key \(did you mean 'modalities'",
        ),
        ({"covid_window": [0, -14]}, r"covid_window is \[0, -14\]; give two whole numbers"),
        ({"sequestered_share": 1.2}, r"sequestered_share is 1\.2; give a share between 0 and 1"),
        ({"sequestered_share": 10**400}, "give a share between 0 and 1"),
        ({"size": 0}, "size is 0; give a number of patients from 1"),
        ({"seed": "x"}, "seed is 'x'; give a whole number"),
        (
            {"stratify": ["race"]},
            r"stratify names 'race', which is neither label nor in attributes",
        ),
        ({"age_bands": [40, 0]}, r"age_bands is \[40, 0\]; give ages in years, rising"),
        ({"cases_per_patient": "two"}, "cases_per_patient is 'two'"),
        ({"label": 3}, "label is 3; give a column of the clinical table"),
    ],
)
def test_a_wrong_key_is_told_in_one_sentence(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CohortPlanError, match=message):
        plan_of(**changes)


def test_a_plan_without_label_or_with_an_odd_target_is_refused() -> None:
    with pytest.raises(CohortPlanError, match="has no label; give a column of the clinical table"):
        read_cohort_plan({}, Path("b.toml"))
    with pytest.raises(TargetError, match="the target of label has the levels yes"):
        plan_of(target={"label": {"yes": 1.0}})
