"""Simulates the CT studies of a commons: a chest with opacities, and what scanners make of it.

Every study has what a reader of volumes must get right: a localiser, and by the scanner slices
numbered from the head, another distance of slices, a tilted gantry, a second shorter series, a
secondary capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cohort_selection.commons.ct import chest_volume
from cohort_selection.commons.ct.tomogram import Tomogram, write_tomogram
from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.commons.sites import Imaging


@dataclass(frozen=True, slots=True, kw_only=True)
class CtScanner:
    """How a site's machine makes slices of a chest; nothing here depends on the label."""

    size: int
    pixel_mm: float
    between_mm: float
    noise: float
    tilt_degrees: float = 0.0
    from_head: bool = False
    second: bool = False
    capture: bool = False


CT_SCANNERS: Mapping[str, CtScanner] = {
    "101": CtScanner(size=64, pixel_mm=5.6, between_mm=10.0, noise=18.0),
    "102": CtScanner(size=64, pixel_mm=6.0, between_mm=12.0, noise=30.0, from_head=True),
    "103": CtScanner(size=72, pixel_mm=5.0, between_mm=8.0, noise=22.0, second=True),
    "104": CtScanner(
        size=64, pixel_mm=5.8, between_mm=11.0, noise=35.0, tilt_degrees=12.0, capture=True
    ),
}
"""By site."""

EXTENT_MM = 250.0
"""From the lowest slice to the highest."""


def write_study(folder: Path, study: Imaging) -> None:
    """Write the study's series below ``folder``."""
    scanner = CT_SCANNERS[study.at.site_id]
    person = chest_volume.chest(study.anatomy, age=study.age, female=study.female)
    main = _main(study, scanner, person)
    write_tomogram(folder, main)
    write_tomogram(folder, _localiser(main, study))
    if scanner.second:  # fewer slices of the same, with another kernel
        write_tomogram(
            folder,
            replace(
                main,
                values=main.values[4:-4:2],
                corner_mm=(*main.corner_mm[:2], main.corner_mm[2] + 4 * main.spacing_mm[0]),
                spacing_mm=(2 * main.spacing_mm[0], *main.spacing_mm[1:]),
                series_uid=uid("simulated second series", study.study_uid),
                number=1,
                kernel="LUNG",
            ),
        )
    if scanner.capture:
        _capture(folder, main, study)


def _main(study: Imaging, scanner: CtScanner, person: chest_volume.Chest) -> Tomogram:
    rng = study.image
    count = round(EXTENT_MM / scanner.between_mm) + int(rng.integers(0, 3))
    lean = np.radians(scanner.tilt_degrees)
    half = (scanner.size - 1) / 2 * scanner.pixel_mm
    shift = rng.normal(0, 4, size=3)
    corner = np.array([-half, -half * np.cos(lean), -half * np.sin(lean)]) + shift
    corner[2] -= (count - 1) / 2 * scanner.between_mm
    levels, rows, columns = np.meshgrid(
        np.arange(count) * scanner.between_mm,
        np.arange(scanner.size) * scanner.pixel_mm,
        np.arange(scanner.size) * scanner.pixel_mm,
        indexing="ij",
    )
    left = corner[0] + columns
    back = corner[1] + rows * np.cos(lean)
    head = corner[2] + levels + rows * np.sin(lean)
    drawn = chest_volume.draw(person, left, back, head, rng, severity=study.severity)
    drawn += rng.normal(0, scanner.noise, size=drawn.shape)
    return Tomogram(
        values=np.rint(np.clip(drawn, -1024, 3000)).astype(np.int16),
        study_uid=study.study_uid,
        series_uid=uid("simulated series", study.study_uid),
        patient_id=study.patient_id,
        spacing_mm=(scanner.between_mm, scanner.pixel_mm, scanner.pixel_mm),
        corner_mm=(float(corner[0]), float(corner[1]), float(corner[2])),
        tilt_degrees=scanner.tilt_degrees,
        from_head=scanner.from_head,
        number=2,
        sex=study.sex,
        age=study.stated_age,
        manufacturer=study.at.scanner.manufacturer,
        model="CT",
        acquired=study.acquired,
    )


def _localiser(main: Tomogram, study: Imaging) -> Tomogram:
    """The whole chest seen from the front, as one image: its mean from front to back."""
    seen = main.values.mean(axis=1)[::-1][np.newaxis]
    return replace(
        main,
        values=seen.astype(np.int16),
        series_uid=uid("simulated localiser", study.study_uid),
        kind=("ORIGINAL", "PRIMARY", "LOCALIZER"),
        directions=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
        tilt_degrees=0.0,
        spacing_mm=(main.spacing_mm[1], main.spacing_mm[0], main.spacing_mm[2]),
        number=1,
    )


def _capture(folder: Path, main: Tomogram, study: Imaging) -> None:
    """A picture of one slice, as a workstation saves it: of modality CT, without geometry."""
    middle = main.values[len(main.values) // 2]
    series = uid("simulated capture", study.study_uid)
    instance = uid("simulated capture's image", study.study_uid)
    write_radiograph(
        folder / f"{instance}.dcm",
        Radiograph(
            pixels=np.clip((middle + 1024) / 12, 0, 255).astype(np.uint8),
            study_uid=study.study_uid,
            series_uid=series,
            instance_uid=instance,
            patient_id=study.patient_id,
            sex=study.sex,
            age=study.stated_age,
            manufacturer=study.at.scanner.manufacturer,
            description=main.description,
            acquired=study.acquired,
            number=1,
            text_burned_in=False,
        ),
        "CT",
    )
