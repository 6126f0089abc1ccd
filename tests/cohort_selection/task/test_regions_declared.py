"""What the [task] table of masks and marks must say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cohort_selection.task.declaration import LEFT_OUT, Task, TaskError, read_task
from submissions.contract import REGION_BYTES, read_contract

MASKS = {"kind": "segmentation", "both_empty": 1, "false_mask": 0.0, "missed_mask": LEFT_OUT}
MARKS = {"kind": "localisation", "hit": "inside", "rates": [0.5, 1.0]}
FILE = Path("b.toml")


def test_masks_and_marks_have_rows_of_their_own() -> None:
    masks, marks = read_task(MASKS, FILE), read_task(MARKS, FILE)
    boxes = read_task({**MARKS, "hit": "overlap", "least_iou": 0.3}, FILE)
    assert masks.outputs == ("sop_instance_uid", "frame", "runs")
    assert marks.outputs == ("sop_instance_uid", "frame", "x", "y", "score")
    assert boxes.outputs == ("sop_instance_uid", "frame", "x", "y", "width", "height", "score")
    assert masks.has_regions
    assert not masks.has_targets
    assert read_contract({}, FILE, masks).output_bytes == REGION_BYTES
    assert read_contract({"output_bytes": 5000}, FILE, masks).output_bytes == 5000


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({**MASKS, "both_empty": None}, "both_empty is not given, which decides who ranks first"),
        ({**MASKS, "missed_mask": None}, "missed_mask is not given"),
        ({**MASKS, "false_mask": 2}, "false_mask"),
        ({**MASKS, "false_mask": "never"}, "false_mask"),
        ({**MASKS, "tolerances_mm": [5.0, 2.0]}, "give them rising"),
        ({**MASKS, "distance_penalty_mm": float("inf")}, "distance_penalty_mm"),
        ({**MASKS, "hit": "inside"}, "hit is for localisation"),
        ({"kind": "binary", "both_empty": 0.0}, "both_empty is for segmentation"),
        ({**MARKS, "hit": None}, "hit is not given"),
        ({**MARKS, "hit": "near"}, "within_mm"),
        ({**MARKS, "least_iou": 0.3}, "least_iou belongs to"),
        ({**MARKS, "rates": None}, "false marks a case"),
        ({**MARKS, "rates": [0.0]}, "rates"),
    ],
)
def test_what_decides_the_ranking_has_no_silent_default(table: dict[str, Any], said: str) -> None:
    given = {key: value for key, value in table.items() if value is not None}
    with pytest.raises(TaskError, match=said):
        read_task(given, FILE)


def test_a_binary_task_says_nothing_of_regions() -> None:
    assert Task() == read_task({}, FILE)
    assert not Task().has_regions
