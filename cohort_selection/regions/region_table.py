"""Regions as a table: what stands beside the list of open cases, and what ``score`` reads.

Columns: case_id, lesion, sop_instance_uid, frame, runs, x, y, width, height; a mask has runs, a box
the four numbers. A case without a lesion has no row. Among the annotations of a commons such a
table needs no case_id.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from cohort_selection.cases import Case, Region

COLUMNS = ("case_id", "lesion", "sop_instance_uid", "frame", "runs", "x", "y", "width", "height")
_BOX = ("x", "y", "width", "height")
_LARGEST_CELL = 1 << 24


class RegionTableError(ValueError):
    """A table of regions that cannot be read; the message says what to change."""


def beside(open_list: Path) -> Path:
    """Where the regions of the cases of a list lie."""
    return open_list.with_name(f"{open_list.stem}-regions.csv")


def as_table(cases: Sequence[Case]) -> str:
    """The regions of cases as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case in cases:
        for region in case.regions:
            box = region.box or ("", "", "", "")
            writer.writerow(
                [case.case_id, region.lesion, region.source, region.frame, region.runs, *box]
            )
    return text.getvalue()


def read_table(path: Path) -> Mapping[str, tuple[Region, ...]]:
    """Case id -> its regions; raise RegionTableError, OSError where there is no such file."""
    found = _read(path, "case_id")
    if found is None:
        raise RegionTableError(
            f"{path.name} is no table of regions; it has case_id, sop_instance_uid, and runs or x, "
            "y, width, height"
        )
    return found


def read_by_picture(path: Path) -> Mapping[str, tuple[Region, ...]] | None:
    """SOPInstanceUID -> the regions of that picture; None where a file is no such table.

    ``case_id`` is not needed. Raises RegionTableError for a row that is none.
    """
    try:
        return _read(path, "sop_instance_uid")
    except (UnicodeDecodeError, csv.Error):
        return None


def _read(path: Path, by: str) -> Mapping[str, tuple[Region, ...]] | None:
    """The regions by a column; None where the columns are not those of regions."""
    found: dict[str, list[Region]] = {}
    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            names = set(reader.fieldnames or ())
            if not ({by, "sop_instance_uid"} <= names and ("runs" in names or names >= {*_BOX})):
                return None
            for line, row in enumerate(reader, start=2):
                name = row[by] or ""
                region = _region(row, f"{path.name} line {line}", len(found.get(name, ())))
                found.setdefault(name, []).append(region)
    finally:
        csv.field_size_limit(before)
    return {name: tuple(regions) for name, regions in found.items()}


def _region(row: Mapping[str, str | None], where: str, before: int) -> Region:
    box = [row.get(name) or "" for name in _BOX]
    runs = (row.get("runs") or "").strip()
    if bool(runs) == any(box):
        raise RegionTableError(f"{where} has runs and a box, or neither; give one of them")
    try:
        lesion, frame = int(row.get("lesion") or before + 1), int(row.get("frame") or 1)
        numbers = tuple(map(float, box)) if not runs else None
    except ValueError:
        lesion, frame, numbers = 0, 0, None
    if min(lesion, frame) < 1 or not all(0 <= each < math.inf for each in numbers or ()):
        raise RegionTableError(
            f"{where}: lesion and frame are whole numbers from 1, x, y, width and height numbers "
            "of 0 or more"
        )
    source = row["sop_instance_uid"] or ""
    if numbers is None:
        return Region(source, frame, lesion, runs=runs)
    return Region(source, frame, lesion, box=(numbers[0], numbers[1], numbers[2], numbers[3]))
