"""Simulates a commons of several sites with known truth."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cohort_selection.atomic_files import replaced
from cohort_selection.commons import phantom, planted, radiography, tomography
from cohort_selection.commons.radiograph import uid
from cohort_selection.commons.sites import RACES, SHORTCUT_SITES, SITES, Imaging, Site

CLINICAL_COLUMNS = (
    "case_ids",
    "study_uid",
    "age_at_imaging",
    "age_at_imaging_gt89",
    "sex",
    "race",
    "ethnicity",
    "site_id",
    "days_to_study",
    "opacity",
    *planted.COLUMNS,
)
MEASUREMENT_COLUMNS = (
    "type",
    "submitter_id",
    "case_ids",
    "test_name",
    "test_method",
    "test_result_text",
    "test_days_from_index",
)
TRUTH_COLUMNS = ("study_uid", "risk", "severity", *planted.TRUTH_COLUMNS)

_FIRST_DAY = datetime.date(2021, 1, 4)


_WRITERS = {"DX": radiography.write_study, "CT": tomography.write_study}


class SimulationError(ValueError):
    """A commons that cannot be simulated as asked."""


# log odds of the label: severity carries nearly all of it, age and sex a little.
_INTERCEPT, _PER_SEVERITY, _PER_DECADE, _MALE = -3.4, 8.0, 0.10, 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What was written, and how well the label can be told at best."""

    achievable_auroc: float
    n_patients: int
    n_studies: int
    n_positive: int
    dicom: Path
    clinical: Path
    measurement: Path
    truth: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    patient_id: str
    site: Site
    age: int
    female: bool
    race: str
    ethnicity: str
    study_days: tuple[int, ...]  # from the first study, which is the index event
    severities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What studies are asked for: their modality, a shortcut's share, lesions of known outline."""

    modality: str
    shortcut: float
    lesions: bool


