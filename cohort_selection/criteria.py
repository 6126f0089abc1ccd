"""Which studies become cases: inclusion rules, reference standard, and a count a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cohort_selection.cells import LABEL
from cohort_selection.clinical import ClinicalRecord, CovidTest
from cohort_selection.cohort import Case
from cohort_selection.cohort_table import CohortPlanError, CohortTable
from cohort_selection.dicom import Study

NOT_REPORTED = "Not Reported"
COVID = "covid19"
AGE_BANDS = (0, 18, 30, 40, 50, 65, 75, 85)
"""Lower ends of the CDC's age groups, in years, as MIDRC uses them."""
_BUILT_IN = (
    "sex", "age", "age_group", "race", "ethnicity", "site", "view", "manufacturer", "modality",
    "body_part", "loinc",
)  # fmt: skip


class SelectionError(ValueError):
    """The commons does not hold what the criteria ask for."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Inclusion rules and the reference standard of one benchmark.

    An empty collection allows everything. ``covid_window`` is days, test minus study (negative:
    the test came first), both ends included.
    """

    label: str
    modalities: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    loinc: tuple[str, ...] = ()
    minimum_age: int = 0
    maximum_age: int | None = None
    covid_window: tuple[int, int] = (-14, 0)
    invert_label: bool = False
    age_bands: tuple[int, ...] = AGE_BANDS
    attributes: tuple[str, ...] = ("sex", "age_group")


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One rule, the studies it excluded and the studies left."""

    rule: str
    excluded: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Selected:
    """The cases that satisfy every rule, in order of their ids, and the flow that led to them."""

    cases: tuple[Case, ...]
    flow: tuple[FlowStep, ...]


KEYS = (
    "modalities", "views", "body_parts", "loinc", "minimum_age", "maximum_age", "label",
    "covid_window", "invert_label", "age_bands", "attributes",
)  # fmt: skip
"""The keys of the [cohort] table that say which studies count."""


def read_criteria(read: CohortTable) -> Criteria:
    """Read the rules of the [cohort] table; raises CohortPlanError, naming file and key."""
    if LABEL not in read.values:
        raise CohortPlanError(
            f"{read.path.name}: [cohort] has no label; name a 0/1 column of the clinical table, "
            f'or "{COVID}"'
        )
    window = read.whole_numbers("covid_window", (-14, 0))
    if len(window) != 2 or window[0] > window[1]:
        read.refuse("covid_window", "two whole numbers of days, test minus study, smaller first")
    bands = read.whole_numbers("age_bands", AGE_BANDS)
    if not bands or list(bands) != sorted(set(bands)) or bands[0] < 0:
        read.refuse("age_bands", "ages in years, rising, such as [0, 40, 60, 80]")
    return Criteria(
        label=read.text("label", ""),
        modalities=tuple(m.upper() for m in read.texts("modalities", ())),
        views=tuple(v.upper() for v in read.texts("views", ())),
        body_parts=tuple(b.upper() for b in read.texts("body_parts", ())),
        loinc=read.texts("loinc", ()),
        minimum_age=read.whole_number("minimum_age", 0),
        maximum_age=read.whole_number("maximum_age", 0) if "maximum_age" in read.values else None,
        covid_window=(window[0], window[1]),
        invert_label=read.truth("invert_label"),
        age_bands=bands,
        attributes=read.texts("attributes", ("sex", "age_group")),
    )


def select(
    studies: Sequence[Study], records: Sequence[ClinicalRecord], criteria: Criteria
) -> Selected:
    """Apply the rules one after the other; a study that passes all of them becomes a case.

    The case's id is the study's UID. Raises SelectionError where the label's column or an
    attribute does not exist, a label is neither 0 nor 1, or nobody is left.
    """
    columns = sorted({column for record in records for column in record.findings})
    _refuse_missing(criteria, columns)
    of_study = {record.study_uid: record for record in records if record.study_uid}
    of_patient = {record.patient_id: record for record in records if not record.study_uid}
    found = {
        study.study_uid: of_study.get(study.study_uid) or of_patient.get(study.patient_id)
        for study in studies
    }
    left = sorted(studies, key=lambda study: study.study_uid)
    flow = [FlowStep("studies in the catalog", 0, len(left))]
    labels: dict[str, int] = {}

    def keep(rule: str, holds: Callable[[Study], bool]) -> None:
        nonlocal left
        kept = [study for study in left if holds(study)]
        flow.append(FlowStep(rule, len(left) - len(kept), len(kept)))
        left = kept

    if criteria.modalities:
        keep(
            f"modality is {' or '.join(criteria.modalities)}",
            lambda study: _all_in(study.modality, criteria.modalities),
        )
    if criteria.views:
        keep(
            f"view is {' or '.join(criteria.views)}",
            lambda study: _all_in(study.view, criteria.views),
        )
    if criteria.body_parts:
        keep(
            f"body part is {' or '.join(criteria.body_parts)}",
            lambda study: study.body_part.upper() in criteria.body_parts,
        )
    if criteria.loinc:
        keep(f"LOINC code is {' or '.join(criteria.loinc)}", lambda s: s.loinc in criteria.loinc)
    keep("has a clinical record", lambda study: found[study.study_uid] is not None)
    record = {uid: entry for uid, entry in found.items() if entry is not None}
    age = {s.study_uid: _age(s, record[s.study_uid]) for s in left}
    if criteria.minimum_age > 0 or criteria.maximum_age is not None:
        keep("age is known", lambda study: age[study.study_uid] is not None)
    if criteria.minimum_age > 0:
        keep(
            f"age at least {criteria.minimum_age}",
            lambda study: (age[study.study_uid] or 0) >= criteria.minimum_age,
        )
    oldest = criteria.maximum_age
    if oldest is not None:
        keep(f"age at most {oldest}", lambda study: (age[study.study_uid] or 0) <= oldest)
    if criteria.label == COVID:
        first, last = criteria.covid_window
        nearest = {
            s.study_uid: _nearest(record[s.study_uid].tests, criteria.covid_window) for s in left
        }
        keep(
            f"COVID-19 test {first} to {last} days from the study",
            lambda study: bool(nearest[study.study_uid]),
        )
        keep(
            "nearest COVID-19 tests agree",
            lambda study: len(nearest[study.study_uid]) == 1,
        )
        labels = {s.study_uid: int(nearest[s.study_uid] == {"Positive"}) for s in left}
    else:
        text = {s.study_uid: record[s.study_uid].findings.get(criteria.label, "") for s in left}
        keep(f"{criteria.label} is recorded", lambda s: text[s.study_uid].strip() != "")
        labels = _labels({s.study_uid: text[s.study_uid] for s in left}, criteria.label)
    if not left:
        worst = max(flow, key=lambda step: step.excluded)
        raise SelectionError(
            f"no study of {len(studies)} satisfies the criteria; the rule {worst.rule!r} alone "
            f"excludes {worst.excluded}: loosen it, or check the catalog"
        )
    return Selected(
        tuple(
            Case(
                study.study_uid,
                study.patient_id,
                study.files,
                labels[study.study_uid] ^ criteria.invert_label,
                {
                    name: _attribute(name, study, record[study.study_uid], age, criteria)
                    for name in criteria.attributes
                },
            )
            for study in left
        ),
        tuple(flow),
    )


def age_group(age: int | None, bands: Sequence[int]) -> str:
    """Name the band of an age in years: "40-59", "80+", "under 18", "Not Reported"."""
    if age is None:
        return NOT_REPORTED
    if age < bands[0]:
        return f"under {bands[0]}"
    for low, following in pairwise(bands):
        if age < following:
            return f"{low}-{following - 1}"
    return f"{bands[-1]}+"


def _all_in(values: str, allowed: Collection[str]) -> bool:
    """Whether a study's value, several joined by commas, is wholly among those allowed."""
    parts = [part.strip().upper() for part in values.split(",")]
    return all(part in allowed for part in parts)


