"""Joins studies to clinical records: each patient under one id, with terms and doubts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cohort_selection.catalog.harmonisation import HARMONISED, Harmonised, Harmoniser, summary
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.dicom.doubts import Doubt
from cohort_selection.loinc.loinc_map import LoincMap
from cohort_selection.patients.linkage import Linkage
from cohort_selection.patients.patient_doubts import OF_PATIENT, Contradicted, PatientDoubts
from cohort_selection.patients.unlinked import Meeting
from cohort_selection.study_table.schema import HEADER, OTHERWISE, TEXTS, of_records, schema
from cohort_selection.study_table.study_rows import Met, Records

MET = (
    "study_uid", "patient_id", "modality", "description", "loinc", "sex", "born", "acquired", "age",
)  # fmt: skip
"""Columns that are read of every study before any is joined."""
JOINED = ("study_uid", "patient_id", "modality", "description", "loinc", "sex", "doubts")
"""Columns from which those that depend on other studies and on the records follow."""
_OF_OTHERS = frozenset(map(str, OF_PATIENT))


class Joining:
    """Joins studies to their records, once all studies have been met.

    Studies come some at a time, in order of their UIDs, as tables of what headers say.
    """

    def __init__(self, records: Sequence[ClinicalRecord], loinc_map: LoincMap | None) -> None:
        """Take what the clinical tables say, and a mapping table if there is one."""
        self._records = Records(records)
        self._map = loinc_map
        self._harmoniser = Harmoniser(loinc_map)
        self._meeting = Meeting(self._records)
        self._linkage = Linkage(self._records)
        self._doubts = PatientDoubts()
        self._patients: dict[str, str] = {}
        self._contradicted = Contradicted([])

    @property
    def findings(self) -> list[str]:
        """The names of the clinical tables' own columns, sorted."""
        return self._records.findings

    @property
    def dependent(self) -> list[str]:
        """The columns that depend on other studies and on the records."""
        otherwise = [HEADER + name for name in OTHERWISE]
        own = ["patient_id", *HARMONISED, "sex", "doubts"]
        return [*own, *otherwise, *of_records(self.findings).names]

    def meet(self, studies: pa.Table) -> None:
        """Take studies by the columns ``MET``."""
        if not studies.num_rows:
            return
        patients = _texts(studies, "patient_id")
        uids, ids = studies.column("study_uid").to_pylist(), patients.to_pylist()
        met = self._records.met(uids, ids)
        self._meeting.meet(uids, ids, met)
        self._harmoniser.count(studies, met)
        self._linkage.meet(patients, met)
        self._doubts.add(studies)

    @property
    def harmonised(self) -> Harmonised:
        """The counts of harmonisation of the studies that were met."""
        return self._harmoniser.found()

    def all_met(self) -> None:
        """End the first look at the studies: from here they are joined."""
        self._patients = self._linkage.patients()
        self._contradicted = self._doubts.found(self._patients)
        self._doubts = PatientDoubts()

    def told(self) -> tuple[str, ...]:
        """Notes for the steward: ids that do not meet, LOINC."""
        return (*self._meeting.told(), *summary(self.harmonised, self._map))

    def rows(self, studies: pa.Table) -> pa.Table:
        """Whole rows of the catalog for studies by all columns that headers fill."""
        columns = dict(zip(studies.column_names, studies.columns, strict=True))
        columns |= self.joined(studies)
        whole = schema(self.findings)
        return pa.table([columns[name] for name in whole.names], schema=whole)

    def joined(self, studies: pa.Table) -> dict[str, pa.Array]:
        """The columns ``dependent``, for studies by the columns ``JOINED``."""
        header = {name: _texts(studies, name) for name in OTHERWISE}
        ids = header["patient_id"].to_pylist()
        met = self._records.met(studies.column("study_uid").to_pylist(), ids)
        found = self._harmoniser.columns(studies, met)
        found["patient_id"] = header["patient_id"]
        records = met
        if self._patients:
            after = [self._patients.get(patient, patient) for patient in ids]
            found["patient_id"] = pa.array(after, pa.string())
            records = self._moved(met, studies, ids, after)
        doubted = self._contradicted.of(found["patient_id"])
        two_sexes = pa.array(doubted[:, OF_PATIENT.index(Doubt.SEXES_OF_PATIENT)])
        found["sex"] = pc.if_else(two_sexes, NOT_REPORTED, header["sex"])
        found["doubts"] = studies.column("doubts").combine_chunks()
        if doubted.any():
            found["doubts"] = pa.array(
                [
                    [
                        *own,
                        *(str(doubt) for doubt, has in zip(OF_PATIENT, more, strict=True) if has),
                    ]
                    for own, more in zip(found["doubts"].to_pylist(), doubted.tolist(), strict=True)
                ],
                TEXTS,
            )
        for name, said in header.items():
            same = pc.equal(found[name], said)
            found[HEADER + name] = pc.if_else(same, pa.scalar(None, pa.string()), said)
        of_record = records.rows(of_records(self.findings).names)
        for name, column in zip(of_record.column_names, of_record.columns, strict=True):
            found[name] = column
        return found

    def _moved(self, met: Met, studies: pa.Table, before: list[str], after: list[str]) -> Met:
        """A study with another id keeps the record that it found by its header's, if any."""
        uids = studies.column("study_uid").to_pylist()
        named = met.named
        records = self._records.records
        moved = np.array(
            [
                old != new and not (place >= 0 and records[place].patient_id == old)
                for old, new, place in zip(before, after, named.tolist(), strict=True)
            ],
            np.bool_,
        )
        return met.where(moved, self._records.met(uids, after)) if moved.any() else met


def as_headers(rows: pa.Table) -> pa.Table:
    """What headers say, of rows of the catalog with their columns ``header.``."""
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    for name in OTHERWISE:
        other = columns.pop(HEADER + name)
        if other.null_count < len(other):
            columns[name] = pc.coalesce(other.cast(pa.string()), columns[name].cast(pa.string()))
    doubts = columns.get("doubts")
    if (
        doubts is not None
        and pc.any(
            pc.is_in(pc.list_flatten(doubts), value_set=pa.array(sorted(_OF_OTHERS)))
        ).as_py()
    ):
        own = [[each for each in some if each not in _OF_OTHERS] for some in doubts.to_pylist()]
        columns["doubts"] = pa.chunked_array([pa.array(own, TEXTS)])
    return pa.table(columns)


def _texts(table: pa.Table, name: str) -> pa.StringArray:
    return table.column(name).cast(pa.string()).combine_chunks()
