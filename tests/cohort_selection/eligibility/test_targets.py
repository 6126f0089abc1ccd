import pytest

from cohort_selection.eligibility.label_rule import LabelError, LabelRule
from cohort_selection.eligibility.targets import is_known, targets_of
from cohort_selection.task.declaration import Task

FINDINGS = Task("multilabel", findings=("Mass", "Lung Lesion"), uncertain="unknown")
LISTED = Task("multilabel", "Finding Labels", findings=("Mass", "Edema"))
CLASSES = Task("multiclass", "type", classes=("Normal", "Viral", "Bacterial"))
GRADES = Task("ordinal", "mRALE", highest=24)


def test_each_finding_has_a_column_and_what_is_not_said_is_unknown() -> None:
    found = targets_of(
        FINDINGS,
        {
            "a": {"Mass": "1", "Lung Lesion": ""},
            "b": {"Mass": "-1", "Lung Lesion": "0"},
        },
    )
    assert found == {"a": {"mass": 1.0, "lung_lesion": None}, "b": {"mass": None, "lung_lesion": 0}}


def test_a_blank_can_count_as_negative() -> None:
    task = Task("multilabel", findings=("A", "B"), blank="negative")
    assert targets_of(task, {"a": {"A": "", "B": "1"}}) == {"a": {"a": 0.0, "b": 1.0}}
    assert is_known(task, {"A": "", "B": ""})
    assert not is_known(FINDINGS, {"Mass": "", "Lung Lesion": ""})


def test_findings_are_items_of_a_list() -> None:
    found = targets_of(
        LISTED, {"a": {"Finding Labels": "Mass|Edema"}, "b": {"Finding Labels": "Edema"}}
    )
    assert found == {"a": {"mass": 1.0, "edema": 1.0}, "b": {"mass": 0.0, "edema": 1.0}}


def test_a_case_has_one_class_in_any_case_of_letters() -> None:
    assert targets_of(CLASSES, {"a": {"type": "viral "}}) == {
        "a": {"normal": 0.0, "viral": 1.0, "bacterial": 0.0}
    }
    with pytest.raises(LabelError, match="'fungal' in 1 of 2 records"):
        targets_of(CLASSES, {"a": {"type": "Viral"}, "b": {"type": "fungal"}})


def test_a_grade_is_a_whole_number_of_the_scale() -> None:
    assert targets_of(GRADES, {"a": {"mRALE": "7.0"}}) == {"a": {"grade": 7.0}}
    for odd in ("7.5", "25", "severe", "nan"):
        with pytest.raises(LabelError, match="from 0 to 24"):
            targets_of(GRADES, {"a": {"mRALE": odd}})


def test_a_label_is_positive_from_a_number_on() -> None:
    rule = LabelRule("mRALE", at_least=4)
    assert rule.labels({"a": "3", "b": "4", "c": "10.0"}) == {"a": 0, "b": 1, "c": 1}
    assert rule.read("") is None
    with pytest.raises(LabelError, match="at_least asks for numbers"):
        rule.labels({"a": "severe"})
    with pytest.raises(ValueError, match="at_least is given beside"):
        LabelRule("mRALE", at_least=4, uncertain="positive")
