"""Simulates the radiographs of a commons: a chest, and what a scanner makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cohort_selection.commons import phantom
from cohort_selection.commons.lesions import with_lesions, write_segmentation
from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.commons.sites import Imaging, Scanner


def write_study(folder: Path, study: Imaging) -> None:
    """Write the one image of a study below ``folder``."""
    rng, scanner = study.image, study.at.scanner
    view = "AP" if rng.random() < study.supine else "PA"
    chest = phantom.anatomy(study.anatomy, age=study.age, female=study.female)
    picture = phantom.draw(
        chest, phantom.pose(rng, view=view), rng, severity=study.severity, size=scanner.size
    )
    instance_uid = uid("simulated instance", study.study_uid)
    path, mask = folder / f"{instance_uid}.dcm", None
    if study.lesion is not None:
        picture, mask = with_lesions(picture, study.lesion)
    write_radiograph(
        path,
        Radiograph(
            pixels=_acquire(picture, scanner, rng),
            study_uid=study.study_uid,
            series_uid=uid("simulated series", study.study_uid),
            instance_uid=instance_uid,
            patient_id=study.patient_id,
            sex=study.sex,
            age=study.stated_age,
            view=view,
            manufacturer=scanner.manufacturer,
            model=scanner.model,
            description="XR CHEST 1 VIEW AP" if view == "AP" else "XR CHEST 1 VIEW PA",
            acquired=study.acquired,
            bits_stored=scanner.bits_stored,
            inverted=scanner.inverted,
            spacing_mm=(350 / scanner.size, 350 / scanner.size),
            text_burned_in=False,
        ),
        scanner.modality,
    )
    if mask is not None:
        write_segmentation(path, mask)


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
