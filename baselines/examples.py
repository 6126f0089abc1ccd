"""Labelled examples of cases, and the patient-level split between training and validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.data.cache import PixelCache
from baselines.data.draws import generator
from baselines.data.readers import IMAGES, Files, Reader
from baselines.data.sources import InMemory, Pixels, on_disk
from baselines.targets import ONE_PROBABILITY, Task, targets_of
from cohort_selection.cases import Case
from cohort_selection.pixels.intensities import UnreadableImage

__all__ = [
    "Examples",
    "Progress",
    "TrainingDataError",
    "cached_examples",
    "generator",
    "read_examples",
    "split_patients",
    "subset",
]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

_TOLD = 1000
"""The files of so many examples are kept, to name those that could not be read."""

_BLOCK = 1024


class TrainingDataError(ValueError):
    """The open part cannot be learnt from; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples of cases with what is to be learnt.

    ``pixels`` gives n_images examples by number, ``case_of_image`` (n_images,) the index of each
    one's case. Of cases (n_cases,): ``targets`` (n_cases, n_outputs) with NaN for unknown,
    ``labels`` whether they are positive, ``patients`` a number a patient, ``numbers`` the place in
    the list that was read. ``unreadable`` are files left out, ``n_unreadable`` their number;
    ``digest`` changes with any pixel, and is empty where they were not cached.
    """

    pixels: Pixels
    case_of_image: NDArray[np.int64]
    targets: NDArray[np.float64]
    labels: NDArray[np.bool_]
    patients: NDArray[np.int64]
    numbers: NDArray[np.int64]
    unreadable: tuple[Path, ...] = ()
    n_unreadable: int = 0
    digest: str = ""

    @property
    def images(self) -> NDArray[np.float32]:
        """Read all examples, (n_images, *shape) in [0, 1]; for few."""
        return self.pixels[np.arange(len(self.pixels))]

    @property
    def image_labels(self) -> NDArray[np.bool_]:
        """Return the label of each image's case, shape (n_images,)."""
        return self.labels[self.case_of_image]

    @property
    def image_targets(self) -> NDArray[np.float64]:
        """Return the targets of each image's case, shape (n_images, n_outputs)."""
        return self.targets[self.case_of_image]

    def case_means(self, per_image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average values (n_images,) or (n_images, k) to one a case, as the container does."""
        counts = np.bincount(self.case_of_image, minlength=len(self.labels))
        columns = per_image.reshape(len(per_image), -1).T
        means = [np.bincount(self.case_of_image, one, len(self.labels)) / counts for one in columns]
        return np.stack(means, axis=1).reshape(len(self.labels), *per_image.shape[1:])


def read_examples(
    cases: Sequence[Case],
    size: int,
    progress: Progress | None = None,
    *,
    task: Task = ONE_PROBABILITY,
    reader: Reader = IMAGES,
) -> Examples:
    """Read every example of ``cases`` into memory, 4 bytes a pixel, as the container sees it.

    A file that cannot be decoded is left out and listed, and so is a case without any image.
    Raises TrainingDataError when nothing can be read.
    """
    pixels: list[NDArray[np.float32]] = []
    usable: list[bool] = []
    listed = _Listed(task)
    for number, case in enumerate(cases, start=1):
        for files in listed.of((case,), reader):
            try:
                pixels.append(reader.read(files, size))
                usable.append(True)
            except UnreadableImage:
                usable.append(False)
        if progress is not None:
            progress("reading images", number, len(cases))
    shown = np.array(usable, dtype=np.bool_)
    listed.refuse_none(shown)
    return listed.examples(InMemory(np.stack(pixels)), shown, "")


def cached_examples(
    cases: Iterable[Case],
    cache: PixelCache,
    progress: Progress | None = None,
    *,
    task: Task = ONE_PROBABILITY,
    total: int = 0,
    workers: int = 0,
) -> Examples:
    """Find or make the pixels of ``cases`` in a cache; memory is some 50 bytes an example.

    ``total`` is the number of examples for ``progress``. What cannot be decoded is left out, as by
    ``read_examples``. Raises TrainingDataError when nothing can be read, and CacheError.
    """
    listed = _Listed(task)
    stored = cache.store(listed.of(cases, cache.reader), total, progress, workers)
    shown = stored.row >= 0
    listed.refuse_none(shown)
    return listed.examples(on_disk(stored, shown), shown, stored.digest)


@dataclass(slots=True)
class _Listed:
    """What a list of cases says, gathered while their files are gone through."""

    task: Task
    owners: list[NDArray[np.int64]] = field(default_factory=list)
    targets: list[NDArray[np.float32]] = field(default_factory=list)
    labels: bytearray = field(default_factory=bytearray)
    patients: dict[str, int] = field(default_factory=dict)
    patient_of_case: list[NDArray[np.int64]] = field(default_factory=list)
    files: list[tuple[int, Files]] = field(default_factory=list)
    n_cases: int = 0
    n_groups: int = 0

    def of(self, cases: Iterable[Case], reader: Reader) -> Iterator[Files]:
        """Give the files of each example of ``cases``, and note whose they are."""
        source = iter(cases)
        while block := list(islice(source, _BLOCK)):
            self.targets.append(targets_of(block, self.task))
            self.labels.extend(bool(case.label) for case in block)
            self.patient_of_case.append(
                np.array(
                    [self.patients.setdefault(c.patient_id, len(self.patients)) for c in block]
                )
            )
            groups = [reader.groups(case.files) for case in block]
            counts = [len(each) for each in groups]
            self.owners.append(
                np.repeat(np.arange(self.n_cases, self.n_cases + len(block)), counts)
            )
            self.n_cases += len(block)
            for files in (files for each in groups for files in each):
                if len(self.files) < _TOLD:
                    self.files.append((self.n_groups, files))
                self.n_groups += 1
                yield files

    def refuse_none(self, shown: NDArray[np.bool_]) -> None:
        """Raise TrainingDataError where no example could be read."""
        if not shown.any():
            raise TrainingDataError(
                f"none of the {self.n_groups} files of {self.n_cases} cases could be decoded; "
                "check the paths in the open list and the files' transfer syntax"
            )

    def examples(self, pixels: Pixels, shown: NDArray[np.bool_], digest: str) -> Examples:
        """Keep the examples in ``shown`` (n,), and the cases that have one."""
        owner = np.concatenate(self.owners)[shown]
        cases = np.unique(owner)
        place = np.zeros(self.n_cases, dtype=np.int64)
        place[cases] = np.arange(len(cases))
        # Patients are numbered in the order of their names: the split asks for no other order.
        rank = np.empty(len(self.patients), dtype=np.int64)
        names = np.array(list(self.patients), dtype=np.str_)
        rank[np.argsort(names, kind="stable")] = np.arange(len(names))
        targets = np.concatenate(self.targets)[cases].astype(np.float64)
        return Examples(
            pixels=pixels,
            case_of_image=place[owner],
            targets=targets,
            labels=np.frombuffer(bytes(self.labels), np.bool_)[cases],
            patients=rank[np.concatenate(self.patient_of_case)[cases]],
            numbers=cases,
            unreadable=tuple(file for n, files in self.files if not shown[n] for file in files),
            n_unreadable=int((~shown).sum()),
            digest=digest,
        )


def split_patients(
    labels: NDArray[np.bool_],
    patients: NDArray[np.str_] | NDArray[np.int64],
    share: float,
    seed: int,
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
        pixels=examples.pixels.take(np.flatnonzero(of_images)),
        case_of_image=renumbered[examples.case_of_image[of_images]],
        targets=examples.targets[of_cases],
        labels=examples.labels[of_cases],
        patients=examples.patients[of_cases],
        numbers=examples.numbers[of_cases],
        digest=examples.digest,
    )
