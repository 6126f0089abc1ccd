"""The append-only list of open and sequestered patients, chained line to line.

A line is ``chain,batch,patients,digest``: so many patients came with a batch, and the file of that
number in the folder beside the list has them. ``chain`` is the SHA-256 of the previous line's chain
and this line's other fields. A changed, removed or moved line breaks every chain after it, and the
last chain value, written down elsewhere (an audit log, a digest), pins the whole list.

A batch's file has a line a patient, in order of their ids: the id, a tab and the part. ``digest``
is its SHA-256. A list that an earlier version began has a line a patient at its head,
``chain,batch,patient_id,part``, and goes on by batches.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from unicodedata import category

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from cohort_selection.atomic_files import flush_entry, locked, written
from cohort_selection.coded import order_of
from cohort_selection.column_text import blocks, data_of, joined, spread
from cohort_selection.sequestration.parts import Part, Parts, in_order, merged, places

_HEADER = "chain,batch,patient_id,part"
_START = sha256(b"sequestra assignment list 1").hexdigest()
_PATIENTS = re.compile(r"([1-9][0-9]*) patients")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WRITTEN_PARTS = frozenset(part.value.encode() for part in Part)
_PART_WORDS = " or ".join(Part)
_CONTROL = r"[\p{Cc}\p{Zl}\p{Zp}]"
_CONTROLS = frozenset({"Cc", "Zl", "Zp", "Cs"})  # those, and bytes of the command line
_CHANGED = "was changed after it was written"
_RESTORE = "restore it from a copy"
_FIRST_LINE = b"-\t-\n"  # a mark of byte order after it is a part of the first id
_AS_TABLE = pyarrow.csv.ReadOptions(column_names=["patient_id", "part"], skip_rows=1)
_AS_LINES = pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False)
_AS_TEXTS = pyarrow.csv.ConvertOptions(
    column_types={"patient_id": pa.large_string(), "part": pa.string()}
)


class AssignmentError(ValueError):
    """The list was changed, or somebody was to be moved."""


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentList:
    """The whole list: every patient's part, and the batch that the patient came with.

    ``batch`` (patients,) points into ``batches``, their names in the order they came; ``head`` is
    the last value of the chain, which stands for the whole list.
    """

    parts: Parts
    batch: NDArray[np.int32]
    batches: tuple[str, ...]
    head: str


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one line says: a batch's name, and the patients of it in the file of that number."""

    line: int
    name: str
    number: int
    n_patients: int
    digest: str


@dataclass(slots=True)
class _Lines:
    """Whole lines of the list: single patients, batches, the last chain value, their bytes."""

    patients: list[str] = field(default_factory=list)
    hidden: bytearray = field(default_factory=bytearray)
    came_with: list[str] = field(default_factory=list)
    batches: list[_Batch] = field(default_factory=list)
    chain: str = _START
    whole: int = 0


def read_list(path: Path) -> AssignmentList:
    """Read and check the whole list; a patient stands in it once.

    An absent list is an empty one. A last line without its end, as a kill leaves it, does not
    count. Raises AssignmentError, with the line, where the chain is broken, a patient stands twice
    or a batch's file is not the one that was written.
    """
    return _listed(path, _lines(path))


def read_assignment(path: Path) -> Parts:
    """Read and check the whole list; return the part of each patient."""
    return read_list(path).parts


def head(path: Path) -> str:
    """Return the last value of the chain, which stands for the whole list."""
    return _lines(path).chain


