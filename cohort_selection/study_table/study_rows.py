"""Studies and clinical records as rows of the table, and the record of each study by its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.study_table.schema import FINDING, OF_STUDY, TEXTS, of_headers, of_records
from cohort_selection.study_table.study_values import by_study, filled_up

if TYPE_CHECKING:
    from cohort_selection.dicom.studies import Study

_AT_ONCE = 4096  # studies of one table, as they are written
_STUDY_NAMES = tuple(name for name, kind in OF_STUDY if kind != TEXTS)
_OF_THE_RECORD = ("age", "sex", "race", "ethnicity", "site")


def study_tables(
    studies: Iterable[Study], records: Iterable[ClinicalRecord], findings: Iterable[str]
) -> Iterator[pa.Table]:
    """Studies joined to their clinical records, in the columns of the table, some at a time."""
    find, findings = by_study(records), sorted(findings)
    remaining = iter(studies)
    while some := list(islice(remaining, _AT_ONCE)):
        said = record_rows([find(study) for study in some], findings)
        rows = header_rows(some)
        yield pa.table(
            [*rows.columns, *said.columns], names=[*rows.column_names, *said.column_names]
        )


def header_tables(studies: Iterable[Study]) -> Iterator[pa.Table]:
    """What headers say of studies, in the columns of the table, some at a time."""
    remaining = iter(studies)
    while some := list(islice(remaining, _AT_ONCE)):
        yield header_rows(some)


def header_rows(studies: Sequence[Study]) -> pa.Table:
    """What headers say of these studies, a row each."""
    found: dict[str, Sequence[object]] = {
        **{name: [getattr(study, name) for study in studies] for name in _STUDY_NAMES},
        "files": [[str(path) for path in study.files] for study in studies],
        "images": [len(study.files) for study in studies],
        "doubts": [study.doubts for study in studies],
    }
    for name in {name for study in studies for name in study.fields}:
        found[name] = [study.fields.get(name) for study in studies]
    return _table(found, of_headers(), len(studies))


def record_rows(records: Sequence[ClinicalRecord | None], findings: Iterable[str]) -> pa.Table:
    """What these clinical records say, a row each; nulls where there is none."""
    found: dict[str, Sequence[object]] = {
        "recorded": [record is not None for record in records],
        "record.tests": [record and [asdict(test) for test in record.tests] for record in records],
    }
    for name in _OF_THE_RECORD:
        found[f"record.{name}"] = [record and getattr(record, name) for record in records]
    for name in findings:
        found[FINDING + name] = [record and record.findings.get(name) for record in records]
    return _table(found, of_records(findings), len(records))


def _table(found: dict[str, Sequence[object]], columns: pa.Schema, n: int) -> pa.Table:
    return pa.table(
        [
            pa.array(found[field.name], field.type)
            if field.name in found
            else pa.nulls(n, field.type)
            for field in columns
        ],
        schema=columns,
    )


class Records:
    """The clinical records as columns, and where the record of a study stands among them.

    As ``by_study``: a study's own record speaks, else its patient's; an own record that names no
    patient is filled up from its patient's.
    """

    def __init__(self, records: Sequence[ClinicalRecord]) -> None:
        """Take what the clinical tables say."""
        self.records = records
        self.findings = sorted({name for record in records for name in record.findings})
        self.of_study = {each.study_uid: i for i, each in enumerate(records) if each.study_uid}
        self.of_patient = {
            each.patient_id: i for i, each in enumerate(records) if not each.study_uid
        }
        self.rows = record_rows(records, self.findings)
        self.patients = pa.array([each.patient_id for each in records], pa.string())
        self.names_patient = np.array([bool(each.patient_id) for each in records], np.bool_)

    def met(self, study_uids: Sequence[str], patients: Sequence[str]) -> Met:
        """The records of studies by their UIDs and patients."""
        return Met(self, _places(self.of_study, study_uids), _places(self.of_patient, patients))


@dataclass(frozen=True, slots=True)
class Met:
    """The records of some studies.

    ``own`` and ``patients`` (studies,) are places of the study's own record and of its patient's
    among ``among.records``; -1 where there is none.
    """

    among: Records
    own: NDArray[np.int64]
    patients: NDArray[np.int64]

    @property
    def place(self) -> NDArray[np.int64]:
        """The record that speaks for each study; -1 where none does."""
        return np.where(self.own < 0, self.patients, self.own)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Where the study's own record names no patient and is filled up from its patient's."""
        both = (self.own >= 0) & (self.patients >= 0)
        if both.any():
            both[both] = ~self.among.names_patient[self.own[both]]
        return both

    @property
    def named(self) -> NDArray[np.int64]:
        """The record whose patient the record of each study names; -1 where there is none."""
        return np.where(self.filled, self.patients, self.place)

    def where(self, chosen: NDArray[np.bool_], other: Met) -> Met:
        """These, but the ``other`` ones where ``chosen``."""
        return Met(
            self.among,
            np.where(chosen, other.own, self.own),
            np.where(chosen, other.patients, self.patients),
        )

    def rows(self, names: Sequence[str]) -> pa.Table:
        """These columns of each study's record, null where there is none."""
        place, columns = self.place, self.among.rows.select(names)
        if not len(self.among.records):
            none = [pa.nulls(len(place), field.type) for field in columns.schema]
            found = pa.table(none, schema=columns.schema)
        else:
            found = columns.take(pa.array(place, mask=place < 0))
        filled = np.flatnonzero(self.filled)
        if len(filled):
            records = self.among.records
            made = record_rows(
                [
                    filled_up(records[own], records[patient])
                    for own, patient in zip(
                        self.own[filled].tolist(), self.patients[filled].tolist(), strict=True
                    )
                ],
                self.among.findings,
            ).select(names)
            source = np.arange(len(place))
            source[filled] = len(place) + np.arange(len(filled))
            found = pa.concat_tables([found, made]).take(pa.array(source))
        if "recorded" in names:
            at = names.index("recorded")
            found = found.set_column(at, found.schema.field(at), pa.array(place >= 0))
        return found.combine_chunks()


def _places(places: dict[str, int], texts: Sequence[str]) -> NDArray[np.int64]:
    if not places:
        return np.full(len(texts), -1)
    return np.array([places.get(text, -1) for text in texts], np.int64)
