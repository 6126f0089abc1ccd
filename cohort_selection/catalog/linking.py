"""Brings the patients of a catalog under one id each, part by part, as it is written."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cohort_selection.catalog.linkage import Linkage, Moved, judged
from cohort_selection.catalog.parquet import read_columns, read_studies, write_studies
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.doubts import MEANING, Doubt, PatientDoubts, lines
from cohort_selection.dicom.studies import Study


def link(path: Path, records: Sequence[ClinicalRecord]) -> tuple[ClinicalRecord, ...]:
    """Write a file of studies again with each patient under one id; give the records to keep.

    What ``linkage.linked`` gives for all at once, with a few studies in memory.
    """
    linkage = Linkage(records)
    for rows in read_columns(path, ("study_uid", "patient_id")):
        for study_uid, patient in rows:
            linkage.meet(study_uid, patient)
    patient_of = linkage.patients()
    contradictions = PatientDoubts()
    for rows in read_columns(path, ("patient_id", "sex", "born", "acquired", "age")):
        contradictions.add((patient_of(patient), *said) for patient, *said in rows)
    doubts_of = contradictions.found()
    moved = Moved(records)

    def studies() -> Iterator[Study]:
        for before in read_studies(path):
            after = replace(before, patient_id=patient_of(before.patient_id))
            moved.study(before, after)
            yield judged(after, doubts_of(after.patient_id))

    fresh = path.with_name(f".{path.name}.linked")
    write_studies(fresh, studies())
    fresh.replace(path)
    return moved.records()


def write_doubts(path: Path, studies: Path) -> tuple[str, ...]:
    """List what headers contradict, a line a study and doubt; give the summary of it."""
    counts: Counter[Doubt] = Counter()
    n_studies = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["patient_id", "study_uid", "doubt", "found", "done"])
        for rows in read_columns(studies, ("patient_id", "study_uid", "doubts")):
            for patient, study, doubts in rows:
                found = [*map(Doubt, doubts)]
                counts.update(found)
                n_studies += bool(found)
                writer.writerows([patient, study, doubt, *MEANING[doubt]] for doubt in found)
    return lines(counts, n_studies, path.name)
