"""What clinical tables say of one study, or of a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CovidTest:
    """One COVID-19 test: its result, and its day minus the day of the record's study.

    Negative days mean that the test came before the study (the sign of the MIDRC dictionary).
    Where no table says on which day the study was, days count from the patient's index event and
    ``from_study`` is false: how far the test was from the study is then not known.
    """

    result: str
    days_from_index: int
    from_study: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalRecord:
    """What the tables say of one study, or of all studies of a patient (``study_uid`` empty)."""

    patient_id: str
    study_uid: str
    age: int | None
    sex: str
    race: str
    ethnicity: str
    site: str
    tests: tuple[CovidTest, ...]
    findings: Mapping[str, str]
