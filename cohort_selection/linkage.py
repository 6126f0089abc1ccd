"""Two records of one patient are one patient: header and clinical table, brought under one id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cohort_selection.clinical import ClinicalRecord
from cohort_selection.dicom import Study


def one_id_a_patient(
    studies: Sequence[Study], records: Iterable[ClinicalRecord]
) -> tuple[Study, ...]:
    """The studies, each under the id of its patient, whichever names header and table gave.

    A table that names the patient of a study joins that name to the header's: header ids that
    share a patient of the table, or names in the table that share a header id, are one patient.
    Who is joined to others, or is named otherwise by the table, gets the first of the table's
    names in alphabetical order; all others keep the header's.
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
    return tuple(
        replace(
            study, patient_id=first.get(group.of(f"header {study.patient_id}"), study.patient_id)
        )
        for study in studies
    )


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
