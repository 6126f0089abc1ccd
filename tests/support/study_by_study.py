"""Linking and joining one study after the other: what columns are compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cohort_selection.catalog import catalog
from cohort_selection.catalog.appending import Studies, write_parts
from cohort_selection.catalog.former import parts_of
from cohort_selection.catalog.joining import Joining
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.studies import Study
from cohort_selection.loinc.loinc_map import LoincMap
from cohort_selection.patients.doubt_list import DoubtList
from cohort_selection.study_table.schema import of_headers
from cohort_selection.study_table.study_rows import header_tables
from cohort_selection.study_table.study_values import by_study


def write_catalog(
    folder: Path,
    former: Path,
    studies: Iterable[Study],
    records: Sequence[ClinicalRecord],
    loinc_map: LoincMap | None = None,
) -> Joining:
    """Write the table of studies into a new folder, with its doubts and an empty quarantine."""
    folder.mkdir()
    made = folder / "made.parquet"
    ordered = sorted(studies, key=lambda study: study.study_uid)
    with pq.ParquetWriter(made, of_headers()) as writer:
        for rows in header_tables(ordered):
            writer.write_table(rows)
    found, joining = Studies(made, parts_of(former)), Joining(records, loinc_map)
    for some in found.met():
        joining.meet(some)
    joining.all_met()
    doubts = DoubtList(folder)
    write_parts(folder, found, joining, doubts)
    doubts.write(folder / catalog.DOUBTS)
    (folder / catalog.QUARANTINE).write_text("path,reason\n")
    made.unlink()
    for file in folder.glob("doubts-*.csv"):
        file.unlink()
    return joining


def joined(
    studies: Sequence[Study], records: Sequence[ClinicalRecord], loinc_map: LoincMap | None = None
) -> list[dict[str, object]]:
    """The columns that depend on other studies and on records, of each study, by columns."""
    ordered = sorted(studies, key=lambda study: study.study_uid)
    rows = pa.concat_tables([of_headers().empty_table(), *header_tables(ordered)])
    joining = Joining(records, loinc_map)
    joining.meet(rows)
    joining.all_met()
    found = {row["study_uid"]: row for row in joining.rows(rows).to_pylist()}
    return [found[study.study_uid] for study in studies]


def linked(
    studies: Sequence[Study], records: Sequence[ClinicalRecord]
) -> tuple[list[Study], list[ClinicalRecord | None]]:
    """Each patient under one id and one sex, and the record of each study."""
    named = {each.study_uid: each.patient_id for each in records if each.study_uid}
    patient_of = _patients(studies, named)
    find = by_study(records)
    after, found = [], []
    for study in studies:
        now = replace(study, patient_id=patient_of(study.patient_id))
        own = find(study)
        moved = now.patient_id != study.patient_id
        if moved and not (own is not None and own.patient_id == study.patient_id):
            own = find(now)
        after.append(now)
        found.append(own)
    said: dict[str, list[Study]] = defaultdict(list)
    for study in after:
        said[study.patient_id].append(study)
    return [_judged(study, said[study.patient_id]) for study in after], found


def _patients(studies: Sequence[Study], named: dict[str, str]) -> Callable[[str], str]:
    """Names that share a study are one: sets of names, joined until none changes."""
    pairs = [
        ({("header", study.patient_id), ("table", named[study.study_uid])})
        for study in studies
        if named.get(study.study_uid)
    ]
    groups: list[set[tuple[str, str]]] = []
    for pair in pairs:
        apart = [group for group in groups if not group & pair]
        groups = [*apart, pair.union(*(group for group in groups if group & pair))]

    def patient_of(header: str) -> str:
        for place in ("header", "table"):
            for group in groups:
                if (place, header) in group:
                    return min(name for where, name in group if where == "table")
        return header

    return patient_of


def _judged(study: Study, of_patient: Sequence[Study]) -> Study:
    sexes = {each.sex for each in of_patient} & {"Female", "Male", "Other"}
    births = {each.born for each in of_patient} - {""}
    days = [
        date.fromisoformat(each.acquired).toordinal() - round(each.age * 365.25)
        for each in of_patient
        if each.acquired and each.age is not None and each.age < 88
    ]
    doubts = [
        *(["sexes-of-patient"] if len(sexes) > 1 else []),
        *(["birth-dates-of-patient"] if len(births) > 1 else []),
        *(["ages-of-patient"] if days and max(days) - min(days) > round(2 * 365.25) else []),
    ]
    sex = "Not Reported" if len(sexes) > 1 else study.sex
    return replace(study, sex=sex, doubts=(*study.doubts, *doubts))
