"""What must not stand on both sides of the wall: a patient, or the very same picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cohort_selection.cohort import Case
from cohort_selection.deidentification import pixel_digest
from cohort_selection.near_duplicates import NearDuplicate, near_duplicates


class LeakError(ValueError):
    """The open part gives away something of the sequestered one."""


def patients_on_both_sides(open_cases: Sequence[Case], sealed_cases: Sequence[Case]) -> list[str]:
    """Ids of patients with an open and a sealed case, sorted."""
    return sorted(
        {case.patient_id for case in open_cases} & {case.patient_id for case in sealed_cases}
    )


def identical_pixels(
    open_cases: Sequence[Case], sealed_cases: Sequence[Case]
) -> list[tuple[Path, Path]]:
    """Pairs (open file, sealed file) whose pixel data are the same bytes."""
    sealed: dict[str, list[Path]] = {}
    for path in _files(sealed_cases):
        sealed.setdefault(pixel_digest(path), []).append(path)
    return [
        (path, twin) for path in _files(open_cases) for twin in sealed.get(pixel_digest(path), [])
    ]


def same_pictures(open_cases: Sequence[Case], sealed_cases: Sequence[Case]) -> list[NearDuplicate]:
    """Pairs of images that look the same though their bytes differ: resized, recompressed ..."""
    return near_duplicates(_files(open_cases), _files(sealed_cases))


def check(open_cases: Sequence[Case], sealed_cases: Sequence[Case], *, look: bool = False) -> None:
    """Raise LeakError where a patient or an image stands on both sides.

    ``look`` decodes every image and compares pictures too, which takes about 0.1 s an image.
    """
    both = patients_on_both_sides(open_cases, sealed_cases)
    if both:
        raise LeakError(
            f"{len(both)} patients are in the open part and in the cohort; "
            "split by patient with sequestra sequester, and match from the sequestered part only"
        )
    twins = identical_pixels(open_cases, sealed_cases)
    if twins:
        opened, sealed = twins[0]
        raise LeakError(
            f"{len(twins)} images of the cohort stand in the open part too, under other patients "
            f"({opened.name} has the pixels of {sealed.name}); give both patients one id, or leave "
            "one of the two images out"
        )
    alike = same_pictures(open_cases, sealed_cases) if look else []
    if alike:
        raise LeakError(
            f"{len(alike)} images of the cohort look like one in the open part "
            f"({alike[0].open_file.name} and {alike[0].sealed_file.name} differ in "
            f"{alike[0].bits} of 256 bits of their hashes); look at them, and leave one side out"
        )


def _files(cases: Iterable[Case]) -> list[Path]:
    return [path for case in cases for path in case.files]