def simulate(
    output: Path,
    *,
    patients: int,
    seed: int,
    modality: str = "DX",
    lesions: bool = False,
    shortcut: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Write ``output/dicom``, ``clinical.csv``, ``measurement.tsv`` and ``truth.csv``.

    A study's label (``opacity``) is drawn from its true risk; the risk follows from a severity
    that the image shows, and a little from age, sex and site.  ``planted`` draws further findings
    and a grade of the severity.  ``achievable_auroc`` is what the risks themselves score in
    expectation over the labels: see ``expected_auroc``.  The same seed writes the same bytes, and
    the first patients stay the same when more are asked for. Images are radiographs (DX and CR), or
    CT volumes with all that ``tomography`` lists.

    With ``lesions`` each positive study has one or two round opacities besides, and a DICOM
    segmentation of them beside its image; CT volumes have none.

    ``shortcut`` plants one: in this share of the studies the label chooses the scanner, as where
    the ill are imaged in bed. Positive studies then come from the scanner of ``SHORTCUT_SITES[1]``,
    negative ones from that of ``SHORTCUT_SITES[0]``. 0 plants none and changes no byte.

    Raises ``SimulationError`` for what cannot be, or where the folder holds something else than a
    simulated commons.
    """
    asked = _Asked(modality, shortcut, lesions)
    _refuse(output, patients, asked)
    clinical: list[dict[str, str]] = []
    tests: list[dict[str, str]] = []
    truth: list[dict[str, str]] = []
    risks: list[float] = []
    with replaced(output, durable=False) as folder:
        for number in range(patients):
            person = _person(seed, number)
            for visit in range(len(person.study_days)):
                risk, line = _study(folder / "dicom", person, seed, number, visit, asked)
                said, known = _lines(person, seed, number, visit, (risk, line))
                clinical.append(said)
                truth.append(known)
                risks.append(risk)
            tests += _tests(person, seed, number)
            if progress is not None:
                progress(number + 1, patients)
        _write(folder / "clinical.csv", CLINICAL_COLUMNS, clinical, ",")
        _write(folder / "measurement.tsv", MEASUREMENT_COLUMNS, tests, "\t")
        _write(folder / "truth.csv", TRUTH_COLUMNS, truth, ",")
    return Simulated(
        achievable_auroc=expected_auroc(np.array(risks)),
        n_patients=patients,
        n_studies=len(risks),
        n_positive=sum(line["opacity"] == "1" for line in clinical),
        dicom=output / "dicom",
        clinical=output / "clinical.csv",
        measurement=output / "measurement.tsv",
        truth=output / "truth.csv",
    )


def _lines(
    person: _Person, seed: int, number: int, visit: int, drawn: tuple[float, dict[str, str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """The lines of a study in the clinical table and in the truth, with all that is planted."""
    risk, line = drawn
    more = _planted(person, seed, number, visit, (risk, int(line["opacity"])))
    severity = person.severities[visit]
    grade = planted.severity_grade(severity, _generator(seed, "grade", number, visit))
    truth = {
        "study_uid": line["study_uid"],
        "risk": f"{risk:.9f}",
        "severity": f"{severity:.9f}",
        **more.truth,
    }
    return {**line, **more.clinical, "severity_grade": str(grade)}, truth


def _refuse(output: Path, patients: int, asked: _Asked) -> None:
    if not 0 <= asked.shortcut <= 1:
        raise SimulationError(
            f"shortcut is {asked.shortcut:g}; give a share of the studies from 0 to 1"
        )
    if asked.modality not in _WRITERS:
        raise SimulationError(f"modality {asked.modality!r}; give one of {', '.join(_WRITERS)}")
    if asked.lesions and asked.modality == "CT":
        raise SimulationError("lesions are drawn on radiographs; leave --lesions or CT out")
    if patients < 2:
        raise SimulationError(f"{patients} patients; a commons takes at least 2")
    occupied = output.exists() and (not output.is_dir() or any(output.iterdir()))
    if occupied and not (output / "truth.csv").is_file():
        raise SimulationError(
            f"{output} holds something else than a simulated commons; give a new folder"
        )


def expected_auroc(risk: NDArray[np.float64]) -> float:
    """AUROC that the true risks, used as scores, have over the labels that may be drawn from them.

    Expected number of concordant pairs (ties one half) over expected number of pairs of a positive
    and a negative: sum over i != j of r_i (1 - r_j) [r_i > r_j], divided by the same sum without
    the bracket.  No score that knows only what the risks know does better (Neyman & Pearson 1933).
    ``risk`` is (n,) in [0, 1]; undefined, and a ``ValueError``, where no pair can occur.
    """
    levels, level_of = np.unique(risk, return_inverse=True)
    positives = np.bincount(level_of, weights=risk, minlength=len(levels))
    negatives = np.bincount(level_of, weights=1 - risk, minlength=len(levels))
    itself = float(np.sum(risk * (1 - risk)))  # a study is no pair with itself
    below = np.cumsum(negatives) - negatives
    concordant = float(positives @ (below + negatives / 2)) - itself / 2
    pairs = float(risk.sum() * (1 - risk).sum()) - itself
    if pairs <= 0:
        raise ValueError(f"the expected AUROC needs two risks that can differ; got {len(risk)}")
    return concordant / pairs


def _generator(seed: int, *key: object) -> np.random.Generator:
    """Randomness keyed by what it is for."""
    return np.random.default_rng([seed, *(crc32(str(part).encode()) for part in key)])


def _person(seed: int, number: int) -> _Person:
    rng = _generator(seed, "person", number)
    site = SITES[int(rng.choice(len(SITES), p=[site.share for site in SITES]))]
    age = int(np.clip(round(rng.normal(site.mean_age, 16.0)), 18, 97))
    female = bool(rng.random() < site.female)
    race = str(rng.choice(RACES, p=site.races))
    draw = rng.random()
    ethnicity = "Not Hispanic or Latino"
    if draw < 0.05:
        ethnicity = "Not Reported"
    elif draw < 0.05 + 0.95 * site.hispanic:
        ethnicity = "Hispanic or Latino"
    days = [0]
    if rng.random() < 0.18:
        days.append(int(rng.integers(3, 90)))
    first = float(rng.beta(0.9, 1.3))
    severities = [first]
    for _ in days[1:]:  # the disease of the same lungs, some days on
        severities.append(float(np.clip(0.6 * first + 0.4 * rng.beta(0.9, 1.3), 0.0, 1.0)))
    return _Person(
        patient_id=f"{site.site_id}-{number:06d}",
        site=site,
        age=age,
        female=female,
        race=race,
        ethnicity=ethnicity,
        study_days=tuple(days),
        severities=tuple(severities),
    )


def _risk(person: _Person, severity: float) -> float:
    log_odds = (
        _INTERCEPT
        + _PER_SEVERITY * severity
        + _PER_DECADE * (person.age - 57) / 10
        + _MALE * (not person.female)
        + person.site.log_odds
    )
    return float(1.0 / (1.0 + np.exp(-log_odds)))


def _imaged_at(person: _Person, label: int, shortcut: float, rng: np.random.Generator) -> Site:
    """The person's site, or in the share ``shortcut`` that of the label: whose machine is used."""
    if rng.random() >= shortcut:
        return person.site
    return next(site for site in SITES if site.site_id == SHORTCUT_SITES[label])


def _study(
    folder: Path, person: _Person, seed: int, number: int, visit: int, asked: _Asked
) -> tuple[float, dict[str, str]]:
    """Write one study's images; give its true risk and its line of the clinical table."""
    severity = person.severities[visit]
    risk = _risk(person, severity)
    label = int(_generator(seed, "label", number, visit).random() < risk)
    started = _FIRST_DAY + datetime.timedelta(
        days=int(_generator(seed, "date", number).integers(0, 700)) + person.study_days[visit]
    )
    study_uid = uid("simulated study", str(seed), str(number), str(visit))
    withheld = person.age > 89  # as MIDRC does: the table says only that it is above 89
    _WRITERS[asked.modality](
        folder / study_uid,
        Imaging(
            study_uid=study_uid,
            patient_id=person.patient_id,
            at=_imaged_at(
                person, label, asked.shortcut, _generator(seed, "scanner", number, visit)
            ),
            supine=person.site.supine,
            female=person.female,
            age=person.age,
            stated_age=90 if withheld else person.age,
            severity=severity,
            acquired=started.strftime("%Y%m%d"),
            anatomy=_generator(seed, "anatomy", number),
            image=_generator(seed, "image", number, visit),
            lesion=_generator(seed, "lesion", number, visit) if asked.lesions and label else None,
        ),
    )
    return risk, {
        "case_ids": person.patient_id,
        "study_uid": study_uid,
        "age_at_imaging": "" if withheld else str(person.age),
        "age_at_imaging_gt89": "Yes" if withheld else "No",
        "sex": "Female" if person.female else "Male",
        "race": person.race,
        "ethnicity": person.ethnicity,
        "site_id": person.site.site_id,
        "days_to_study": str(person.study_days[visit]),
        "opacity": str(label),
    }


def _planted(
    person: _Person, seed: int, number: int, visit: int, opacity: tuple[float, int]
) -> planted.Planted:
    """Further findings of a study: its chest and stance are drawn again, as for its image."""
    rng = _generator(seed, "image", number, visit)
    view = "AP" if rng.random() < person.site.supine else "PA"
    stance = phantom.pose(rng, view=view)
    chest = phantom.anatomy(
        _generator(seed, "anatomy", number), age=person.age, female=person.female
    )
    return planted.planted(chest, stance, opacity, _generator(seed, "planted", number, visit))


def _tests(person: _Person, seed: int, number: int) -> list[dict[str, str]]:
    """COVID-19 tests around each study; some patients have none, some two that disagree."""
    rng = _generator(seed, "tests", number)
    if rng.random() < 0.12:
        return []
    found: list[tuple[int, str]] = []
    for day, severity in zip(person.study_days, person.severities, strict=True):
        infected = rng.random() < 1.0 / (1.0 + np.exp(2.0 - 4.0 * severity))
        for _ in range(int(rng.integers(1, 4))):
            offset = (
                int(rng.integers(-12, 4)) if rng.random() < 0.85 else -int(rng.integers(20, 60))
            )
            near = offset >= -14
            positive = infected and near and rng.random() < 0.95
            found.append((day + offset, "Positive" if positive else "Negative"))
        if rng.random() < 0.04:  # the second sample of a day says otherwise
            day_of, result = found[-1]
            found.append((day_of, "Negative" if result == "Positive" else "Positive"))
    return [
        {
            "type": "measurement",
            "submitter_id": f"{person.patient_id}-test-{position}",
            "case_ids": person.patient_id,
            "test_name": "COVID-19",
            "test_method": "RT-PCR" if rng.random() < 0.8 else "Rapid antigen test",
            "test_result_text": result,
            "test_days_from_index": str(day),
        }
        for position, (day, result) in enumerate(found)
    ]


def _write(
    path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, str]], delimiter: str
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
