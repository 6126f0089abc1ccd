"""Labelled images in memory, and the patient-level split between training and validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from baselines.container.images import model_input
from cohort_selection.cases import Case
from cohort_selection.pixels.intensities import UnreadableImage

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""


class TrainingDataError(ValueError):
    """The open part cannot be learnt from; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Images of cases with their labels.

    ``images`` (n_images, size, size) float32 in [0, 1], ``case_of_image`` (n_images,) index of the
    case, ``labels`` (n_cases,) bool, ``patients`` (n_cases,), ``unreadable`` the files left out.
    """

    images: NDArray[np.float32]
    case_of_image: NDArray[np.int64]
    labels: NDArray[np.bool_]
    patients: NDArray[np.str_]
    unreadable: tuple[Path, ...] = ()

    @property
    def image_labels(self) -> NDArray[np.bool_]:
        """Return the label of each image's case, shape (n_images,)."""
        return self.labels[self.case_of_image]

    def case_means(self, per_image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average one value an image to one value a case, as the container does."""
        totals = np.bincount(self.case_of_image, per_image, len(self.labels))
        return totals / np.bincount(self.case_of_image, minlength=len(self.labels))


def generator(seed: int, *key: str) -> np.random.Generator:
    """Give the random stream of one purpose: another purpose never shifts it."""
    return np.random.default_rng([seed, *(crc32(part.encode()) for part in key)])


def read_examples(cases: Sequence[Case], size: int, progress: Progress | None = None) -> Examples:
    """Read every image of ``cases`` at ``size`` pixels; memory is 4 x size x size bytes an image.

    A file that cannot be decoded is left out and listed, and so is a case without any image.
    Raises TrainingDataError when nothing can be read.
    """
    images: list[NDArray[np.float32]] = []
    owner: list[int] = []
    kept: list[Case] = []
    unreadable: list[Path] = []
    for done, case in enumerate(cases, start=1):
        before = len(images)
        for file in case.files:
            try:
                images.append(model_input(file, size))
            except UnreadableImage:
                unreadable.append(file)
        owner += [len(kept)] * (len(images) - before)
        if len(images) > before:
            kept.append(case)
        if progress is not None:
            progress("reading images", done, len(cases))
    if not images:
        raise TrainingDataError(
            f"none of the {len(unreadable)} files of {len(cases)} cases could be decoded; "
            "check the paths in the open list and the files' transfer syntax"
        )
    return Examples(
        images=np.stack(images),
        case_of_image=np.array(owner, dtype=np.int64),
        labels=np.array([bool(case.label) for case in kept]),
        patients=np.array([case.patient_id for case in kept], dtype=np.str_),
        unreadable=tuple(unreadable),
    )


def split_patients(
    labels: NDArray[np.bool_], patients: NDArray[np.str_], share: float, seed: int
) -> NDArray[np.bool_]:
    """Draw about ``share`` of the patients for validation, as a mask of cases, shape (n_cases,).

    All cases of a patient go to one side; patients with and without a positive case are drawn
    apart, so that both sides have both. Raises TrainingDataError where that cannot be.
    """
    unique, patient_of_case = np.unique(patients, return_inverse=True)
    positive = np.bincount(patient_of_case, labels, len(unique)) > 0
    chosen = np.zeros(len(unique), dtype=np.bool_)
    for stratum, name in ((positive, "with"), (~positive, "without")):
        members = np.flatnonzero(stratum)
        if len(members) < 2:
            raise TrainingDataError(
                f"the open part has {len(members)} patients {name} a positive case; at least 2 are "
                "needed, one to train on and one to validate on"
            )
        n_drawn = min(max(1, round(share * len(members))), len(members) - 1)
        drawn = generator(seed, "validation", name).permutation(members)[:n_drawn]
        chosen[drawn] = True
    return chosen[patient_of_case]


def subset(examples: Examples, of_cases: NDArray[np.bool_]) -> Examples:
    """Keep the cases of a mask, shape (n_cases,), and their images."""
    of_images = of_cases[examples.case_of_image]
    renumbered = np.cumsum(of_cases) - 1
    return Examples(
        images=examples.images[of_images],
        case_of_image=renumbered[examples.case_of_image[of_images]],
        labels=examples.labels[of_cases],
        patients=examples.patients[of_cases],
    )
