"""Regions as a table: what stands beside the list of open cases, and what ``score`` reads.

Columns: case_id, lesion, sop_instance_uid, frame, runs, x, y, width, height; a mask has runs, a box
the four numbers. A case without a lesion has no row.
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
    found: dict[str, list[Region]] = {}
    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            names = reader.fieldnames or ()
            missing = [n for n in ("case_id", "sop_instance_uid") if n not in names]
            if missing or not ("runs" in names or set(_BOX) <= set(names)):
                raise RegionTableError(
                    f"{path.name} has the columns {', '.join(names) or 'none'}; a table of regions "
                    "has case_id, sop_instance_uid, and runs or x, y, width, height"
                )
            for line, row in enumerate(reader, start=2):
                region = _region(
                    row, f"{path.name} line {line}", len(found.get(row["case_id"], ()))
                )
                found.setdefault(row["case_id"], []).append(region)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RegionTableError(f"{path.name} is no CSV in UTF-8 ({error})") from None
    finally:
        csv.field_size_limit(before)
    return {case_id: tuple(regions) for case_id, regions in found.items()}


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
