import pytest

from cohort_selection.task.declaration import Task, TaskError
from cohort_selection.task.open_columns import read_cells, target_columns, task_of


@pytest.mark.parametrize(
    "task",
    [
        Task("multilabel", findings=("effusion", "mass")),
        Task("multiclass", "class", classes=("normal", "viral", "bacterial")),
        Task("ordinal", "grade", lowest=1, highest=5),
        Task(),
    ],
)
def test_the_columns_tell_the_task(task: Task) -> None:
    columns = ["case_id", *target_columns(task).values(), "sex"]
    assert task_of(columns) == task


def test_targets_of_two_kinds_are_refused() -> None:
    with pytest.raises(TaskError, match="of one kind"):
        task_of(["finding:a", "grade:0-4"])


def test_an_empty_cell_is_unknown() -> None:
    row = {"finding:a": "", "finding:b": "1"}
    assert read_cells(row, {"a": "finding:a", "b": "finding:b"}) == {"a": None, "b": 1.0}
    with pytest.raises(TaskError, match="give 1 or 0"):
        read_cells({"finding:a": "yes"}, {"a": "finding:a"})


@pytest.mark.parametrize("column", ["grade:00-24", "finding:Pleural Effusion"])
def test_a_column_that_is_written_otherwise_is_refused(column: str) -> None:
    others = [] if column.startswith("grade") else ["finding:mass"]
    with pytest.raises(TaskError, match=r"it is written '(grade:0-24|finding:pleural_effusion)'"):
        task_of([column, *others])


@pytest.mark.parametrize(
    ("columns", "cells", "said"),
    [
        (("finding:a", "finding:b"), ("7", "0"), "give 1 or 0"),
        (("class:a", "class:b"), ("1", "1"), "of one class"),
        (("class:a", "class:b"), ("0", "0"), "of one class"),
        (("class:a", "class:b"), ("1", ""), "give 1 or 0"),
        (("grade:0-24",), ("25",), "a whole number from 0 to 24"),
        (("grade:0-24",), ("3.5",), "a whole number from 0 to 24"),
        (("grade:0-24",), ("",), "a whole number from 0 to 24"),
        (("grade:0-24",), ("nan",), "a whole number from 0 to 24"),
    ],
)
def test_a_cell_that_its_column_cannot_hold_is_refused(
    columns: tuple[str, ...], cells: tuple[str, ...], said: str
) -> None:
    row = dict(zip(columns, cells, strict=True))
    with pytest.raises(TaskError, match=said):
        read_cells(row, target_columns(task_of(columns)))
