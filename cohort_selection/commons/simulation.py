"""Simulates a commons of several sites with known truth."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cohort_selection.atomic_files import replaced
from cohort_selection.commons import phantom, planted
from cohort_selection.commons.radiograph import Modality, Radiograph, uid, write_radiograph

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
_RACES = (
    "White",
    "Black or African American",
    "Asian",
    "Other",
    "American Indian or Alaska Native",
    "Native Hawaiian or other Pacific Islander",
    "Not Reported",
)


class SimulationError(ValueError):
    """A commons that cannot be simulated as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """How one site's machine turns a chest into pixels.  Nothing here depends on the label."""

    manufacturer: str
    model: str
    modality: Modality
    size: int
    bits_stored: int
    inverted: bool
    gain: float
    offset: float
    noise: float
    blur: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who comes to a site, how ill they are there, and what they are imaged with."""

    site_id: str
    share: float
    mean_age: float
    female: float
    races: tuple[float, ...]  # in the order of _RACES
    hispanic: float
    log_odds: float  # added to everybody's risk: the site's prevalence
    supine: float  # share of AP views
    scanner: Scanner


_SCANNERS: Mapping[str, Sequence[Any]] = {
    "manufacturer": ("Alderney Imaging", "Brightwell", "Corvane", "Alderney Imaging"),
    "model": ("DR 500", "Mobile 2", "Radia X", "CR 90"),
    "modality": ("DX", "CR", "DX", "CR"),
    "size": (128, 128, 144, 128),
    "bits_stored": (12, 15, 14, 12),
    "inverted": (False, True, False, False),
    "gain": (0.92, 0.8, 0.88, 0.7),
    "offset": (0.04, 0.1, 0.06, 0.16),
    "noise": (0.012, 0.022, 0.01, 0.034),
    "blur": (0.0, 0.6, 0.0, 0.8),
}
"""Each field of the sites' scanners, in the order of the sites."""

_SITES: Mapping[str, Sequence[Any]] = {
    "site_id": ("101", "102", "103", "104"),
    "share": (0.36, 0.28, 0.22, 0.14),
    "mean_age": (61.0, 52.0, 55.0, 66.0),
    "female": (0.48, 0.53, 0.52, 0.45),
    "races": (
        (0.7, 0.1, 0.07, 0.05, 0.01, 0.0, 0.07),
        (0.28, 0.46, 0.06, 0.1, 0.01, 0.01, 0.08),
        (0.42, 0.08, 0.3, 0.1, 0.02, 0.02, 0.06),
        (0.8, 0.05, 0.03, 0.04, 0.04, 0.0, 0.04),
    ),
    "hispanic": (0.08, 0.17, 0.34, 0.05),
    "log_odds": (-0.15, 0.3, -0.3, 0.1),
    "supine": (0.3, 0.6, 0.2, 0.5),
}

SITES = tuple(
    Site(
        **dict(zip(_SITES, of_site, strict=True)),
        scanner=Scanner(**dict(zip(_SCANNERS, of_scanner, strict=True))),
    )
    for of_site, of_scanner in zip(
        zip(*_SITES.values(), strict=True), zip(*_SCANNERS.values(), strict=True), strict=True
    )
)

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


