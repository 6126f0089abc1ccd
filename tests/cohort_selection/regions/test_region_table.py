"""The table of regions: what is written is read, and what is wrong is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.cases import Case, Region
from cohort_selection.regions.region_table import RegionTableError, as_table, read_table

REGIONS = (
    Region("2.25.1", 1, 1, runs="5 3 21 2"),
    Region("2.25.2", 4, 2, box=(1.5, 2.0, 3.25, 4.0)),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    case = Case("one", "p", (), 1, {}, {}, REGIONS)
    (tmp_path / "r.csv").write_text(as_table([case, Case("two", "p", (), 0, {})]))
    assert read_table(tmp_path / "r.csv") == {"one": REGIONS}


def test_a_table_of_boxes_needs_no_more_than_their_corners(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("case_id,sop_instance_uid,x,y,width,height\none,2.25.1,1,2,3,4\n")
    assert read_table(path) == {"one": (Region("2.25.1", 1, 1, box=(1, 2, 3, 4)),)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case_id,x\none,1\n", "is no table of regions; it has case_id, sop_instance_uid, and"),
        ("case_id,sop_instance_uid,runs\none,2.25.1,\n", "line 2 has runs and a box, or neither"),
        ("case_id,sop_instance_uid,frame,runs\none,2.25.1,0,1 2\n", "whole numbers from 1"),
        (
            "case_id,sop_instance_uid,x,y,width,height\none,2.25.1,1,2,-3,4\n",
            "numbers of 0 or more",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(RegionTableError, match=said):
        read_table(tmp_path / "r.csv")
