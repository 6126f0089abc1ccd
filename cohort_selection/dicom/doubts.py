"""Finds impossible dates, ages and sexes in headers, by one named rule for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Protocol
from zlib import crc32

from cohort_selection.ages import OLDEST, years
from cohort_selection.clinical.vocabulary import NOT_REPORTED, TOP_CODED, ClinicalError, is_unknown
from cohort_selection.clinical.vocabulary import sex as word_for_sex


class Doubt(StrEnum):
    """A kind of contradiction; the value is what stands in the catalog."""

    STUDY_DATE = "study-date"
    FUTURE = "future"
    DATES_APART = "dates-apart"
    BIRTH_DATE = "birth-date"
    BEFORE_BIRTH = "before-birth"
    AGE = "age"
    AGE_AND_BIRTH = "age-and-birth"
    SEX = "sex"
    TWO_AGES = "two-ages"
    TWO_SEXES = "two-sexes"
    TWO_BIRTH_DATES = "two-birth-dates"
    SEXES_OF_PATIENT = "sexes-of-patient"
    BIRTH_DATES_OF_PATIENT = "birth-dates-of-patient"
    AGES_OF_PATIENT = "ages-of-patient"


MEANING: Mapping[Doubt, tuple[str, str]] = {
    Doubt.STUDY_DATE: (
        "a study or acquisition date is no day since 1895, or a placeholder",
        "it is passed over",
    ),
    Doubt.FUTURE: ("the study is dated after the day it was indexed", "the date is taken as it is"),
    Doubt.DATES_APART: (
        "study and acquisition date are more than 31 days apart",
        "the acquisition date is taken",
    ),
    Doubt.BIRTH_DATE: (
        f"the birth date is no day, a placeholder, or over {OLDEST} years before the study",
        "no age follows from it",
    ),
    Doubt.BEFORE_BIRTH: ("the study lies before the patient's birth", "no age follows from it"),
    Doubt.AGE: ("the age is none that DICOM knows, or a placeholder", "it is passed over"),
    Doubt.AGE_AND_BIRTH: (
        "age and birth date say different ages",
        "the stated age is taken, but none where it is 0",
    ),
    Doubt.SEX: ("the sex is none of M, F and O", "the sex is not reported"),
    Doubt.TWO_AGES: ("the images of one study have different ages", "the age is not known"),
    Doubt.TWO_SEXES: ("the images of one study have different sexes", "the sex is not reported"),
    Doubt.TWO_BIRTH_DATES: ("the images of one study have different birth dates", "told only"),
    Doubt.SEXES_OF_PATIENT: (
        "the studies of one patient have different sexes: two people under one id?",
        "the sex is not reported",
    ),
    Doubt.BIRTH_DATES_OF_PATIENT: (
        "the studies of one patient have different birth dates: two people under one id?",
        "told only",
    ),
    Doubt.AGES_OF_PATIENT: (
        "the ages of one patient do not go with the days of the studies: two people under one id?",
        "told only",
    ),
}
"""What each doubt says of a study's headers, and what is done; a clinical table goes before both.

