"""Brings two records of one patient, from header and clinical table, under one id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.dicom.doubts import Doubt, PatientDoubts
from cohort_selection.dicom.studies import Study
from cohort_selection.study_table.study_values import by_study


class Linkage:
    """Finds the patients of studies, whichever names header and table gave.

    A table that names the patient of a study joins that name to the header's: header ids that
    share a patient of the table, or names in the table that share a header id, are one patient.
    A patient who is joined to others, or whom the table names differently, gets the first of the
    table's names in alphabetical order; all others keep the header's. If the table names no study
    of a header id, that id is the patient of the same name in the table, if there is one.
    """

    def __init__(self, records: Iterable[ClinicalRecord]) -> None:
        """Begin with what the table says of studies."""
        self._named = {each.study_uid: each.patient_id for each in records if each.study_uid}
        self._group = _Groups()
        self._differ = False

    def meet(self, study_uid: str, patient_id: str) -> None:
        """Take a study with the id that its header gives its patient."""
        named = self._named.get(study_uid)
        if named:
            self._differ = self._differ or named != patient_id
            self._group.join(f"header {patient_id}", f"table {named}")

    def patients(self) -> Callable[[str], str]:
        """A function from a header's id to the patient's, once all studies have been met."""
        if not self._differ:
            return lambda header: header
        group, first = self._group, dict[str, str]()
        for name in sorted({named for named in self._named.values() if named}):
            first.setdefault(group.of(f"table {name}"), name)

        def patient_of(header: str) -> str:
            of_header, of_namesake = group.of(f"header {header}"), group.of(f"table {header}")
            return first.get(of_header, first.get(of_namesake, header))

        return patient_of


class Moved:
    """Keeps the records that a study found by its header's id, now by the study itself."""

    def __init__(self, records: Sequence[ClinicalRecord]) -> None:
        """Begin with the records as the tables have them."""
        self._records = records
        self._find: Callable[[Study], ClinicalRecord | None] | None = None
        self._moved: dict[str, ClinicalRecord] = {}

    def study(self, before: Study, after: Study) -> None:
        """Take a study with its former patient and with its present one."""
        if before.patient_id == after.patient_id:
            return
        self._find = self._find or by_study(self._records)
        found = self._find(before)
        if found is not None and found.patient_id == before.patient_id:
            self._moved[after.study_uid] = replace(
                found, patient_id=after.patient_id, study_uid=after.study_uid
            )

    def records(self) -> tuple[ClinicalRecord, ...]:
        """All records, those of studies with another patient under that one."""
        kept = (each for each in self._records if each.study_uid not in self._moved)
        return (*kept, *self._moved.values())


def judged(study: Study, doubts: Sequence[Doubt]) -> Study:
    """A study with the doubts of its patient; of a patient of two sexes none is reported.

    Such a patient may be two people under one id. They stay one: who is on both sides of the wall
    under one id is worse than who is joined to another.
    """
    if not doubts:
        return study
    sex = NOT_REPORTED if Doubt.SEXES_OF_PATIENT in doubts else study.sex
    return replace(study, sex=sex, doubts=(*study.doubts, *map(str, doubts)))


def linked(
    studies: Sequence[Study], records: Sequence[ClinicalRecord]
) -> tuple[tuple[Study, ...], tuple[ClinicalRecord, ...]]:
    """Bring each patient under one id and one sex, in studies and records."""
    linkage, moved, contradictions = Linkage(records), Moved(records), PatientDoubts()
    for study in studies:
        linkage.meet(study.study_uid, study.patient_id)
    patient_of = linkage.patients()
    after = [replace(study, patient_id=patient_of(study.patient_id)) for study in studies]
    for old, new in zip(studies, after, strict=True):
        moved.study(old, new)
    contradictions.add((s.patient_id, s.sex, s.born, s.acquired, s.age) for s in after)
    doubts_of = contradictions.found()
    return tuple(judged(s, doubts_of(s.patient_id)) for s in after), moved.records()


class _Groups:
    """Names that are joined, by a forest whose roots stand for the groups."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, name: str) -> str:
        root = name
        while self._above.get(root, root) != root:
            root = self._above[root]
        while self._above.get(name, name) != root:
            self._above[name], name = root, self._above.get(name, name)
        return root

    def join(self, one: str, other: str) -> None:
        self._above[self.of(one)] = self.of(other)
