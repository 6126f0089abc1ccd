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
    read_list,
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
    lines = path.read_text().splitlines()[1:]
    assert [line.split(",")[1:3] for line in lines] == [
        ["first", "2 patients"], ["second", "1 patients"],
    ]  # fmt: skip
    first = tmp_path / "list" / "000001.tsv"
    assert first.read_text() == "p,2\tsequestered\np1\topen\n"
    assert lines[0].split(",")[3] == sha256(first.read_bytes()).hexdigest()


def chained(path: Path, rows: list[tuple[str, str, str]]) -> None:
    """Write a list as earlier versions did: a line a patient."""
    chain, lines = head(path), ["chain,batch,patient_id,part"]
    for row in rows:
        fields = ",".join(row)
        chain = sha256(f"{chain},{fields}".encode()).hexdigest()
        lines.append(f"{chain},{fields}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_list_of_before_is_read_and_goes_on_by_batches(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    chained(path, [("b", "p9", "open"), ("a", "p4", "sequestered"), ("b", '"p,5"', "open")])
    before = path.read_text()
    assert append_assignment(path, {"p4": Part.SEQUESTERED, "p0": Part.OPEN}, "a") == 1
    assert append_assignment(path, {"p7": Part.SEQUESTERED}, "c") == 1
    assert path.read_text().startswith(before)
    found = read_list(path)
    assert dict(found.parts) == {
        "p,5": Part.OPEN, "p0": Part.OPEN, "p4": Part.SEQUESTERED, "p7": Part.SEQUESTERED,
        "p9": Part.OPEN,
    }  # fmt: skip
    assert [found.batches[code] for code in found.batch] == ["b", "a", "a", "c", "b"]
    assert found.batches == ("b", "a", "c")
    assert found.head == head(path)


@pytest.mark.parametrize("change", ["flip", "remove", "swap", "lose"])
def test_a_change_of_a_batchs_file_is_told_with_its_line(tmp_path: Path, change: str) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    append_assignment(path, {f"q{i}": Part.OPEN for i in range(6)}, "second")
    pinned, file = head(path), tmp_path / "list" / "000002.tsv"
    lines = file.read_text().splitlines()
    if change == "flip":
        lines[3] = lines[3].replace("open", "sequestered")
    elif change == "remove":
        del lines[3]
    else:
        lines[3], lines[4] = lines[4], lines[3]
    file.write_text("\n".join(lines) + "\n")
    if change == "lose":
        file.unlink()
    said = "is not there" if change == "lose" else "was changed after it was written"
    for act in (read_assignment, lambda path: append_assignment(path, BOTH, "third")):
        with pytest.raises(AssignmentError, match=rf"line 3: list/000002\.tsv, .*{said}"):
            act(path)
    assert head(path) == pinned


def test_a_patient_of_two_batches_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    chained(path, [("b", "p9", "open"), ("a", "p9", "open")])
    with pytest.raises(AssignmentError, match=r"a patient stands in list\.csv twice"):
        read_assignment(path)


def test_what_a_kill_left_between_file_and_line_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    (tmp_path / "list" / "000002.tsv").write_text("p3\topen\n")
    assert read_assignment(path) == BOTH
    assert append_assignment(path, {"p4": Part.OPEN}, "second") == 1
    assert read_assignment(path) == {**BOTH, "p4": Part.OPEN}


def test_a_list_that_has_grown_since_it_was_read_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    known = read_list(path)
    append_assignment(path, {"p3": Part.OPEN}, "second")
    with pytest.raises(AssignmentError, match="1 patients stand"):
        append_assignment(path, {"p3": Part.SEQUESTERED}, "third", known=known)
    assert append_assignment(path, {"p3": Part.OPEN, "p4": Part.OPEN}, "third", known=known) == 1


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
    assert read_list(path).batches == ("first\u2028half",)


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
    for i in range(6):
        append_assignment(path, {f"p{i}": Part.OPEN}, f"batch {i}")
    lines = path.read_text().splitlines()
    if change == "flip":
        lines[3] = lines[3].replace("1 patients", "2 patients")
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
    assert len(read_assignment(path)) == 0
    assert head(path) != whole


def test_a_line_torn_by_a_kill_does_not_count_and_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    path.write_bytes(path.read_bytes()[:-5])
    assert len(read_assignment(path)) == 0
    assert append_assignment(path, BOTH, "first") == 2
    assert read_assignment(path) == BOTH