def simulate(
    output: Path,
    *,
    patients: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Write ``output/dicom``, ``clinical.csv``, ``measurement.tsv`` and ``truth.csv``.

    A study's label (``opacity``) is drawn from its true risk; the risk follows from a severity
    that the image shows, and a little from age, sex and site.  ``planted`` adds further findings
    and a grade of the severity.  ``achievable_auroc`` is what the
    risks themselves score in expectation over the labels: see ``expected_auroc``.  The same seed
    writes the same bytes, and the first patients stay the same when more are asked for.

    Raises ``SimulationError`` where fewer than 2 patients are asked for, or the folder holds
    something else than a simulated commons.
    """
    if patients < 2:
        raise SimulationError(f"{patients} patients; a commons takes at least 2")
    occupied = output.exists() and (not output.is_dir() or any(output.iterdir()))
    if occupied and not (output / "truth.csv").is_file():
        raise SimulationError(
            f"{output} holds something else than a simulated commons; give a new folder"
        )
    clinical: list[dict[str, str]] = []
    tests: list[dict[str, str]] = []
    truth: list[dict[str, str]] = []
    risks: list[float] = []
    with replaced(output, durable=False) as folder:
        for number in range(patients):
            person = _person(seed, number)
            for visit in range(len(person.study_days)):
                risk, line = _study(folder / "dicom", person, seed, number, visit)
                more = _planted(person, seed, number, visit, (risk, int(line["opacity"])))
                grade = planted.severity_grade(
                    person.severities[visit], _generator(seed, "grade", number, visit)
                )
                clinical.append({**line, **more.clinical, "severity_grade": str(grade)})
                risks.append(risk)
                truth.append(
                    {
                        "study_uid": line["study_uid"],
                        "risk": f"{risk:.9f}",
                        "severity": f"{person.severities[visit]:.9f}",
                        **more.truth,
                    }
                )
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
    race = str(rng.choice(_RACES, p=site.races))
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


def _study(
    folder: Path, person: _Person, seed: int, number: int, visit: int
) -> tuple[float, dict[str, str]]:
    """Write one study's image; give its true risk and its line of the clinical table."""
    severity = person.severities[visit]
    risk = _risk(person, severity)
    label = int(_generator(seed, "label", number, visit).random() < risk)
    rng = _generator(seed, "image", number, visit)
    view = "AP" if rng.random() < person.site.supine else "PA"
    chest = phantom.anatomy(
        _generator(seed, "anatomy", number), age=person.age, female=person.female
    )
    scanner = person.site.scanner
    picture = phantom.draw(
        chest, phantom.pose(rng, view=view), rng, severity=severity, size=scanner.size
    )
    started = _FIRST_DAY + datetime.timedelta(
        days=int(_generator(seed, "date", number).integers(0, 700)) + person.study_days[visit]
    )
    study_uid = uid("simulated study", str(seed), str(number), str(visit))
    instance_uid = uid("simulated instance", study_uid)
    withheld = person.age > 89  # as MIDRC does: the table says only that it is above 89
    write_radiograph(
        folder / study_uid / f"{instance_uid}.dcm",
        Radiograph(
            pixels=_acquire(picture, scanner, rng),
            study_uid=study_uid,
            series_uid=uid("simulated series", study_uid),
            instance_uid=instance_uid,
            patient_id=person.patient_id,
            sex="Female" if person.female else "Male",
            age=90 if withheld else person.age,
            view=view,
            manufacturer=scanner.manufacturer,
            model=scanner.model,
            description="XR CHEST 1 VIEW AP" if view == "AP" else "XR CHEST 1 VIEW PA",
            acquired=started.strftime("%Y%m%d"),
            bits_stored=scanner.bits_stored,
            inverted=scanner.inverted,
            spacing_mm=(350 / scanner.size, 350 / scanner.size),
            text_burned_in=False,
        ),
        scanner.modality,
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


def _acquire(
    picture: NDArray[np.float64], scanner: Scanner, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """The scanner's pixels: its contrast, its blur, its noise, its depth and its polarity."""
    exposure = rng.normal(1.0, 0.03)
    seen = gaussian_filter(picture, scanner.blur) if scanner.blur else picture
    seen = scanner.offset + scanner.gain * exposure * seen
    seen = seen + rng.normal(0.0, scanner.noise, size=seen.shape)
    top = 2**scanner.bits_stored - 1
    levels = np.rint(np.clip(seen, 0.0, 1.0) * top)
    return np.asarray(top - levels if scanner.inverted else levels, dtype=np.uint16)


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
