"""Finds patients and pictures that are in the open part and in the cohort too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cohort_selection.leakage import looked
from cohort_selection.leakage.looked import Looked
from cohort_selection.leakage.perceptual_hash import ALIKE, BITS, likeness, near_duplicates
from cohort_selection.leakage.volume_look import volumes_alike
from cohort_selection.pixels.picture import read_picture

LISTED = 20
"""As many pairs of look-alikes are named."""


class Imaged(Protocol):
    """What stands on a side of the wall: a case, or a study that is no case of any benchmark."""

    @property
    def patient_id(self) -> str:
        """Whose images they are."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """The images."""
        ...


class LeakError(ValueError):
    """The open part gives away something of the sequestered one."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """An open and a sealed file that show one picture, or lie lowest in a volume that is one.

    Their hashes differ in ``bits`` of 256, their fine structure correlates by ``likeness``. Of
    volumes it is 1 where all bits of the fingerprints agree, and 0 where half of them do.
    """

    open_file: Path
    sealed_file: Path
    bits: int
    likeness: float


@dataclass(frozen=True, slots=True)
class WallCheck:
    """What was compared across the wall, and the look-alikes that were found and accepted.

    Patients and stored pixels on both sides are refused, so there are none. ``looked`` says
    whether pictures were compared too; ``look_alikes`` counts all pairs, ``listed`` names some.
    """

    open_files: int
    sealed_files: int
    looked: bool
    look_alikes: int = 0
    listed: tuple[LookAlike, ...] = ()


def patients_on_both_sides(
    open_cases: Sequence[Imaged], sealed_cases: Sequence[Imaged]
) -> list[str]:
    """Ids of patients with an open and a sealed case, sorted."""
    return sorted(
        {case.patient_id for case in open_cases} & {case.patient_id for case in sealed_cases}
    )


def identical_pixels(opened: Looked, sealed: Looked) -> list[tuple[int, int]]:
    """Pairs of numbers (open file, sealed file) whose stored pixels are the same bytes."""
    places: dict[str, list[int]] = {}
    for j, digest in enumerate(sealed.digests):
        places.setdefault(digest, []).append(j)
    return [(i, j) for i, digest in enumerate(opened.digests) for j in places.get(digest, [])]


def check(
    open_cases: Sequence[Imaged],
    sealed_cases: Sequence[Imaged],
    *,
    look: bool = True,
    accept_look_alikes: bool = False,
    kept: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WallCheck:
    """Raise LeakError where a patient or an image stands on both sides.

    ``look`` decodes every image's middle frame and compares pictures too: those that were resized,
    recompressed, windowed, inverted, turned, mirrored or cropped by up to 5 % are found. The slices
    of a CT series are compared as one volume: its copy is found too if it was numbered again,
    windowed, or lost slices. Different pictures can look alike, blank ones do;
    ``accept_look_alikes`` goes on and reports them. ``kept`` is a folder that keeps what was read
    of a file for the next time. ``progress`` is called with the files read and all files.
    """
    both = patients_on_both_sides(open_cases, sealed_cases)
    if both:
        raise LeakError(
            f"{len(both)} patients are in the open part and in the cohort; "
            "split by patient with sequestra sequester, and match from the sequestered part only"
        )
    groups = [case.files for case in (*open_cases, *sealed_cases)]
    files = [file for group in groups for file in group]
    n_open = sum(len(case.files) for case in open_cases)
    read = looked.look(groups, kept, pictures=look, progress=progress)
    opened, sealed = read.part(0, n_open), read.part(n_open, len(files))
    twins = identical_pixels(opened, sealed)
    if twins:
        i, j = twins[0]
        raise LeakError(
            f"{len(twins)} images of the cohort stand in the open part too, under other patients "
            f"({files[i].name} has the pixels of {files[n_open + j].name}); give both patients one "
            "id, or leave one of the two images out"
        )
    alike = _look_alikes(files[:n_open], files[n_open:], opened, sealed) if look else []
    if alike and not accept_look_alikes:
        named = ", ".join(
            f"{pair.open_file.name} and {pair.sealed_file.name} (alike by {pair.likeness:.2f})"
            for pair in alike[:LISTED]
        )
        raise LeakError(
            f"{len(alike)} images of the cohort look like one in the open part: {named}"
            f"{' ...' * (len(alike) > LISTED)}; look at them, and leave one side out, or seal with "
            "--accept-look-alikes REASON if they are different pictures"
        )
    return WallCheck(n_open, len(files) - n_open, look, len(alike), tuple(alike[:LISTED]))


def _look_alikes(
    open_files: Sequence[Path],
    sealed_files: Sequence[Path],
    opened: Looked,
    sealed: Looked,
) -> list[LookAlike]:
    """Pairs that show one picture or one volume; likest first.

    Pictures whose hashes are close are compared once more. A volume is named by its lowest slice.
    """
    found = []
    for pair in near_duplicates(opened.hashes, sealed.hashes):
        one = open_files[opened.pictures[pair.opened]]
        other = sealed_files[sealed.pictures[pair.sealed]]
        first = read_picture(one)[1].copy()  # the next one is read into the same memory
        alike = likeness(first, read_picture(other)[1])
        if alike >= ALIKE:
            found.append(LookAlike(one, other, pair.bits, alike))
    for i, j, share in volumes_alike(opened.bits, sealed.bits):
        one, other = open_files[opened.volumes[i][0]], sealed_files[sealed.volumes[j][0]]
        found.append(LookAlike(one, other, round(share * BITS), 1 - 2 * share))
    return sorted(found, key=lambda pair: (-pair.likeness, pair.open_file, pair.sealed_file))
