"""Levels of the cases of a table: which occur together, and in how many patients."""

from __future__ import annotations

import pytest

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case, UnknownAttributeError

# Patient, label, sex, site.
ROWS = [
    ("p1", 1, "F", "B"),
    ("p1", 0, "F", "A"),
    ("p2", 1, "M", "B"),
    ("p2", 1, "M", "B"),
    ("p3", 0, "F", "B"),
]
CASES = CaseTable.of(
    [
        Case(f"c{i}", patient, (), label, {"sex": sex, "site": site})
        for i, (patient, label, sex, site) in enumerate(ROWS)
    ]
)


def test_each_combination_that_a_case_has_is_there_once() -> None:
    found = CASES.combinations(("site", "sex"))
    assert sorted(zip(found["site"], found["sex"], strict=True)) == [
        ("A", "F"), ("B", "F"), ("B", "M"),
    ]  # fmt: skip
    assert CASES[:0].combinations(("sex",)) == {"sex": []}
    assert CASES.combinations(()) == {}
    with pytest.raises(UnknownAttributeError, match="'race' is not an attribute"):
        CASES.combinations(("race",))


def test_a_patient_of_several_cases_counts_once_a_level() -> None:
    assert list(CASES.patients_by("site").items()) == [("B", 3), ("A", 1)]
    assert CASES.patients_by("label") == {"1": 2, "0": 2}
    assert CASES.patients_by("sex x site") == {"F x B": 2, "F x A": 1, "M x B": 1}
    assert CASES[:0].patients_by("site") == {}