Ages may be a year apart, and above 89 they may be withheld.
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom and when an image or a study shows: day (YYYY-MM-DD), sex, whole years at imaging.

    ``born`` tells two birth dates apart and is none itself; ``doubts`` are in the order of Doubt.
    """

    acquired: str
    sex: str
    age: int | None
    born: str
    doubts: tuple[Doubt, ...]


class Stated(Protocol):
    """What one image of a study states, as it was read."""

    @property
    def acquired(self) -> str:
        """YYYY-MM-DD, or empty."""
        ...

    @property
    def sex(self) -> str:
        """A word for a sex."""
        ...

    @property
    def age(self) -> int | None:
        """Whole years."""
        ...

    @property
    def born(self) -> str:
        """As of ``Person``."""
        ...

    @property
    def doubts(self) -> str:
        """Values of ``Doubt`` with blanks between them."""
        ...


# PS3.5 6.2 has YYYYMMDD; ACR-NEMA had YYYY.MM.DD; some converters write dashes, or add the time.
_DAY = re.compile(
    r"(\d{4})(?:(\d{2})(\d{2})|([.\-/])(\d{1,2})\4(\d{1,2}))(?:[ T]?\d{2}[\d.:+\-]*)?"
)
_FIRST_X_RAY = date(1895, 11, 8)
# The first day of Excel, of Delphi and of SQL Server's calendars, and the last day of any.
_PLACEHOLDERS = frozenset(
    {date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1), date(9999, 12, 31)}
)
_NO_STUDY = date(1901, 1, 1)  # what RSNA's radiographs all have; somebody may be born that day
_APART = timedelta(days=31)
DAYS_A_YEAR = 365.25


@lru_cache(maxsize=4096)
def day(text: str) -> date | None:
    """The day that a DICOM date names; None where it names none, or is a placeholder.

    Of several values the first. A date that begins with its day or month is none: 1.2.2020 may be
    January or February.
    """
    matched = _DAY.fullmatch(text.partition("\\")[0].strip())
    if matched is None:
        return None
    year, *rest = matched.groups()
    month, number = rest[:2] if rest[0] else rest[3:]
    try:
        found = date(int(year), int(month), int(number))
    except ValueError:
        return None
    return None if found in _PLACEHOLDERS else found


def person(texts: Mapping[str, str], today: date | None = None) -> Person:
    """Judge what one header says; ``texts`` has an attribute's text by keyword, where it has one.

    ``today`` is the day on which it is read.
    """
    said = texts.get
    return _person(
        said("AcquisitionDate", ""),
        said("StudyDate", ""),
        said("PatientBirthDate", ""),
        said("PatientAge", ""),
        said("PatientSex", ""),
        today or date.today(),
    )


@lru_cache(maxsize=1024)  # the images of a series say the same
def _person(made: str, studied: str, birth: str, stated: str, sex: str, today: date) -> Person:
    doubts: set[Doubt] = set()
    seen = []
    for text in (made, studied):
        found = day(text)
        if found is not None and found >= _FIRST_X_RAY and found != _NO_STUDY:
            seen.append(found)
        elif text:
            doubts.add(Doubt.STUDY_DATE)
    if len(seen) == 2 and abs(seen[0] - seen[1]) > _APART:
        doubts.add(Doubt.DATES_APART)
    if seen and seen[0] > today + timedelta(days=1):  # a day for time zones
        doubts.add(Doubt.FUTURE)
    born = day(birth)
    if born is None and not is_unknown(birth):
        doubts.add(Doubt.BIRTH_DATE)
    age = years(stated)
    if age is None and not is_unknown(stated):
        doubts.add(Doubt.AGE)
    try:
        word = word_for_sex("header", sex)
    except ClinicalError:
        word = NOT_REPORTED
        doubts.add(Doubt.SEX)
    # The age is that at the study, whatever of it was made when.
    age = _age(age, born, seen[-1] if seen else None, doubts)
    mark = "" if born is None else f"{crc32(born.isoformat().encode()):08x}"
    return Person(seen[0].isoformat() if seen else "", word, age, mark, _ordered(doubts))


def _age(
    stated: int | None, born: date | None, seen: date | None, doubts: set[Doubt]
) -> int | None:
    if born is None or seen is None:
        return stated
    counted = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    if counted < 0:
        doubts.add(Doubt.BEFORE_BIRTH)
    elif counted > OLDEST:
        doubts.add(Doubt.BIRTH_DATE)
    elif stated is None:
        return counted
    elif not _agree([stated, counted]):
        doubts.add(Doubt.AGE_AND_BIRTH)
        return stated or None
    return stated


def of_study(members: Sequence[Stated]) -> Person:
    """What the headers of one study say together: contradictions leave the matter unknown."""
    doubts = {Doubt(text) for header in members for text in header.doubts.split()}
    sexes = {header.sex for header in members} - {NOT_REPORTED}
    ages = [header.age for header in members if header.age is not None]
    births = {header.born for header in members if header.born}
    if len(sexes) > 1:
        doubts.add(Doubt.TWO_SEXES)
    if not _agree(ages):
        doubts.add(Doubt.TWO_AGES)
    if len(births) > 1:
        doubts.add(Doubt.TWO_BIRTH_DATES)
    return Person(
        acquired=min((header.acquired for header in members if header.acquired), default=""),
        sex=sexes.pop() if len(sexes) == 1 else NOT_REPORTED,
        age=min(ages, default=None) if _agree(ages) else None,
        born=births.pop() if len(births) == 1 else "",
        doubts=_ordered(doubts),
    )


def _agree(ages: Sequence[int]) -> bool:
    """Whether ages can be one age: a year apart, or all of them high enough to be withheld."""
    return not ages or max(ages) - min(ages) <= 1 or min(ages) >= TOP_CODED - 1


def lines(counts: Mapping[Doubt, int], n_studies: int, listed_in: str) -> tuple[str, ...]:
    """Say how many studies there are of each doubt; nothing where there is none."""
    if not n_studies:
        return ()
    told = [
        f"headers that contradict themselves or each other: {n_studies:,} "
        f"stud{'y' if n_studies == 1 else 'ies'}, listed in {listed_in}; a clinical table goes "
        "before them"
    ]
    for doubt in Doubt:
        if counts.get(doubt):
            found, done = MEANING[doubt]
            told.append(f"  {counts[doubt]:,}: {found}; {done}")
    return tuple(told)


def _ordered(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    found = set(doubts)
    return tuple(doubt for doubt in Doubt if doubt in found) if found else ()
