"""The list of assignments only grows, and shows any other change."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from cohort_selection.sequestration.assignment import (
    AssignmentError,
    append_assignment,
    head,
    read_assignment,
    read_batches,
)
from cohort_selection.sequestration.split import Part

BOTH = {"p1": Part.OPEN, "p,2": Part.SEQUESTERED}


def test_what_is_appended_is_read_and_patients_already_there_are_not_written_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "list.csv"
    assert read_assignment(path) == {}
    assert append_assignment(path, BOTH, "first") == 2
    assert append_assignment(path, {**BOTH, "p3": Part.OPEN}, "second") == 1
    assert read_assignment(path) == {**BOTH, "p3": Part.OPEN}
    assert [line.split(",")[1] for line in path.read_text().splitlines()[1:]] == [
        "first", "first", "second",
    ]  # fmt: skip


@pytest.mark.parametrize("mark", ["\n", "\r", "\x0b", "\x1c", "\x85", "\u2028", "\0"])
def test_a_control_character_is_refused_before_it_stands_in_the_list(
    tmp_path: Path, mark: str
) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    for patient, batch in ((f"p{mark}9", "second"), ("p9", f"sec{mark}ond")):
        with pytest.raises(AssignmentError, match="holds a line break or another control"):
            append_assignment(path, {patient: Part.OPEN}, batch)
    assert read_assignment(path) == BOTH


def test_a_list_that_holds_a_line_separator_already_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    fields = "first\u2028half,p1,open"
    chain = sha256(f"{head(path)},{fields}".encode()).hexdigest()
    path.write_text(f"chain,batch,patient_id,part\n{chain},{fields}\n", encoding="utf-8")
    assert read_assignment(path) == {"p1": Part.OPEN}
    assert read_batches(path) == {"p1": "first\u2028half"}


def test_nobody_can_be_moved(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    before = path.read_bytes()
    with pytest.raises(AssignmentError, match=r"1 patients stand in list\.csv with the other part"):
        append_assignment(path, {"p1": Part.SEQUESTERED, "p9": Part.OPEN}, "second")
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", ["flip", "remove", "swap", "repeat"])
def test_any_change_of_the_past_breaks_the_chain(tmp_path: Path, change: str) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, {f"p{i}": Part.OPEN for i in range(6)}, "first")
    lines = path.read_text().splitlines()
    if change == "flip":
        lines[3] = lines[3].replace("open", "sequestered")
    elif change == "remove":
        del lines[3]
    elif change == "swap":
        lines[3], lines[4] = lines[4], lines[3]
    else:
        lines.insert(4, lines[3])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(AssignmentError, match=r"list\.csv line [45]: the chain is broken here"):
        read_assignment(path)


def test_a_list_cut_at_its_end_is_another_list(tmp_path: Path) -> None:
    """The chain cannot see that its end is missing; its head can."""
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    whole = head(path)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert len(read_assignment(path)) == 1
    assert head(path) != whole


def test_a_line_torn_by_a_kill_does_not_count_and_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    path.write_bytes(path.read_bytes()[:-5])
    assert len(read_assignment(path)) == 1
    assert append_assignment(path, BOTH, "first") == 1
    assert read_assignment(path) == BOTH
