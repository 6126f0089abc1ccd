"""Writes the table of studies so that an update appends to it.

A study stays in the part in which the former catalog has it, and a new one joins the last part, or
begins another. A part in which nothing changed keeps its file.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.catalog.joining import JOINED, MET, Joining, as_headers
from cohort_selection.patients.doubt_list import DoubtList
from cohort_selection.study_table.parts import FOLDER, ROWS, Part, Parts, PartWriter, write_list
from cohort_selection.study_table.schema import HEADER, OTHERWISE, of_headers

_FULL = ROWS // 4
"""Studies from which on the last part takes no new ones: few parts, and few of them rewritten."""


@dataclass(frozen=True, slots=True)
class Studies:
    """What headers say of all studies: rows that the former catalog has, and rows made now.

    ``made`` is a Parquet file of rows by study UID. Rows of the ``former`` catalog count but for
    the studies ``redone``, or not at all where that is None; their parts count all the same.
    """

    made: Path
    former: Parts | None = None
    redone: pa.StringArray | None = None

    def met(self) -> Iterator[pa.Table]:
        """The columns ``MET`` of all studies, some at a time, each time in order of UIDs."""
        for part in self.parts if self.redone is not None else ():
            yield from self.kept(part, MET, coded=True)
        yield from self.rows([None] * self.n_groups, MET)

    @property
    def parts(self) -> Sequence[Part]:
        """The parts of the former catalog."""
        return () if self.former is None else self.former.parts

    @property
    def n_groups(self) -> int:
        """Row groups of the rows made now."""
        return int(pq.read_metadata(self.made).num_row_groups)

    def kept(self, part: Part, names: Sequence[str], *, coded: bool = False) -> Iterator[pa.Table]:
        """What the former catalog has of headers in a part, as far as it counts."""
        if self.former is None or self.redone is None:
            return
        otherwise = [HEADER + name for name in OTHERWISE]
        for rows in self.former.groups(part, [*names, *otherwise], coded=coded):
            gone = pc.is_in(rows.column("study_uid"), value_set=self.redone)
            yield as_headers(rows.filter(pc.invert(gone)) if pc.any(gone).as_py() else rows)

    def rows(
        self, chosen: Sequence[NDArray[np.bool_] | None], names: Sequence[str]
    ) -> Iterator[pa.Table]:
        """Rows made now, of each row group those that are chosen; None for all."""
        with pq.ParquetFile(self.made) as file:
            for group, these in enumerate(chosen):
                if these is None or these.any():
                    read = file.read_row_group(group, columns=list(names))
                    yield read if these is None else read.filter(pa.array(these))

    def made_of(self, part: Part) -> tuple[list[NDArray[np.bool_]], bool]:
        """Which rows made now are of the studies of a former part; whether some row is gone."""
        assert self.former is not None
        groups = [g.column(0) for g in self.former.groups(part, ["study_uid"])]
        uids = pa.chunked_array([c for g in groups for c in g.chunks], pa.string())
        every: list[NDArray[np.bool_] | None] = [None] * self.n_groups
        made = [
            np.asarray(pc.is_in(rows.column(0), value_set=uids).to_numpy(), np.bool_)
            for rows in self.rows(every, ["study_uid"])
        ]
        gone = self.redone is None or bool(pc.any(pc.is_in(uids, self.redone)).as_py())
        return made, gone


def write_parts(directory: Path, studies: Studies, joining: Joining, doubts: DoubtList) -> None:
    """Write the parts of ``directory`` and their list, one part after the other.

    Parts that come out as they were are those of the former catalog: the same file under two
    names, where the file system has hard links.
    """
    findings = joining.findings
    numbers = [part.number for part in studies.parts]
    last = studies.parts[-1] if studies.parts else None
    fresh = 0 if last is None else last.number + (last.studies >= _FULL)
    new = [
        np.ones(rows.num_rows, np.bool_)
        for rows in studies.rows([None] * studies.n_groups, ["study_uid"])
    ]
    written: list[Part] = []
    for number in dict.fromkeys([*numbers, fresh]):
        part = studies.parts[numbers.index(number)] if number in numbers else None
        made, gone = studies.made_of(part) if part is not None else (new, True)
        # A study that two parts of a damaged catalog have stays in the first of them.
        made = [these & left for these, left in zip(made, new, strict=True)]
        if number == fresh:
            made = new
        new = [others & ~these for others, these in zip(new, made, strict=True)]
        doubts.begin()
        if part is not None and not gone and not any(these.any() for these in made):
            if _as_before(part, studies, joining, doubts):
                _link(directory, studies, part)
                written.append(part)
                continue
            doubts.begin_again()
        writer = PartWriter(directory, findings, number)
        kept = studies.kept(part, of_headers().names) if part is not None else iter(())
        for rows in _merged(kept, studies.rows(made, of_headers().names)):
            whole = joining.rows(rows)
            doubts.add(whole)
            writer.write(whole)
        writer.close()
        for each in writer.parts:
            _keep(each, directory, studies)
        written += writer.parts
    write_list(directory, findings, written)


def _as_before(part: Part, studies: Studies, joining: Joining, doubts: DoubtList) -> bool:
    """Whether a part whose headers did not change is joined as the former catalog has it."""
    former = studies.former
    if former is None or list(former.findings) != joining.findings:
        return False
    names = list(dict.fromkeys([*JOINED, *joining.dependent]))
    for rows in former.groups(part, names, coded=False):
        headers = as_headers(rows)
        joined = joining.joined(headers)
        for name in joining.dependent:
            if not rows.column(name).equals(
                pa.chunked_array([joined[name]])
                if isinstance(joined[name], pa.Array)
                else joined[name]
            ):
                return False
        doubts.add(rows)
    return True


def _merged(some: Iterator[pa.Table], others: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Two streams of rows, each by study UID, as one."""
    left, right = next(some, None), next(others, None)
    while left is not None and right is not None:
        if not left.num_rows:
            left = next(some, None)
            continue
        last = min(left.column("study_uid")[-1].as_py(), right.column("study_uid")[-1].as_py())
        ends = [
            pc.sum(pc.less_equal(each.column("study_uid"), last)).as_py() for each in (left, right)
        ]
        heads = [left.slice(0, ends[0]), right.slice(0, ends[1])]
        yield pa.concat_tables(heads).sort_by("study_uid").combine_chunks()
        left = left.slice(ends[0]) if ends[0] < left.num_rows else next(some, None)
        right = right.slice(ends[1]) if ends[1] < right.num_rows else next(others, None)
    for stream, begun in ((some, left), (others, right)):
        if begun is not None:
            yield begun
            yield from stream


def _link(directory: Path, studies: Studies, part: Part) -> None:
    assert studies.former is not None
    (directory / FOLDER).mkdir(exist_ok=True)
    there, here = studies.former.folder / FOLDER / part.name, directory / FOLDER / part.name
    try:
        os.link(there, here)
    except OSError:  # a file system without hard links
        shutil.copyfile(there, here)


def _keep(part: Part, directory: Path, studies: Studies) -> None:
    """Put the former catalog's file in the part's place, where that holds the same."""
    if studies.former is None:
        return
    here, there = directory / FOLDER / part.name, studies.former.folder / FOLDER / part.name
    if there.is_file() and filecmp.cmp(here, there, shallow=False):
        link = here.with_suffix(".linked")
        with suppress(OSError):  # a file system without hard links
            os.link(there, link)
            link.replace(here)
