from collections.abc import Mapping

import numpy as np
import pytest

from cohort_selection.coded import coded
from cohort_selection.eligibility.label_rule import LabelError, LabelRule
from cohort_selection.eligibility.targets import is_known, targets_of
from cohort_selection.task.declaration import Task

FINDINGS = Task("multilabel", findings=("Mass", "Lung Lesion"), uncertain="unknown")
LISTED = Task("multilabel", "Finding Labels", findings=("Mass", "Edema"))
CLASSES = Task("multiclass", "type", classes=("Normal", "Viral", "Bacterial"))
GRADES = Task("ordinal", "mRALE", highest=24)


def told(task: Task, cells: Mapping[str, list[str]]) -> dict[str, list[float | None]]:
    """Output -> the target of each study, None where it is not known."""
    found = targets_of(task, {name: coded(texts) for name, texts in cells.items()})
    return {
        output: [None if np.isnan(target) else target for target in targets.tolist()]
        for output, targets in found.items()
    }


def known(task: Task, cells: Mapping[str, list[str]]) -> list[bool]:
    return is_known(task, {name: coded(texts) for name, texts in cells.items()}).tolist()


def test_each_finding_has_a_column_and_what_is_not_said_is_unknown() -> None:
    cells = {"Mass": ["1", "-1"], "Lung Lesion": ["", "0"]}
    assert told(FINDINGS, cells) == {"mass": [1.0, None], "lung_lesion": [None, 0.0]}


def test_a_blank_can_count_as_negative() -> None:
    task = Task("multilabel", findings=("A", "B"), blank="negative")
    assert told(task, {"A": [""], "B": ["1"]}) == {"a": [0.0], "b": [1.0]}
    assert known(task, {"A": ["", "1"], "B": ["", ""]}) == [True, True]
    assert known(FINDINGS, {"Mass": ["", "0", ""], "Lung Lesion": ["", "", "1"]}) == [
        False, True, True,
    ]  # fmt: skip


def test_findings_are_items_of_a_list() -> None:
    cells = {"Finding Labels": ["Mass|Edema", "Edema"]}
    assert told(LISTED, cells) == {"mass": [1.0, 0.0], "edema": [1.0, 1.0]}


def test_a_case_has_one_class_in_any_case_of_letters() -> None:
    assert told(CLASSES, {"type": ["viral ", "Normal"]}) == {
        "normal": [0.0, 1.0],
        "viral": [1.0, 0.0],
        "bacterial": [0.0, 0.0],
    }
    with pytest.raises(LabelError, match="'fungal' in 2 of 3 records"):
        told(CLASSES, {"type": ["Viral", "fungal", "fungal "]})


def test_a_grade_is_a_whole_number_of_the_scale() -> None:
    assert told(GRADES, {"mRALE": ["7.0", "24"]}) == {"grade": [7.0, 24.0]}
    for odd in ("7.5", "25", "severe", "nan"):
        with pytest.raises(LabelError, match="from 0 to 24"):
            told(GRADES, {"mRALE": [odd]})


def test_the_first_record_that_cannot_be_read_is_named() -> None:
    """Of words as frequent, too, the first."""
    with pytest.raises(LabelError, match="'severe' in a record"):
        told(GRADES, {"mRALE": ["1", "severe", "mild"]})
    with pytest.raises(LabelError, match="'viral pneumonia' in 1 of 3 records"):
        told(CLASSES, {"type": ["Viral", "viral pneumonia", "fungal"]})


def test_a_label_is_positive_from_a_number_on() -> None:
    rule = LabelRule("mRALE", at_least=4)
    assert rule.labels({"3": 1, "4": 2, "10.0": 1}) == {"3": 0, "4": 1, "10.0": 1}
    assert rule.read("") is None
    with pytest.raises(LabelError, match="is 'severe' in 2 of 3 records; at_least asks for number"):
        rule.labels({"severe": 2, "4": 1})
    with pytest.raises(ValueError, match="at_least is given beside"):
        LabelRule("mRALE", at_least=4, uncertain="positive")
