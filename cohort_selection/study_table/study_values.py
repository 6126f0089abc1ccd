"""Values of a study under the names of rules and attributes, and which source is believed.

One rule where sources disagree: the clinical table goes before the header, and a code that either
states goes before one that a mapping table infers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cohort_selection.clinical.records import NOT_REPORTED, ClinicalRecord
from cohort_selection.clinical.vocabulary import is_unknown
from cohort_selection.tables.cell_words import plain

if TYPE_CHECKING:
    from cohort_selection.dicom.studies import Study


POSITIVE_DAYS = "days_from_study_to_pos_covid_test"
NEGATIVE_DAYS = "days_from_study_to_neg_covid_test"
NAMES = (
    "sex", "age", "age_group", "race", "ethnicity", "site", "view", "manufacturer", "modality",
    "body_part", "description", "loinc", "loinc_name", "loinc_method", "loinc_system",
    "loinc_contrast", "acquired", "images", POSITIVE_DAYS, NEGATIVE_DAYS,
)  # fmt: skip
"""The names that every catalog has, whatever its clinical table."""

OF_IMAGES = {
    "view": "ViewPosition",
    "modality": "Modality",
    "body_part": "BodyPartExamined",
}


@dataclass(frozen=True, slots=True)
class Values:
    """What is known of a study under one name; ``of_images`` where its images say it one by one.

    ``in_part``: one of the images does not say.
    """

    texts: tuple[str, ...]
    of_images: bool = False
    in_part: bool = False

    def __str__(self) -> str:
        """One text, as an attribute has it."""
        return ("," if self.of_images else "|").join(self.texts) or NOT_REPORTED


def by_study(records: Iterable[ClinicalRecord]) -> Callable[[Study], ClinicalRecord | None]:
    """A function that finds the record that speaks for a study: its own, else its patient's.

    Where a study's own record comes from a table without patients, its patient's fills it up.
    """
    of_study: dict[str, ClinicalRecord] = {}
    of_patient: dict[str, ClinicalRecord] = {}
    for record in records:
        if record.study_uid:
            of_study[record.study_uid] = record
        else:
            of_patient[record.patient_id] = record

    def find(study: Study) -> ClinicalRecord | None:
        own, patient = of_study.get(study.study_uid), of_patient.get(study.patient_id)
        if own is None or patient is None or own.patient_id:
            return own or patient
        return filled_up(own, patient)

    return find


def filled_up(own: ClinicalRecord, patient: ClinicalRecord) -> ClinicalRecord:
    """A study's own record that names no patient, with what its patient's says besides."""

    def said(text: str, otherwise: str) -> str:
        return otherwise if text == NOT_REPORTED else text

    return ClinicalRecord(
        patient_id=patient.patient_id,
        study_uid=own.study_uid,
        age=patient.age if own.age is None else own.age,
        sex=said(own.sex, patient.sex),
        race=said(own.race, patient.race),
        ethnicity=said(own.ethnicity, patient.ethnicity),
        site=said(own.site, patient.site),
        tests=(*own.tests, *patient.tests),
        findings={**patient.findings, **{k: v for k, v in own.findings.items() if v}},
    )


def said_by_cell(text: str) -> Values:
    """What a cell of the clinical table says; nothing where it says that it does not know."""
    return Values(tuple(part for part in parts(text, "|") if not is_unknown(part)))


def said_by_images(said: Sequence[str]) -> Values:
    """What the images say in a header field; ``said`` has a blank where one does not."""
    return Values(tuple(map(plain, filter(None, said))), of_images=True, in_part="" in said)


def parts(text: str, separator: str) -> list[str]:
    """The parts of a text that lists several."""
    return [plain(part) for part in text.split(separator) if part.strip()]
