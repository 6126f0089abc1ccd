from pathlib import Path

import pytest

from cohort_selection.task.declaration import Task, TaskError, read_task

HERE = Path("x.toml")


def test_a_file_without_the_table_asks_for_one_probability() -> None:
    task = read_task({}, HERE)
    assert (task.kind, task.outputs, task.form.highest) == ("binary", ("probability",), 1.0)
    assert not task.has_targets


def test_findings_become_columns_of_small_letters() -> None:
    task = read_task(
        {"kind": "multilabel", "findings": ["Pleural_Thickening", "Lung Opacity"]}, HERE
    )
    assert task.outputs == ("pleural_thickening", "lung_opacity")


def test_a_grade_lies_on_its_scale() -> None:
    task = read_task({"kind": "ordinal", "column": "mRALE", "highest": 24, "cuts": [4]}, HERE)
    assert (task.outputs, task.form.lowest, task.form.highest) == (("grade",), 0.0, 24.0)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "multi"}, "kind"),
        ({"kind": "multilabel", "findings": ["A"]}, "findings has 1 names"),
        ({"kind": "multilabel", "findings": ["A b", "a_b"]}, "two names for the column 'a_b'"),
        ({"kind": "multilabel", "findings": ["A", "2nd"]}, "makes no name of a column"),
        ({"kind": "multiclass", "classes": ["A", "B"]}, "column is not given"),
        ({"kind": "ordinal", "column": "g"}, "give the ends of the scale"),
        ({"kind": "ordinal", "column": "g", "highest": 4, "cuts": [0]}, "give grades from 1 to 4"),
        ({"kind": "binary", "classes": ["A", "B"]}, "classes is for multiclass"),
    ],
)
def test_keys_that_do_not_fit_the_kind_are_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(TaskError, match=r"^x\.toml") as refused:
        read_task(table, HERE)
    assert said in str(refused.value)


def test_two_tasks_are_told_apart() -> None:
    assert Task() != Task("score")