def _age(study: Study, record: ClinicalRecord) -> int | None:
    return study.age if record.age is None else record.age


def _nearest(tests: Sequence[CovidTest], window: tuple[int, int]) -> set[str]:
    """Positive, Negative or both: what the tests nearest to the study inside the window say."""
    first, last = window
    inside = [
        test
        for test in tests
        if test.result in {"Positive", "Negative"} and first <= test.days_from_index <= last
    ]
    if not inside:
        return set()
    # Of two equally near days the one before the study counts: it could be known at imaging.
    day = min((abs(test.days_from_index), test.days_from_index) for test in inside)[1]
    return {test.result for test in inside if test.days_from_index == day}


def _labels(texts: Mapping[str, str], column: str) -> dict[str, int]:
    known = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
    odd = Counter(text.strip() for text in texts.values() if text.strip() not in known)
    if odd:
        value, n = odd.most_common(1)[0]
        more = f" (and {len(odd) - 1} other values)" if len(odd) > 1 else ""
        raise SelectionError(
            f"the label {column} is {value!r} in {n} of {len(texts)} records{more}; "
            "it must be 0 or 1, or empty where it is not known"
        )
    return {uid: known[text.strip()] for uid, text in texts.items()}


def _attribute(
    name: str,
    study: Study,
    record: ClinicalRecord,
    age: Mapping[str, int | None],
    criteria: Criteria,
) -> str:
    own = {
        "sex": study.sex if record.sex in {"", NOT_REPORTED} else record.sex,
        "age": "" if age[study.study_uid] is None else str(age[study.study_uid]),
        "age_group": age_group(age[study.study_uid], criteria.age_bands),
        "race": record.race,
        "ethnicity": record.ethnicity,
        "site": record.site,
        "view": study.view,
        "manufacturer": study.manufacturer,
        "modality": study.modality,
        "body_part": study.body_part,
        "loinc": study.loinc,
    }
    return (own[name] if name in own else record.findings.get(name, "")).strip() or NOT_REPORTED


def _refuse_missing(criteria: Criteria, columns: Sequence[str]) -> None:
    listed = ", ".join(columns) if columns else "none"
    if criteria.label != COVID and criteria.label not in columns:
        raise SelectionError(
            f"the clinical table has no column {criteria.label!r} for the label; it has {listed}; "
            f"correct [cohort] label"
        )
    for name in criteria.attributes:
        if name not in _BUILT_IN and name not in columns:
            raise SelectionError(
                f"the attribute {name!r} is neither one of {', '.join(_BUILT_IN)} nor a column of "
                f"the clinical table, which has {listed}; correct [cohort] attributes"
            )
