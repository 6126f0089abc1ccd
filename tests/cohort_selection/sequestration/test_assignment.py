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


ALONE = "each of its lines could have been written, so only a copy tells which one is another"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (None, "is not there"),
        (["q0\topen", "q1\topen", "q2\tsequestered", "q3\topen"], ALONE),
        (["q0\topen", "q1\topen", "q2\topen", "q9\topen"], ALONE),
        (["q0\topen", "q2\topen", "q3\topen"], "it has 3 patients instead of 4"),
        ([], "it has 0 patients instead of 4"),
        (["q0\topen", "q2\topen", "q1\topen", "q3\topen"], "its line 3 is not in order"),
        (["q0\topen", "q1\topen", "q1\topen", "q2\topen"], "its line 3 is not in order"),
        (["q0\topen", "q1\topen", "q2\tclosed", "q3\topen"], "its line 3 is no patient id, a tab"),
        (["q0\topen", "", "q2\topen", "q3\topen"], "its line 2 is no patient id, a tab and open"),
        (["q0\topen\r", "q1\topen\r"], "its line 1 is no patient id, a tab and open or seq"),
        (["p,2\tsequestered", "p1\topen"], r"it is now 000001\.tsv"),
    ],
)
def test_a_change_of_a_batchs_file_is_told_with_its_lines(
    tmp_path: Path, lines: list[str] | None, said: str
) -> None:
    """The list is ten chained patients of before, then two batches."""
    path = tmp_path / "list.csv"
    chained(path, [("old", f"a{i}", "open") for i in range(10)])
    append_assignment(path, BOTH, "first")
    append_assignment(path, {f"q{i}": Part.OPEN for i in range(4)}, "second")
    pinned, file = head(path), tmp_path / "list" / "000002.tsv"
    before = path.read_bytes()
    if lines is None:
        file.unlink()
    else:
        file.write_bytes("".join(f"{line}\n" for line in lines).encode())
    for act in (read_assignment, lambda path: append_assignment(path, {**BOTH}, "third")):
        with pytest.raises(
            AssignmentError, match=rf"list\.csv line 13: list/000002\.tsv, .*{said}"
        ):
            act(path)
    assert head(path) == pinned
    assert path.read_bytes() == before


def test_a_batchs_file_that_lost_its_end_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    file = tmp_path / "list" / "000001.tsv"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(AssignmentError, match="its line 2 has no end; restore it from a copy"):
        read_assignment(path)


