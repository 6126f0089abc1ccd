"""What must not stand on both sides of the wall: a patient, or the very same picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cohort_selection.cohort import Case
from cohort_selection.deidentification import pixel_digest


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


def check(open_cases: Sequence[Case], sealed_cases: Sequence[Case]) -> None:
    """Raise LeakError where a patient or an image stands on both sides."""
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


def _files(cases: Iterable[Case]) -> list[Path]:
    return [path for case in cases for path in case.files]
