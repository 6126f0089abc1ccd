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
    with pytest.raises(TaskError, match="give a number"):
        read_cells({"finding:a": "yes"}, {"a": "finding:a"})
