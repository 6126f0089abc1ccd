"""A catalog as columns: what is known of each study, read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cohort_selection.clinical.age_bands import AGE_BANDS, age_group
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.coded import Coded, numbered, numbered_lists, of_arrow
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.study_table.schema import FINDING, schema
from cohort_selection.study_table.study_rows import study_tables
from cohort_selection.study_table.study_values import (
    NAMES,
    NEGATIVE_DAYS,
    OF_IMAGES,
    POSITIVE_DAYS,
    Values,
    parts,
    said_by_cell,
    said_by_images,
)
from cohort_selection.tables.cell_words import plain

if TYPE_CHECKING:
    from cohort_selection.dicom.studies import Study

_UNKNOWN_AGE = -1
OF_THE_RECORD = ("race", "ethnicity", "site")
Columns = Callable[[Sequence[str]], pa.Table]
"""Reads columns of the table of studies by their names."""
At = Callable[[Sequence[str], NDArray[np.integer]], pa.Table]
"""Reads columns of the studies at some places, and little more."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of each study under one name: ``codes`` (studies,) into distinct ``values``."""

    codes: NDArray[np.int32]
    values: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Tests:
    """COVID-19 tests of all studies: those of study i are ``starts[i]`` to ``starts[i + 1]``.

    ``positive`` and ``negative`` mark results, ``days`` are test minus study where ``from_study``.
    """

    starts: NDArray[np.int64]
    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    days: NDArray[np.int32]
    from_study: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Commons:
    """The studies of a catalog, in one order; every array is (studies,).

    ``findings`` are the names of the clinical tables' own columns. ``kept_out`` gives the paths of
    the files that are no image. ``at`` is given where it reads less than ``columns``.
    """

    n_studies: int
    findings: tuple[str, ...]
    columns: Columns
    kept_out: Callable[[], Iterator[Path]] = field(default=lambda: iter(()))
    at: At | None = None

    @classmethod
    def of(cls, studies: Sequence[Study], records: Iterable[ClinicalRecord]) -> Commons:
        """The columns of studies and records that are in memory, for a small commons."""
        records = list(records)
        findings = tuple(sorted({name for record in records for name in record.findings}))
        empty = schema(findings).empty_table()
        tables = study_tables(studies, records, findings)
        table = pa.concat_tables([empty, *tables], promote_options="default")
        return cls(len(studies), findings, table.select)

    @property
    def known_names(self) -> frozenset[str]:
        """Every name that can be asked for: ours, header fields, columns of the clinical tables."""
        return frozenset((*NAMES, *HEADER_FIELDS, *self.findings))

    def study_uids(self) -> pa.LargeStringArray:
        """The UID of each study."""
        return self._column("study_uid").cast(pa.large_string()).combine_chunks()

    def patients(self) -> pa.DictionaryArray:
        """The patient of each study, by the sorted ids of all patients."""
        column = self._column("patient_id").cast(pa.large_string())
        return pa.DictionaryArray.from_arrays(*numbered(column.combine_chunks()))

    def recorded(self) -> NDArray[np.bool_]:
        """Which studies have a clinical record."""
        return np.asarray(self._column("recorded").to_numpy(), np.bool_)

    def ages(self) -> NDArray[np.int16]:
        """Whole years at imaging; -1 where nobody says."""
        table = self.columns(["record.age", "age"])
        age = pc.coalesce(table.column(0), table.column(1))
        return pc.fill_null(age, _UNKNOWN_AGE).to_numpy().astype(np.int16)

    def cells(self, column: str) -> Coded:
        """The cell of a column of the clinical tables, empty where there is none."""
        return of_arrow(self._column(FINDING + column))

    def tests(self) -> Tests:
        """The COVID-19 tests of each study."""
        column = self._column("record.tests").combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        flat = pc.list_flatten(column)
        result = pc.struct_field(flat, "result")
        return Tests(
            np.concatenate([[0], np.cumsum(lengths)]),
            np.asarray(pc.equal(result, "Positive").to_numpy(zero_copy_only=False), np.bool_),
            np.asarray(pc.equal(result, "Negative").to_numpy(zero_copy_only=False), np.bool_),
            pc.struct_field(flat, "days_from_index").to_numpy(zero_copy_only=False),
            np.asarray(
                pc.struct_field(flat, "from_study").to_numpy(zero_copy_only=False), np.bool_
            ),
        )

    def files(self, rows: NDArray[np.integer]) -> pa.ListArray:
        """The files of the studies at these places, a list of texts each."""
        if self.at is None:
            picked = self.columns(["files"]).take(pa.array(rows))
        else:
            picked = self.at(["files"], rows)
        return picked.column(0).combine_chunks()

    def doubts(self) -> dict[int, tuple[str, ...]]:
        """What is doubtful of the headers, by place of the study; only those that have some."""
        column = self._column("doubts").combine_chunks()
        some = np.flatnonzero(pc.list_value_length(column).to_numpy(zero_copy_only=False))
        listed = column.take(pa.array(some)).to_pylist()
        return dict(zip(some.tolist(), map(tuple, listed), strict=True))

    def known(self, name: str, bands: Sequence[int] = AGE_BANDS) -> Known:
        """What is known of each study under ``name``; nothing where nobody says.

        Our own names come first, then header fields, then columns of the clinical tables.
        """
        if name in NAMES:
            return self._own(name, bands)
        if name in HEADER_FIELDS:
            return self._of_images(name)
        cells = self.cells(name)
        return _known(cells.codes, map(said_by_cell, cells.levels))

    def _own(self, name: str, bands: Sequence[int]) -> Known:
        if name in OF_IMAGES:
            texts, in_part = self._texts(name), self._in_part(OF_IMAGES[name])
            return _known(
                texts.codes * 2 + in_part,
                [
                    Values(tuple(parts(text, ",")), of_images=True, in_part=partly)
                    for text in texts.levels
                    for partly in (False, True)
                ],
            )
        if name in {POSITIVE_DAYS, NEGATIVE_DAYS}:
            return self._days(positive=name == POSITIVE_DAYS)
        if name in {"age", "age_group"}:
            ages = self.ages()
            levels = ["", *map(str, range(int(ages.max(initial=0)) + 1))]
            if name == "age_group":
                levels = [age_group(int(text) if text else None, bands) for text in levels]
            return _known(ages.astype(np.int32) + 1, map(_stated, levels))
        if name == "sex":
            header, record = self._texts("sex"), self._texts("record.sex")
            silent = np.array([text in {"", NOT_REPORTED} for text in record.levels])
            n = len(record.levels)
            codes = np.where(silent[record.codes], header.codes + n, record.codes)
            return _known(codes, map(_stated, [*record.levels, *header.levels]))
        if name == "images":
            counts = self._column("images").to_numpy()
            found, codes = np.unique(counts, return_inverse=True)
            return _known(codes.reshape(-1), [Values((str(n),)) for n in found.tolist()])
        texts = self._texts(f"record.{name}" if name in OF_THE_RECORD else name)
        return _known(texts.codes, map(_stated, texts.levels))

    def _days(self, *, positive: bool) -> Known:
        tests = self.tests()
        wanted = np.flatnonzero((tests.positive if positive else tests.negative) & tests.from_study)
        study = np.searchsorted(tests.starts, wanted, side="right") - 1
        said = pa.array(map(str, tests.days[wanted].tolist()), pa.string())
        lengths = np.bincount(study, minlength=self.n_studies)
        codes, lists = numbered_lists(lengths, of_arrow(said))
        return _known(codes, map(Values, lists))

    def _of_images(self, keyword: str) -> Known:
        codes, lists = self._lists(keyword)
        return _known(codes, map(said_by_images, lists))

    def _in_part(self, keyword: str) -> NDArray[np.bool_]:
        codes, lists = self._lists(keyword)
        return np.array([said_by_images(said).in_part for said in lists], np.bool_)[codes]

    def _lists(self, name: str) -> tuple[NDArray[np.int32], list[tuple[str, ...]]]:
        column = self._column(name).combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        return numbered_lists(lengths, of_arrow(pc.list_flatten(column)))

    def _texts(self, name: str) -> Coded:
        return of_arrow(self._column(name))

    def _column(self, name: str) -> pa.ChunkedArray:
        return self.columns([name]).column(0)


def _known(codes: NDArray[np.integer], values: Iterable[Values]) -> Known:
    """Number equal values alike, and those alone that occur."""
    values = list(values)
    used = np.flatnonzero(np.bincount(codes, minlength=len(values)))
    place: dict[Values, int] = {}
    moved: NDArray[np.int32] = np.zeros(len(values), np.int32)
    moved[used] = [place.setdefault(values[code], len(place)) for code in used.tolist()]
    return Known(moved[codes], tuple(place))


def _stated(text: str) -> Values:
    text = plain(text)
    return Values(() if text in {"", NOT_REPORTED} else (text,))
