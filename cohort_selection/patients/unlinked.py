"""Compares the patients and studies of clinical tables with those of image headers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.study_table.study_rows import Met, Records
from cohort_selection.tables.cell_words import spelling

_MOST_COMPARED = 10_000
"""Patients whose spelling is compared, so that memory does not grow with the images."""
_LAST = "\U0010ffff"
"""After every UID."""


class Meeting:
    """Counts the studies without a clinical record and the records without a study."""

    def __init__(self, records: Records) -> None:
        """Take what the clinical tables say."""
        self._among, self._records = records, records.records
        n = len(self._records)
        self._met_studies, self._met_patients = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        self._n_studies = self._n_lonely = 0
        self._lonely: tuple[str, str] | None = None
        self._alone: dict[str, str] = {}

    def meet(self, study_uids: Sequence[str], patients: Sequence[str], met: Met) -> None:
        """Take studies by their UIDs, in order, with their patients and records."""
        lonely = np.flatnonzero(met.place < 0).tolist()
        self._n_studies += len(study_uids)
        self._n_lonely += len(lonely)
        if lonely:
            first = study_uids[lonely[0]], patients[lonely[0]]
            self._lonely = min(first, self._lonely or first)
        for row in lonely if self._records else ():
            patient, uid = patients[row], study_uids[row]
            if uid < self._alone.get(patient, _LAST):
                self._alone[patient] = uid
        if len(self._alone) > 2 * _MOST_COMPARED:
            self._alone = dict(self._first_alone())
        own = met.own[met.own >= 0]
        self._met_studies[own] = True
        self._met_patients[met.patients[met.patients >= 0]] = True
        for row in own[~self._met_patients[own]].tolist():
            place = self._among.of_patient.get(self._records[row].patient_id)
            if place is not None:
                self._met_patients[place] = True

    def _first_alone(self) -> list[tuple[str, str]]:
        """The patients of the first studies without a record, and these studies."""
        return sorted(self._alone.items(), key=itemgetter(1))[:_MOST_COMPARED]

    def told(self) -> tuple[str, ...]:
        """What does not meet, in one sentence with an example of each side; nothing if all do."""
        unmet = [record for record in self._records if not self._is_met(record)]
        sides = []
        if unmet:
            sides.append(
                f"{len(unmet):,} of {len(self._records):,} clinical records meet no study, as "
                + _named(unmet[0].patient_id, unmet[0].study_uid)
            )
        if self._lonely is not None:
            sides.append(
                f"{self._n_lonely:,} of {self._n_studies:,} studies have no clinical record, as "
                + _named(self._lonely[1], self._lonely[0])
            )
        if not sides:
            return ()
        said = "; ".join(sides)
        if self._records and self._n_lonely == self._n_studies:
            said = f"no row of the clinical tables meets a study: {said}"
        hint = spelling(
            [r.patient_id for r in unmet if r.patient_id], sorted(dict(self._first_alone()))
        )
        return (said + hint,)

    def _is_met(self, record: ClinicalRecord) -> bool:
        if record.study_uid:
            return bool(self._met_studies[self._among.of_study[record.study_uid]])
        return bool(self._met_patients[self._among.of_patient[record.patient_id]])


def _named(patient: str, study: str) -> str:
    said = [f"patient {patient!r}"] if patient else []
    return " and ".join([*said, *([f"study {study!r}"] if study else [])])
