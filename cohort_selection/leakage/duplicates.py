"""Finds patients and pictures that are in the open part and in the cohort too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cohort_selection.leakage.fingerprints import Fingerprints, fingerprints
from cohort_selection.leakage.kept_fingerprints import kept_fingerprints
from cohort_selection.leakage.perceptual_hash import ALIKE, likeness, near_duplicates
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
    """An open and a sealed file that show one picture.

    Their hashes differ in ``bits`` of 256, their fine structure correlates by ``likeness``.
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


def identical_pixels(opened: Fingerprints, sealed: Fingerprints) -> list[tuple[int, int]]:
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
    recompressed, windowed, inverted, turned, mirrored or cropped by up to 5 % are found. Different
    pictures can look alike, blank ones do; ``accept_look_alikes`` goes on and reports them.
    ``kept`` is a folder that keeps what was read of a file for the next time. ``progress`` is
    called with the files read and all files.
    """
    both = patients_on_both_sides(open_cases, sealed_cases)
    if both:
        raise LeakError(
            f"{len(both)} patients are in the open part and in the cohort; "
            "split by patient with sequestra sequester, and match from the sequestered part only"
        )
    files = [*_files(open_cases), *_files(sealed_cases)]
    n_open = sum(len(case.files) for case in open_cases)
    read = read_once(files, kept, look=look, progress=progress)
    opened = Fingerprints(read.digests[:n_open], read.hashes[:n_open])
    sealed = Fingerprints(read.digests[n_open:], read.hashes[n_open:])
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


def read_once(
    files: Sequence[Path],
    kept: Path | None,
    *,
    look: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Fingerprints:
    """Fingerprint files, those that the folder ``kept`` knows without reading them."""

    def tick(done: int) -> None:
        if progress is not None:
            progress(done, len(files))

    if kept is None:
        return fingerprints(files, look=look, progress=tick)
    return kept_fingerprints(files, kept, look=look, progress=tick)


def _look_alikes(
    open_files: Sequence[Path],
    sealed_files: Sequence[Path],
    opened: Fingerprints,
    sealed: Fingerprints,
) -> list[LookAlike]:
    """Pairs whose hashes are close, and whose pictures then turn out to be one; likest first."""
    found = []
    for pair in near_duplicates(opened.hashes, sealed.hashes):
        one, other = open_files[pair.opened], sealed_files[pair.sealed]
        first = read_picture(one)[1].copy()  # the next one is read into the same memory
        alike = likeness(first, read_picture(other)[1])
        if alike >= ALIKE:
            found.append(LookAlike(one, other, pair.bits, alike))
    return sorted(found, key=lambda pair: (-pair.likeness, pair.open_file, pair.sealed_file))


def _files(cases: Iterable[Imaged]) -> list[Path]:
    return [path for case in cases for path in case.files]