def test_files_of_two_batches_that_were_swapped_are_told(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    append_assignment(path, {"p3": Part.OPEN}, "second")
    one, other = (tmp_path / "list" / f"00000{i}.tsv" for i in (1, 2))
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    with pytest.raises(AssignmentError, match=r"line 2: list/000001.tsv, .*is now 000002\.tsv"):
        read_assignment(path)


def test_a_patient_of_two_batches_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    chained(path, [("b", "p9", "open"), ("c", "p1", "open"), ("a", "p9", "open")])
    with pytest.raises(AssignmentError, match=r"stands in list\.csv twice, in line 2 and line 4;"):
        read_assignment(path)
    path.unlink()
    chained(path, [("b", "p9", "open"), ("c", "p1", "open")])
    append_assignment(path, {f"q{i}": Part.OPEN for i in range(4)}, "d")
    before = path.read_bytes()
    forge(path, ["p9\topen", "z\topen"])
    with pytest.raises(
        AssignmentError, match=r"in line 2 and line 1 of list/000002\.tsv; the list"
    ):
        read_assignment(path)
    path.write_bytes(before)
    forge(path, ["q22\topen"])
    forge(path, ["a\topen", "q2\topen"])
    said = r"twice, in line 3 of list/000001\.tsv and line 2 of list/000003\.tsv; the list"
    with pytest.raises(AssignmentError, match=said):
        read_assignment(path)


def forge(path: Path, lines: list[str]) -> None:
    """Add a batch, with a chain that is right, of patients whom nobody looked for in the list."""
    folder = path.with_suffix("")
    content = "".join(f"{line}\n" for line in lines).encode()
    number = path.read_text().count(" patients,") + 1
    (folder / f"{number:06d}.tsv").write_bytes(content)
    fields = f"forged,{len(lines)} patients,{sha256(content).hexdigest()}"
    chain = sha256(f"{head(path)},{fields}".encode()).hexdigest()
    with path.open("a") as stream:
        stream.write(f"{chain},{fields}\n")


def test_a_line_of_a_patient_after_a_batch_is_refused(tmp_path: Path) -> None:
    """The chain is right there, but no version writes one."""
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    for fields in ("first,p8,open", "first,p8", "first,2 patients,0123", ""):
        chain = sha256(f"{head(path)},{fields}".encode()).hexdigest()
        before = path.read_text()
        path.write_text(f"{before}{chain},{fields}\n")
        with pytest.raises(AssignmentError, match=r"list\.csv line 3 is no batch, and no patient"):
            read_assignment(path)
        path.write_text(before)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (change, line)
        for change in ("byte", "remove", "repeat", "long", "ends")
        for line in range(1, 8 if change != "remove" else 7)
    ],
)
def test_a_change_amid_patients_and_batches_is_found_at_its_line(
    tmp_path: Path, change: str, line: int
) -> None:
    """Three chained patients, then three batches; the last line's removal alone needs the head."""
    path = tmp_path / "list.csv"
    chained(path, [("b", f"p{i}", "open") for i in range(3)])
    for i in range(3):
        append_assignment(path, {f"q{i}": Part.SEQUESTERED}, f"batch {i}")
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 7
    whole = lines[line - 1]
    if change == "remove":
        lines[line - 1 : line] = []
    elif change == "repeat":
        lines.insert(line, whole)
        line += 1
    elif change == "long":
        lines[line - 1] = whole[:-1] + b"x" * 200_000 + b"\n"
    elif change == "ends":
        lines[line - 1] = whole[:-1] + b"\r\n"
    else:
        lines[line - 1] = whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]
    path.write_bytes(b"".join(lines))
    for act in (read_assignment, lambda path: append_assignment(path, BOTH, "third")):
        with pytest.raises(AssignmentError, match=rf"list\.csv line {line}[: ].*restore it"):
            act(path)
    assert path.read_bytes() == b"".join(lines)


HOSTILE = [
    "", " ", "p,1", 'p"1', '"', "'", "p\\1", "é", "患者", "\U0001f600", "\ufeff", "\ufeffp1",
    "\xa0", "NA", "null", "open", "#1", "2 patients", "\ufffd", "\ue000",
]  # fmt: skip


def test_whatever_ids_hold_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All at once, and each alone in a batch of its own."""
    path = tmp_path / "list.csv"
    parts = {patient: list(Part)[i % 2] for i, patient in enumerate(HOSTILE)}
    append_assignment(path, parts, 'a "batch", or none')
    assert dict(read_assignment(path)) == parts
    assert read_list(path).batches == ('a "batch", or none',)
    for i, (patient, part) in enumerate(parts.items()):
        alone = tmp_path / f"{i}.csv"
        append_assignment(alone, {patient: part}, patient)
        assert dict(read_assignment(alone)) == {patient: part}
        assert append_assignment(alone, {patient: part}, "again") == 0
        assert read_list(alone).batches == (patient,)


def test_nobody_at_all_is_a_list_without_batches(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    assert append_assignment(path, {}, "first") == 0
    assert append_assignment(path, {}, "second") == 0
    assert path.read_text() == "chain,batch,patient_id,part\n"
    assert read_list(path).batches == ()


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


@pytest.mark.parametrize("mark", ["\n", "\r", "\t", "\x0b", "\x1c", "\x85", "\u2028", "\0"])
def test_a_control_character_is_refused_before_it_stands_in_the_list(
    tmp_path: Path, mark: str
) -> None:
    path = tmp_path / "list.csv"
    append_assignment(path, BOTH, "first")
    for patient, batch in ((f"p{mark}9", "second"), ("p9", f"sec{mark}ond")):
        with pytest.raises(AssignmentError, match="holds a line break or another control"):
            append_assignment(path, {patient: Part.OPEN}, batch)
    with pytest.raises(AssignmentError, match="holds a line break or another control"):
        append_assignment(path, {"p9": Part.OPEN}, "not UTF-8 \udcff")
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
