"""Criteria on columns keep what a plain reading of each study keeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.studies import Study
from cohort_selection.eligibility.criteria import Criteria, SelectionError, select
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.eligibility.label_rule import LabelRule
from cohort_selection.eligibility.rules import Rule
from cohort_selection.study_table.commons import Commons

Row = tuple[Study, ClinicalRecord | None]


def made(rng: random.Random, n: int) -> list[Row]:
    """Studies of about half as many patients, most with a record, in no order."""
    people: dict[str, ClinicalRecord] = {}
    for i in range(n // 2 + 1):
        tests = [
            CovidTest(
                rng.choice(["Positive", "Negative", "Indeterminate"]),
                rng.randrange(-6, 7),
                from_study=rng.random() < 0.8,
            )
            for _ in range(rng.randrange(5))
        ]
        people[f"P{i}"] = ClinicalRecord(
            patient_id=f"P{i}",
            study_uid="",
            age=rng.choice([None, 12, 40, 71]),
            sex=rng.choice(["Female", "Male"]),
            race="White",
            ethnicity="Not Reported",
            site="A",
            tests=tuple(tests),
            findings={"o": rng.choice(["0", "1", "yes", ""]), "codes": rng.choice(["a|b", "b"])},
        )
    rows: list[Row] = []
    for i in rng.sample(range(10 * n), n):
        patient = rng.choice(sorted(people))
        views = rng.choice([("PA",), ("AP", "PA"), ("", "PA"), ()])
        files = tuple(Path(f"{i}-{k}") for k in range(rng.choice([1, 2, 5])))
        described = ("DX", "CHEST", "", "", "GE", ",".join(filter(None, views)), "", "Female")
        fields = {"ViewPosition": views} if views else {}
        study = Study(f"1.2.{i}", patient, *described, rng.choice([None, 50]), files, fields)
        rows.append((study, people[patient] if patient[-1] != "7" else None))
    return rows


def age(row: Row) -> int | None:
    study, record = row
    return study.age if record is None or record.age is None else record.age


def views(row: Row) -> tuple[str, ...]:
    return row[0].fields.get("ViewPosition", ())


def nearest(row: Row) -> set[str]:
    """What the tests of the nearest day from -3 to 3 say; of two days alike, the earlier."""
    assert row[1] is not None
    days: dict[int, set[str]] = {}
    for test in row[1].tests:
        if test.from_study and test.result != "Indeterminate" and abs(test.days_from_index) <= 3:
            days.setdefault(test.days_from_index, set()).add(test.result)
    for day in (0, -1, 1, -2, 2, -3, 3):
        if day in days:
            return days[day]
    return set()


def is_dated(row: Row) -> bool | None:
    """None where a test that says something has no day from the study."""
    assert row[1] is not None
    if nearest(row):
        return True
    said = [test for test in row[1].tests if test.result != "Indeterminate"]
    return None if any(not test.from_study for test in said) else False


def is_frontal(row: Row) -> bool | None:
    if not any(views(row)):
        return None
    if "AP" in views(row):
        return False
    return None if "" in views(row) else True


Step = tuple[str, Callable[[Row], bool | None]]
COMMON: list[Step] = [
    ("has a clinical record", lambda row: row[1] is not None),
    ("age is known", lambda row: age(row) is not None or None),
    ("age at least 18", lambda row: (age(row) or 0) >= 18),
    ("view is PA", is_frontal),
    ("images at most 2", lambda row: len(row[0].files) <= 2),
    ("not: codes is a", lambda row: "a" not in row[1].findings["codes"] if row[1] else None),
]
BY_TESTS: list[Step] = [
    ("COVID-19 test -3 to 3 days from the study", is_dated),
    ("nearest COVID-19 tests agree", lambda row: len(nearest(row)) == 1),
]
BY_COLUMN: list[Step] = [
    ("o is recorded", lambda row: bool(row[1] and row[1].findings["o"]) or None)
]


def read_plainly(rows: Sequence[Row], steps: Sequence[Step]) -> tuple[list[Row], list[FlowStep]]:
    left = sorted(rows, key=lambda row: row[0].study_uid)
    everybody = len({study.patient_id for study, _ in left})
    flow = [FlowStep("studies in the catalog", 0, len(left), everybody)]
    for rule, holds in steps:
        verdicts = [holds(row) for row in left]
        kept = [row for row, verdict in zip(left, verdicts, strict=True) if verdict]
        patients = len({study.patient_id for study, _ in kept})
        n_unknown = verdicts.count(None)
        flow.append(FlowStep(rule, len(left) - len(kept), len(kept), patients, n_unknown))
        left = kept
    return left, flow


@pytest.mark.parametrize("n", [1, 8, 60, 400])
@pytest.mark.parametrize("label", ["o", "covid19"])
def test_cases_and_flow_are_those_of_a_plain_reading(n: int, label: str) -> None:
    criteria = Criteria(
        LabelRule(label),
        minimum_age=18,
        covid_window=(-3, 3),
        attributes=("sex", "age", "view", "codes"),
        include=(Rule("view", values=("PA",)), Rule("images", at_most=2)),
        exclude=(Rule("codes", values=("a",), excludes=True),),
    )
    steps = [*COMMON, *(BY_TESTS if label == "covid19" else BY_COLUMN)]
    n_cases = 0
    for seed in range(6):
        rows = made(random.Random(100 * n + seed), n)
        records = {record.patient_id: record for _, record in rows if record is not None}
        commons = Commons.of([study for study, _ in rows], records.values())
        left, flow = read_plainly(rows, steps)
        if not records:
            continue
        if not left:
            with pytest.raises(SelectionError, match=f"no study of {n} satisfies the criteria"):
                select(commons, criteria)
            continue
        selected = select(commons, criteria)
        assert list(selected.flow) == flow
        cases = list(selected.cases)
        n_cases += len(cases)
        assert [(c.case_id, c.patient_id, c.files) for c in cases] == [
            (study.study_uid, study.patient_id, study.files) for study, _ in left
        ]
        for case, row in zip(cases, left, strict=True):
            assert row[1] is not None
            said = row[1].findings["o"]
            positive = "Positive" in nearest(row) if label == "covid19" else said in {"1", "yes"}
            assert case.label == positive
            assert case.attributes == {
                "sex": row[1].sex, "age": str(age(row)), "view": "PA", "codes": "b",
            }  # fmt: skip
    assert n_cases or n < 60