def append_assignment(
    path: Path, parts: Mapping[str, Part], batch: str, *, known: AssignmentList | None = None
) -> int:
    """Add the patients of ``parts`` that the list does not have yet; return how many.

    ``known`` is the list as it was read before; it is read again where it has grown since. Raises
    AssignmentError if one of ``parts`` differs from the list: a patient once assigned never moves.
    Held under a lock and flushed to disk before it returns: a kill leaves the list as it was.
    """
    given = Parts.of(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        locked(stream)
        lines = _lines(path)
        if known is None or known.head != lines.chain:
            known = _listed(path, lines)
        place = places(given.patients, known.parts.patients)
        there = place >= 0
        moved = int((known.parts.sequestered[place[there]] != given.sequestered[there]).sum())
        if moved:
            raise AssignmentError(
                f"{moved} patients stand in {path.name} with the other part; a patient once "
                "assigned never moves: give split() the assignments so far"
            )
        new = given.take(~there)
        added = [] if lines.whole else [_HEADER]
        if len(new):
            _refuse_controls(new.patients, batch)
            digest = _write_batch(_file(path, len(lines.batches) + 1), new)
            fields = _row(batch, f"{len(new)} patients", digest)
            added.append(f"{_link(lines.chain, fields)},{fields}")
        stream.truncate(lines.whole)
        if added:
            stream.write(("\n".join(added) + "\n").encode())
        stream.flush()
        os.fsync(stream.fileno())
    return len(new)


def _lines(path: Path) -> _Lines:
    """Read the list alone, without its batches' files, and check its chain."""
    found = _Lines()
    if not path.exists():
        return found
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                break
            _add(found, path, number, line[:-1].decode("utf-8", errors="replace"))
            found.whole += len(line)
    return found


def _add(found: _Lines, path: Path, number: int, line: str) -> None:
    if number == 1:
        if line != _HEADER:
            raise AssignmentError(
                f"{path.name} line 1 is {line[:80]!r}; expected {_HEADER!r}: this is another "
                f"file, or it {_CHANGED}; {_RESTORE}"
            )
        return
    stated, _, fields = line.partition(",")
    found.chain = _link(found.chain, fields)
    if stated != found.chain:
        raise AssignmentError(
            f"{path.name} line {number}: the chain is broken here; the list {_CHANGED}: {_RESTORE}"
        )
    name, who, what = (*next(csv.reader([fields]), []), "", "", "")[:3]
    counted = _PATIENTS.fullmatch(who)
    if counted and _DIGEST.fullmatch(what):
        batch = _Batch(number, name, len(found.batches) + 1, int(counted[1]), what)
        found.batches.append(batch)
    elif what in set(Part) and not found.batches:
        found.patients.append(who)
        found.hidden.append(what == Part.SEQUESTERED)
        found.came_with.append(sys.intern(name))
    else:
        raise AssignmentError(
            f"{path.name} line {number} is no batch, and no patient before the first batch; "
            f"the list {_CHANGED}: {_RESTORE}"
        )


def _listed(path: Path, lines: _Lines) -> AssignmentList:
    """Read the batches' files, and put all patients in order."""
    names = tuple(dict.fromkeys([*lines.came_with, *(batch.name for batch in lines.batches)]))
    place = {name: number for number, name in enumerate(names)}
    alone = pa.array(lines.patients, pa.large_string())
    order = order_of(alone)
    codes = np.fromiter(map(place.__getitem__, lines.came_with), np.int32, len(alone))
    found = [Parts(alone.take(pa.array(order)), np.frombuffer(lines.hidden, np.bool_)[order])]
    batch = [codes[order]]
    for each in lines.batches:
        found.append(_read_batch(path, each, lines.batches))
        batch.append(np.full(each.n_patients, place[each.name], np.int32))
    together = merged([parts.patients for parts in found])
    patients = pa.concat_arrays([parts.patients for parts in found]).take(pa.array(together))
    if not in_order(patients):
        twice = pc.index(pc.equal(patients[:-1], patients[1:]), True).as_py()
        one, other = sorted(together[twice : twice + 2].tolist())
        where = f"{_place(path, one, order, lines)} and {_place(path, other, order, lines)}"
        raise AssignmentError(
            f"a patient stands in {path.name} twice, in {where}; the list {_CHANGED}: {_RESTORE}"
        )
    hidden = np.concatenate([parts.sequestered for parts in found])[together]
    return AssignmentList(
        Parts(patients, hidden), np.concatenate(batch)[together], names, lines.chain
    )


def _place(path: Path, row: int, order: NDArray[np.int64], lines: _Lines) -> str:
    """The file and line of a patient: single ones come first, in that order, then the batches."""
    if row < len(order):
        return f"line {order[row] + 2}"
    row -= len(order)
    for batch in lines.batches:
        if row < batch.n_patients:
            break
        row -= batch.n_patients
    file = _file(path, batch.number)
    return f"line {row + 1} of {file.parent.name}/{file.name}"


def _read_batch(path: Path, batch: _Batch, batches: Sequence[_Batch]) -> Parts:
    file = _file(path, batch.number)
    said = f"{path.name} line {batch.line}: {file.parent.name}/{file.name}, the file of this batch,"
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise AssignmentError(f"{said} is not there; {_RESTORE}") from None
    digest = sha256(content).hexdigest()
    if digest != batch.digest:
        other = next((_file(path, each.number) for each in batches if each.digest == digest), None)
        where = f"it is now {other.name}" if other is not None else _change(content, batch)
        raise AssignmentError(f"{said} {_CHANGED}: {where}; {_RESTORE}")
    lines = pa.BufferReader(_FIRST_LINE + content)
    try:
        table = pyarrow.csv.read_csv(lines, _AS_TABLE, _AS_LINES, _AS_TEXTS)
        patients = table.column(0).combine_chunks()
    except pa.ArrowInvalid:
        patients = pa.array([], pa.large_string())
    if len(patients) != batch.n_patients or not in_order(patients):
        raise AssignmentError(f"{said} {_CHANGED}: {_change(content, batch)}; {_RESTORE}")
    hidden = pc.equal(table.column(1), Part.SEQUESTERED.value)
    return Parts(patients, np.asarray(hidden.to_numpy(), np.bool_))


def _change(content: bytes, batch: _Batch) -> str:
    """Where the file of a batch is not as one is written, as far as the file itself tells."""
    *lines, rest = content.split(b"\n")
    before: bytes | None = None
    for number, line in enumerate(lines, start=1):
        patient, _, part = line.partition(b"\t")
        if part not in _WRITTEN_PARTS:
            return f"its line {number} is no patient id, a tab and {_PART_WORDS}"
        if before is not None and patient <= before:
            return f"its line {number} is not in order after the line before"
        before = patient
    if rest:
        return f"its line {len(lines) + 1} has no end"
    if len(lines) != batch.n_patients:
        return f"it has {len(lines)} patients instead of {batch.n_patients}"
    return "each of its lines could have been written, so only a copy tells which one is another"


def _write_batch(file: Path, new: Parts) -> str:
    """Write the file of a batch, flushed to disk; return its digest."""
    file.parent.mkdir(exist_ok=True)
    ends = [f"\t{part.value}\n" for part in (Part.OPEN, Part.SEQUESTERED)]
    digest = sha256()
    with written(file) as stream:
        for block in blocks(len(new)):
            parts = spread(ends, new.sequestered[block].astype(np.int8))
            text = data_of(joined(new.patients[block], parts))
            stream.write(text)
            digest.update(text)
    flush_entry(file.parent)
    flush_entry(file.parent.parent)
    return digest.hexdigest()


def _file(path: Path, number: int) -> Path:
    """Where the patients of the batch of that number stand."""
    return path.with_suffix("") / f"{number:06d}.tsv"


def _refuse_controls(patients: pa.LargeStringArray, batch: str) -> None:
    # Control characters, line and paragraph separators: any reader may take one for a line's end.
    marks = np.frombuffer(data_of(patients), np.uint8)
    odd = bool(((marks < ord(" ")) | (marks > ord("~"))).any())
    in_patient = odd and pc.any(pc.match_substring_regex(patients, _CONTROL)).as_py()
    if in_patient or any(category(mark) in _CONTROLS for mark in batch):
        raise AssignmentError(
            "a patient id or the batch name holds a line break or another control character; "
            "correct the source table, or give another --batch"
        )


def _row(*cells: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _link(chain: str, fields: str) -> str:
    return sha256(f"{chain},{fields}".encode()).hexdigest()
