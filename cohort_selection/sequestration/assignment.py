"""The append-only list of open and sequestered patients, chained line to line.

A line is ``chain,batch,patient_id,part``; ``chain`` is the SHA-256 of the previous line's chain and
this line's other fields. A changed, removed or moved line breaks every chain after it, and the last
chain value, written down elsewhere (an audit log, a digest), pins the whole list.
"""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from cohort_selection.atomic_files import locked
from cohort_selection.sequestration.split import Part

_HEADER = "chain,batch,patient_id,part"
_START = sha256(b"sequestra assignment list 1").hexdigest()


class AssignmentError(ValueError):
    """The list was changed, or somebody was to be moved."""


def read_assignment(path: Path) -> dict[str, Part]:
    """Read and check the whole list; a patient stands in it once.

    An absent list is an empty one. A last line without its end, as a kill leaves it, does not
    count. Raises AssignmentError, with the line, where the chain is broken.
    """
    return _read(path)[0]


def read_batches(path: Path) -> dict[str, str]:
    """Read and check the whole list; return the batch that each patient came with, in order."""
    return _read(path)[1]


def head(path: Path) -> str:
    """Return the last value of the chain, which stands for the whole list."""
    return _read(path)[2]


def append_assignment(path: Path, parts: Mapping[str, Part], batch: str) -> int:
    """Add the patients of ``parts`` that the list does not have yet; return how many.

    Raises AssignmentError if one of ``parts`` differs from the list: a patient once assigned never
    moves. Held under a lock and flushed to disk before it returns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        locked(stream)
        known, _, chain, whole = _read(path)
        moved = sum(patient in known and known[patient] != part for patient, part in parts.items())
        if moved:
            raise AssignmentError(
                f"{moved} patients stand in {path.name} with the other part; a patient once "
                "assigned never moves: give split() the assignments so far"
            )
        new = sorted(patient for patient in parts if patient not in known)
        lines = [] if whole else [_HEADER]
        for patient in new:
            fields = _fields(batch, patient, parts[patient])
            chain = _link(chain, fields)
            lines.append(f"{chain},{fields}")
        stream.truncate(whole)
        if lines:
            stream.write(("\n".join(lines) + "\n").encode())
        stream.flush()
        os.fsync(stream.fileno())
    return len(new)


def _read(path: Path) -> tuple[dict[str, Part], dict[str, str], str, int]:
    """Return assignments, batches, last chain value and bytes of whole lines."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}, {}, _START, 0
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].decode("utf-8", errors="replace").split("\n")[:-1]
    if lines and lines[0] != _HEADER:
        raise AssignmentError(f"{path.name} line 1: expected {_HEADER}; this is another file")
    parts: dict[str, Part] = {}
    batches: dict[str, str] = {}
    chain = _START
    for number, line in enumerate(lines[1:], start=2):
        stated, _, fields = line.partition(",")
        chain = _link(chain, fields)
        row = next(csv.reader([fields]), [])
        if stated != chain or len(row) != 3 or row[2] not in set(Part) or row[1] in parts:
            raise AssignmentError(
                f"{path.name} line {number}: the chain is broken here; the list was changed after "
                "it was written: restore it from a copy"
            )
        batch, patient, part = row
        parts[patient], batches[patient] = Part(part), batch
    return parts, batches, chain, whole


def _fields(batch: str, patient: str, part: Part) -> str:
    # Control characters, line and paragraph separators: any reader may take one for a line's end.
    if any(unicodedata.category(mark) in {"Cc", "Zl", "Zp"} for mark in batch + patient):
        raise AssignmentError(
            "a patient id or the batch name holds a line break or another control character; "
            "correct the source table, or give another --batch"
        )
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([batch, patient, part.value])
    return text.getvalue()


def _link(chain: str, fields: str) -> str:
    return sha256(f"{chain},{fields}".encode()).hexdigest()
