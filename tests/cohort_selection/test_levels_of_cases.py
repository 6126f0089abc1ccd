"""Levels of the cases of a table: which occur together, and in how many patients."""

from __future__ import annotations

import random

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


def test_a_joint_level_of_many_levels_is_not_mixed_up() -> None:
    """Sixteen attributes of 20 levels have more combinations than 64 bits count."""
    n, names = 400, [f"a{k}" for k in range(16)]
    drawn = random.Random(4)
    rows = [[str(drawn.randrange(20)) for _ in names] for _ in range(n)]
    cases = [
        Case(f"c{i:03d}", f"p{i}", (), 0, dict(zip(names, row, strict=True)))
        for i, row in enumerate(rows)
    ]
    joint = CaseTable.of(cases).variable(" x ".join(names))
    assert joint.texts() == [" x ".join(row) for row in rows]
