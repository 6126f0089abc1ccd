"""Finds pictures under two patients or two labels, in the pool and in the cohort."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.leakage.duplicates import LISTED, LeakError
from cohort_selection.leakage.looked import Looked
from cohort_selection.leakage.perceptual_hash import ALIKE, coarse, likeness, near_duplicates_among
from cohort_selection.leakage.volume_look import volumes_alike
from cohort_selection.pixels.picture import PictureError, read_picture

_HELD = 2048
"""Number of small pictures held in memory, 131 kB each."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One file that shows a picture, whose case it is, and whether that case was drawn."""

    file: Path
    case: Case
    drawn: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    """Files of several patients, or of several labels, that show one picture.

    ``identical``: all have the same stored pixels; others look alike, each like one of the rest.
    """

    shown: tuple[Shown, ...]
    identical: bool

    @property
    def opposite(self) -> bool:
        """Whether one is positive and another negative."""
        return len({each.case.label for each in self.shown}) > 1

    @property
    def in_cohort(self) -> bool:
        """Whether two patients of the cohort show it, or one of them and an opposite label."""
        drawn = [each.case for each in self.shown if each.drawn]
        return len({case.patient_id for case in drawn}) > 1 or bool(drawn and self.opposite)


@dataclass(frozen=True, slots=True)
class RepeatCounts:
    """How many pictures stand under several patients or labels, and how many of opposite labels.

    Of ``files`` of the pool; ``looked`` says whether pictures were compared or stored pixels alone.
    A picture ``in_cohort`` is counted in the pool too.
    """

    files: int
    looked: bool
    in_pool: int = 0
    in_pool_opposite: int = 0
    in_cohort: int = 0
    in_cohort_opposite: int = 0


def repeats(pool: Sequence[Case], drawn: Collection[str], prints: Looked) -> tuple[Repeat, ...]:
    """The pictures that stand under several patients of the pool, or of one under both labels.

    ``drawn`` are the ids of the cohort's cases, ``prints`` of the pool's files in their order. The
    images of one case are not compared with each other, nor those of one patient and label; empty
    slices of volumes are no pictures. Volumes that are one are told by their lowest slices. Those
    of the cohort come first, then those of opposite labels.
    """
    shown = [Shown(file, case, case.case_id in drawn) for case in pool for file in case.files]
    of_digest: dict[str, list[int]] = {}
    for i, digest in enumerate(prints.digests):
        of_digest.setdefault(digest, []).append(i)
    pictures = list(of_digest.values())  # each the files of one digest
    picture_of = {i: k for k, files in enumerate(pictures) for i in files}
    above = list(range(len(pictures)))

    def root(k: int) -> int:
        while above[k] != k:
            above[k] = above[above[k]]
            k = above[k]
        return k

    @lru_cache(maxsize=_HELD)
    def small(k: int) -> NDArray[np.float64]:
        return coarse(read_picture(shown[pictures[k][0]].file)[1])

    row_of: dict[int, int] = {}
    for row, number in enumerate(prints.pictures):
        row_of.setdefault(picture_of[number], row)
    compared = sorted(row_of)
    hashes = prints.hashes[[row_of[k] for k in compared]]
    for a, b, _ in sorted(near_duplicates_among(hashes)):
        i, j = compared[a], compared[b]
        one, other = root(i), root(j)
        if one == other or not _several([shown[k] for k in pictures[i] + pictures[j]]):
            continue
        if likeness(small(i), small(j)) >= ALIKE:
            above[max(one, other)] = min(one, other)
    for a, b, _ in volumes_alike(prints.bits, prints.bits):
        first, second = prints.volumes[a][0], prints.volumes[b][0]
        if a < b and _several([shown[first], shown[second]]):
            one, other = root(picture_of[first]), root(picture_of[second])
            above[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for k in range(len(pictures)):
        groups.setdefault(root(k), []).append(k)
    found = []
    for members in groups.values():
        files = [shown[i] for k in members for i in pictures[k]]
        if _several(files) and not _empty_slices(files):
            files.sort(key=lambda each: (each.case.patient_id, each.case.case_id, each.file))
            found.append(Repeat(tuple(files), identical=len(members) == 1))
    return tuple(
        sorted(found, key=lambda r: (not r.in_cohort, not r.opposite, r.shown[0].case.case_id))
    )


def counts(found: Sequence[Repeat], files: int, *, looked: bool) -> RepeatCounts:
    """How many there are; nothing of them names a case."""
    inside = [repeat for repeat in found if repeat.in_cohort]
    return RepeatCounts(
        files,
        looked,
        len(found),
        sum(repeat.opposite for repeat in found),
        len(inside),
        sum(repeat.opposite for repeat in inside),
    )


def table(found: Sequence[Repeat]) -> bytes:
    """The list for the steward as CSV: picture, patient, case, label, drawn or not, and file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["picture", "patient_id", "case_id", "label", "drawn", "alike", "file"])
    for number, repeat in enumerate(found, start=1):
        alike = "identical" if repeat.identical else "near-identical"
        for each in repeat.shown:
            drawn = "yes" if each.drawn else "no"
            case = each.case
            writer.writerow(
                [number, case.patient_id, case.case_id, case.label, drawn, alike, each.file]
            )
    return text.getvalue().encode()


def refuse(found: Sequence[Repeat], listed_in: Path) -> None:
    """Raise LeakError where a picture stands in the cohort twice, or under either label."""
    inside = [repeat for repeat in found if repeat.in_cohort]
    if not inside:
        return
    opposite = sum(repeat.opposite for repeat in inside)
    named = "; ".join(" and ".join(_named(repeat)) for repeat in inside[:LISTED])
    raise LeakError(
        f"{len(inside)} picture{'s' * (len(inside) != 1)} of the cohort stand under several "
        f"patients or labels, {opposite} of them under opposite labels: {named}"
        f"{' ...' * (len(inside) > LISTED)}; all are listed in {listed_in}: look at them; "
        "if two ids are one patient, give them one id, else leave one image out, then index and "
        "match again, or seal with --accept-look-alikes REASON if they are different pictures"
    )


def _named(repeat: Repeat) -> Iterator[str]:
    for each in repeat.shown[:LISTED]:
        yield f"{each.file.name} (label {each.case.label})"


def _empty_slices(shown: Sequence[Shown]) -> bool:
    """Whether all are slices of volumes with nothing on them, as above and below a patient."""
    if any(len(each.case.files) == 1 for each in shown):
        return False
    try:
        picture = read_picture(shown[0].file)[1]
    except PictureError:
        return False
    return float(np.ptp(picture)) == 0.0


def _several(shown: Sequence[Shown]) -> bool:
    """Whether files are of several cases that should not share a picture."""
    return len({(each.case.patient_id, each.case.label) for each in shown}) > 1
