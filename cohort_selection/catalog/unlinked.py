"""Compares the patients and studies of clinical tables with those of image headers."""

from __future__ import annotations

from collections.abc import Sequence

from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.studies import Study
from cohort_selection.study_table.study_values import by_study
from cohort_selection.tables.cell_words import spelling

_MOST_COMPARED = 10_000
"""Patients whose spelling is compared, so that memory does not grow with the images."""


class Meeting:
    """Counts the studies without a clinical record and the records without a study."""

    def __init__(self, records: Sequence[ClinicalRecord]) -> None:
        """Take what the clinical tables say."""
        self._records = records
        self._find = by_study(records)
        self._studies: set[str] = set()
        self._patients: set[str] = set()
        self._n_studies = self._n_lonely = 0
        self._lonely: Study | None = None
        self._alone: set[str] = set()

    def study(self, study: Study) -> Study:
        """Take one study; give it back as it is."""
        record = self._find(study)
        self._n_studies += 1
        if record is None:
            self._n_lonely += 1
            self._lonely = self._lonely or study
            if len(self._alone) < _MOST_COMPARED:
                self._alone.add(study.patient_id)
            return study
        self._studies.add(study.study_uid)
        self._patients |= {study.patient_id, record.patient_id}
        return study

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
                + _named(self._lonely.patient_id, self._lonely.study_uid)
            )
        if not sides:
            return ()
        said = "; ".join(sides)
        if self._records and self._n_lonely == self._n_studies:
            said = f"no row of the clinical tables meets a study: {said}"
        hint = spelling([r.patient_id for r in unmet if r.patient_id], sorted(self._alone))
        return (said + hint,)

    def _is_met(self, record: ClinicalRecord) -> bool:
        if record.study_uid:
            return record.study_uid in self._studies
        return record.patient_id in self._patients


def _named(patient: str, study: str) -> str:
    said = [f"patient {patient!r}"] if patient else []
    return " and ".join([*said, *([f"study {study!r}"] if study else [])])
