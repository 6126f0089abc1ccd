"""Reads what is compared of the files of cases: stored pixels, pictures, volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.leakage import volume_look
from cohort_selection.leakage.fingerprints import Fingerprints, fingerprints
from cohort_selection.leakage.kept_fingerprints import kept_fingerprints, kept_volumes
from cohort_selection.leakage.perceptual_hash import VIEWS, WORDS
from cohort_selection.leakage.volume_look import Stack, stacks_of
from cohort_selection.pixels.picture import PictureError


@dataclass(frozen=True, slots=True)
class Looked:
    """Of files in their order: ``digests`` of all, and what they show.

    ``pictures`` are numbers of files with ``hashes`` (pictures, views, words), ``volumes`` those of
    the slices of each volume with ``bits`` (volumes, words). Both are empty where pictures were not
    looked at.
    """

    digests: tuple[str, ...]
    pictures: tuple[int, ...]
    hashes: NDArray[np.uint64]
    volumes: tuple[tuple[int, ...], ...]
    bits: NDArray[np.uint64]

    def part(self, start: int, stop: int) -> Looked:
        """The files from ``start`` to before ``stop``, numbered from 0; no volume lies across."""
        shown = [k for k, number in enumerate(self.pictures) if start <= number < stop]
        stacks = [k for k, numbers in enumerate(self.volumes) if start <= numbers[0] < stop]
        return Looked(
            self.digests[start:stop],
            tuple(self.pictures[k] - start for k in shown),
            self.hashes[shown],
            tuple(tuple(number - start for number in self.volumes[k]) for k in stacks),
            self.bits[stacks],
        )


def look(
    cases: Sequence[Sequence[Path]],
    kept: Path | None,
    *,
    pictures: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Looked:
    """Read the files of each case once, those that the folder ``kept`` knows not at all.

    ``pictures``: what the files show is looked at too. A CT series of a case is one volume; of the
    case's other CT images the stored pixels alone are read. All else are pictures. ``progress`` is
    called with the files that are done and all files. Raises one PictureError that names every file
    without pixels that can be read.
    """
    files = [file for case in cases for file in case]
    stacks, volumes, beside = _volumes(cases) if pictures else ([], [], list(range(len(files))))
    others = {number for numbers in (*volumes, beside) for number in numbers}
    shown = [number for number in range(len(files)) if number not in others]

    def tick(before: int) -> Callable[[int], None] | None:
        return None if progress is None else lambda done: progress(before + done, len(files))

    unreadable: dict[Path, str] = {}
    prints, found = [Fingerprints((), np.zeros((0, VIEWS, WORDS), np.uint64))] * 2, []
    done = 0
    for k, alone in enumerate((shown, beside)):
        try:
            some = [files[number] for number in alone]
            prints[k] = _read(some, kept, alone is shown, tick(done)) if some else prints[k]
        except PictureError as error:
            unreadable |= error.reasons
        done += len(alone)
    try:
        found = kept_volumes(stacks, kept, progress=tick(done)) if stacks else []
    except PictureError as error:
        unreadable |= error.reasons
    if unreadable:
        raise PictureError(unreadable, len(files))
    digests: dict[int, str] = {}
    for alone, read in zip((shown, beside), prints, strict=True):
        digests |= zip(alone, read.digests, strict=True)
    for numbers, (of_slices, _) in zip(volumes, found, strict=True):
        digests |= zip(numbers, of_slices, strict=True)
    bits = np.frombuffer(b"".join(words for _, words in found), np.uint64)
    return Looked(
        tuple(digests[number] for number in range(len(files))),
        tuple(shown),
        prints[0].hashes,
        tuple(volumes),
        bits.reshape(len(volumes), volume_look.WORDS),
    )


def _volumes(
    cases: Sequence[Sequence[Path]],
) -> tuple[list[Stack], list[tuple[int, ...]], list[int]]:
    """The volumes of the cases, the numbers of their files, and those of CT images beside them."""
    stacks: list[Stack] = []
    volumes: list[tuple[int, ...]] = []
    beside: list[int] = []
    start = 0
    for case in cases:
        number = {file: start + k for k, file in enumerate(case)}
        found, others = stacks_of(case)
        stacks += found
        volumes += [tuple(number[file] for file in stack.files) for stack in found]
        beside += [number[file] for file in others]
        start += len(case)
    return stacks, volumes, beside


def _read(
    files: Sequence[Path],
    kept: Path | None,
    pictures: bool,
    tick: Callable[[int], None] | None,
) -> Fingerprints:
    if kept is None:
        return fingerprints(files, look=pictures, progress=tick)
    return kept_fingerprints(files, kept, look=pictures, progress=tick)
