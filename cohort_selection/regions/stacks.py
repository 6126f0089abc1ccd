"""Puts the pictures of a case into one grid: a plane, or slices in the order of their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.regions.grids import Grid, GridError, Plane

_SAME = 1e-4
"""Directions that differ by less, and places by less mm, are the same."""
_UNEVEN = 0.02
"""Share by which a step between slices may differ from their median."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The one grid of a case: ``shape`` (rows, columns) or (slices, rows, columns).

    ``spacing_mm`` has the distances along each axis. ``places`` gives each frame of each picture,
    by SOPInstanceUID and number from 1, its slice.
    """

    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    places: Mapping[tuple[str, int], int]

    def empty(self) -> NDArray[np.bool_]:
        """An empty mask (slices, rows, columns); a plane is one slice."""
        return np.zeros((len(self.places), *self.shape[-2:]), dtype=np.bool_)


def stack_of(grids: Sequence[Grid]) -> Stack:
    """The stack of a case's pictures.

    Raises GridError where distances are not known, or pictures are no even stack of parallel
    slices: the overlap of masks on unlike grids means nothing.
    """
    frames = [(grid, n, plane) for grid in grids for n, plane in enumerate(grid.planes, start=1)]
    if not frames:
        raise GridError("has no picture")
    first, _, plane = frames[0]
    if plane.spacing_mm is None:
        raise GridError("does not say how far its pixels are apart (PixelSpacing)")
    plain = (first.rows, first.columns)
    if len(frames) == 1:
        return Stack(plain, plane.spacing_mm, {(first.source, 1): 0})
    for grid, _, other in frames:
        if (grid.rows, grid.columns) != plain or not _parallel(plane, other):
            raise GridError(
                f"has {len(frames)} pictures that are no parallel slices of one size; a case is "
                "one plane or one volume"
            )
    heights = _heights([each for _, _, each in frames])
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order])
    step = float(np.median(steps))
    if step <= _SAME or np.abs(steps - step).max() > _UNEVEN * step + _SAME:
        raise GridError("has slices in the same place, or unevenly spaced")
    return Stack(
        (len(frames), *plain),
        (step, *plane.spacing_mm),
        {(frames[i][0].source, frames[i][1]): place for place, i in enumerate(order.tolist())},
    )


def _parallel(one: Plane, other: Plane) -> bool:
    return all(
        a is not None and b is not None and bool(np.allclose(a, b, rtol=0.0, atol=_SAME))
        for a, b in (
            (one.orientation, other.orientation),
            (one.spacing_mm, other.spacing_mm),
            (one.position, one.position),
            (other.position, other.position),
        )
    )


def _heights(planes: Sequence[Plane]) -> NDArray[np.float64]:
    """Places along the normal of the planes, in mm; all planes have a place."""
    across, down = np.array(planes[0].orientation, dtype=np.float64).reshape(2, 3)
    return np.array([plane.position for plane in planes], dtype=np.float64) @ np.cross(across, down)
