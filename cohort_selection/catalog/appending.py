"""Writes the table of studies so that an update appends to it.

A study stays in the part in which the former catalog has it, and a new one joins the last part, or
begins another. A part in which nothing changed keeps its file.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from heapq import merge
from itertools import repeat
from pathlib import Path

import pyarrow as pa

from cohort_selection.study_table.parts import (
    FOLDER,
    ROWS,
    CatalogError,
    Part,
    Parts,
    PartWriter,
    read_parts,
    write_list,
)

_FULL = ROWS // 4
"""Studies from which on the last part takes no new ones: few parts, and few of them rewritten."""


def write_parts(
    directory: Path, former: Path, findings: Iterable[str], tables: Iterable[pa.Table]
) -> None:
    """Write the parts of ``directory`` and their list; ``former`` is the catalog before, if any.

    ``tables`` are all studies by their UIDs. Parts that come out as they were are those of the
    former catalog: the same file under two names, where the file system has hard links.
    """
    findings = sorted(findings)
    before = _parts(former)
    last = before.parts[-1] if before is not None and before.parts else None
    numbers = [_number(part) for part in before.parts] if before is not None else []
    fresh = 0 if last is None else _number(last) + (last.studies >= _FULL)
    writers: dict[int, PartWriter] = {}
    place = _places(before, numbers)
    uid, number = next(place, _END)
    for table in tables:
        rows: dict[int, list[int]] = {}
        for row, study in enumerate(table.column("study_uid").to_pylist()):
            while uid < study:
                uid, number = next(place, _END)
            rows.setdefault(number if uid == study else fresh, []).append(row)
        for part, chosen in rows.items():
            if part not in writers:
                writers[part] = PartWriter(directory, findings, part)
            writers[part].write(table.take(pa.array(chosen)))
    for writer in writers.values():
        writer.close()
    parts = sorted((part for each in writers.values() for part in each.parts), key=_number)
    for each in parts:
        _keep(each, directory, former)
    write_list(directory, findings, parts)


_END = ("\U0010ffff", -1)  # after every study


def _parts(former: Path) -> Parts | None:
    try:
        found = read_parts(former)
        for part in found.parts:
            for _ in found.groups(part, ["study_uid"]):
                pass
    except (CatalogError, OSError):  # none, an earlier version's, or a damaged one
        return None
    return found


def _places(before: Parts | None, numbers: list[int]) -> Iterator[tuple[str, int]]:
    """Each study of the former catalog with the number of its part, by UID."""
    if before is None:
        return iter(())

    def uids(part: Part) -> Iterator[str]:
        for group in before.groups(part, ["study_uid"]):
            yield from group.column(0).to_pylist()

    return merge(
        *(
            zip(uids(part), repeat(number))
            for part, number in zip(before.parts, numbers, strict=True)
        )
    )


def _number(part: Part) -> int:
    return int(part.name.removeprefix("part-").removesuffix(".parquet"))


def _keep(part: Part, directory: Path, former: Path) -> None:
    """Put the former catalog's file in the part's place, where that holds the same."""
    here, there = directory / FOLDER / part.name, former / FOLDER / part.name
    if there.is_file() and filecmp.cmp(here, there, shallow=False):
        link = here.with_suffix(".linked")
        with suppress(OSError):  # a file system without hard links
            os.link(there, link)
            link.replace(here)
