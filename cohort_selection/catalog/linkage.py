"""Brings two records of one patient, from header and clinical table, under one id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cohort_selection.catalog.study_values import by_study
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.clinical.vocabulary import NOT_REPORTED
from cohort_selection.dicom.doubts import Doubt, PatientDoubts
from cohort_selection.dicom.studies import Study


def one_id_a_patient(
    studies: Sequence[Study], records: Iterable[ClinicalRecord]
) -> tuple[Study, ...]:
    """The studies, each under the id of its patient, whichever names header and table gave.

    A table that names the patient of a study joins that name to the header's: header ids that
    share a patient of the table, or names in the table that share a header id, are one patient.
    A patient who is joined to others, or whom the table names differently, gets the first of the
    table's names in alphabetical order; all others keep the header's. If the table names no study
    of a header id, that id is the patient of the same name in the table, if there is one.
    """
    of_study = {each.study_uid: each.patient_id for each in records if each.study_uid}
    if all(of_study.get(study.study_uid) in (None, "", study.patient_id) for study in studies):
        return tuple(studies)
    group = _Groups()
    for study in studies:
        named = of_study.get(study.study_uid)
        if named:
            group.join(f"header {study.patient_id}", f"table {named}")
    first: dict[str, str] = {}
    for name in sorted({named for named in of_study.values() if named}):
        first.setdefault(group.of(f"table {name}"), name)

    def named_now(header: str) -> str:
        of_header, of_namesake = group.of(f"header {header}"), group.of(f"table {header}")
        return first.get(of_header, first.get(of_namesake, header))

    return tuple(replace(study, patient_id=named_now(study.patient_id)) for study in studies)


def records_under_new_ids(
    before: Sequence[Study], after: Sequence[Study], records: Sequence[ClinicalRecord]
) -> tuple[ClinicalRecord, ...]:
    """The records, those that a study found by the id it had ``before`` now by its study."""
    renamed = [
        (old, new)
        for old, new in zip(before, after, strict=True)
        if old.patient_id != new.patient_id
    ]
    if not renamed:
        return tuple(records)
    find = by_study(records)
    moved: dict[str, ClinicalRecord] = {}
    for old, new in renamed:
        found = find(old)
        if found is not None and found.patient_id == old.patient_id:
            moved[new.study_uid] = replace(
                found, patient_id=new.patient_id, study_uid=new.study_uid
            )
    return (*(each for each in records if each.study_uid not in moved), *moved.values())


def without_contradictions(studies: Sequence[Study]) -> tuple[Study, ...]:
    """The studies, with the doubts of their patients; of a patient of two sexes none is reported.

    Such a patient may be two people under one id. They stay one: who is on both sides of the wall
    under one id is worse than who is joined to another.
    """
    of_patients = PatientDoubts()
    of_patients.add((s.patient_id, s.sex, s.born, s.acquired, s.age) for s in studies)
    doubts_of = of_patients.found()

    def judged(study: Study) -> Study:
        doubts = doubts_of(study.patient_id)
        if not doubts:
            return study
        sex = NOT_REPORTED if Doubt.SEXES_OF_PATIENT in doubts else study.sex
        return replace(study, sex=sex, doubts=(*study.doubts, *map(str, doubts)))

    return tuple(map(judged, studies))


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
