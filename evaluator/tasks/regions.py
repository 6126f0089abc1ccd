"""Lays the regions of a case, of the reference and of a model, into the one grid of its pictures.

A region is matched to its picture by SOPInstanceUID and frame. What a container wrote was checked
when it was read (``submissions/prediction_rows/regions.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case, Region
from cohort_selection.regions.grids import read_grids
from cohort_selection.regions.stacks import Stack, stack_of
from cohort_selection.task.runs import painted, read_runs

_ANY = 1 << 40
"""Pixels of a picture whose size was checked when its runs were read."""

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: its frame, the corner (x, y) of its box in pixels, the box's size, and its score.

    A point is a box of no size.
    """

    source: str
    frame: int
    corner: tuple[float, float]
    size: tuple[float, float]
    score: float


def stack_of_case(case: Case) -> Stack:
    """The grid of a case's pictures, read from their headers; raises GridError."""
    return stack_of(read_grids(case.files))


def reference_mask(regions: Sequence[Region], stack: Stack) -> Mask:
    """The union of masks (slices, rows, columns)."""
    return _laid_out([(each.source, each.frame, each.runs) for each in regions], stack)


def drawn_mask(text: str, stack: Stack) -> Mask:
    """The mask that the rows of a case draw (slices, rows, columns).

    What is drawn in a picture outside of the stack, as in a localiser, is not measured.
    """
    rows = (row.split(",", 2) for row in text.split("\n") if row)
    named = [(uid, int(frame), runs) for uid, frame, runs in rows]
    return _laid_out([row for row in named if row[:2] in stack.places], stack)


def _laid_out(rows: Sequence[tuple[str, int, str]], stack: Stack) -> Mask:
    mask = stack.empty()
    for source, frame, runs in rows:
        shape = (stack.shape[-2], stack.shape[-1])
        mask[stack.places[source, frame]] |= painted(read_runs(runs, mask[0].size), shape)
    return mask


def overlap(regions: Sequence[Region], text: str) -> float:
    """Dice of the masks of a case and the rows that it draws, by their runs; 0 where one is empty.

    Masks of the same frame share no pixel.
    """
    drawn = {
        (uid, int(frame)): read_runs(runs, _ANY)
        for uid, frame, runs in (row.split(",", 2) for row in text.split("\n") if row)
    }
    shared, n = 0, sum(int(runs[:, 1].sum()) for runs in drawn.values())
    for each in regions:
        runs = read_runs(each.runs, _ANY)
        n += int(runs[:, 1].sum())
        other = drawn.get((each.source, each.frame))
        if other is not None and other.size and runs.size:
            ends = other.sum(axis=1)
            shared += int((_below(runs, ends) - _below(runs, other[:, 0])).sum())
    return 2.0 * shared / n if n else 0.0


def _below(runs: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many pixels of ``runs`` (runs, 2) lie before each of ``places`` (n,)."""
    ends = runs.sum(axis=1)
    whole = np.concatenate([[0], np.cumsum(runs[:, 1])])
    last = np.searchsorted(runs[:, 0], places, side="left")
    beyond = np.where(last > 0, np.maximum(0, ends[last - 1] - places), 0)
    return np.asarray(whole[last] - beyond)


def marks_of(text: str) -> tuple[Mark, ...]:
    """The marks that the rows of a case make."""
    return tuple(_mark(row.split(",")) for row in text.split("\n") if row)


def _mark(cells: Sequence[str]) -> Mark:
    uid, frame, x, y, *size, score = cells
    width, height = map(float, size or ("0", "0"))
    return Mark(uid, int(frame), (float(x), float(y)), (width, height), float(score))
