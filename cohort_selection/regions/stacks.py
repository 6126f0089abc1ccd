"""Puts the pictures of a case into one grid: a plane, or slices in the order of their places."""

from __future__ import annotations

from collections import defaultdict
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
    """The stack of a case's pictures: of the series with the most parallel slices.

    A localiser, or a view of another direction, is thereby left out. Raises GridError where
    distances are not known, where no series has more slices than the others, or where they are not
    even: the overlap of masks on unlike grids means nothing.
    """
    frames = _most_alike(grids)
    grid, _, plane = frames[0]
    if plane.spacing_mm is None:
        raise GridError("does not say how far its pixels are apart (PixelSpacing)")
    plain = (grid.rows, grid.columns)
    if len(frames) == 1:
        return Stack(plain, plane.spacing_mm, {(grid.source, 1): 0})
    if plane.orientation is None or any(each.position is None for _, _, each in frames):
        raise GridError(f"has {len(frames)} pictures that do not say where they lie; {_ONE}")
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


_ONE = "a case is one plane or one volume"
_Frame = tuple[Grid, int, Plane]


def _most_alike(grids: Sequence[Grid]) -> list[_Frame]:
    """The frames of the series, size, direction and spacing that most have."""
    alike: dict[tuple[object, ...], list[_Frame]] = defaultdict(list)
    for grid in grids:
        for number, plane in enumerate(grid.planes, start=1):
            looks = _rounded(plane.orientation), _rounded(plane.spacing_mm)
            alike[grid.series, grid.rows, grid.columns, *looks].append((grid, number, plane))
    if not alike:
        raise GridError("has no picture")
    first, *others = sorted(alike.values(), key=len, reverse=True)
    if others and len(others[0]) == len(first):
        raise GridError(
            f"has {sum(map(len, alike.values()))} pictures, and no series of parallel slices of "
            f"one size that has the most; {_ONE}"
        )
    return first


def _rounded(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(round(value / _SAME) * _SAME for value in values)


def _heights(planes: Sequence[Plane]) -> NDArray[np.float64]:
    """Places along the normal of the planes, in mm; all planes have a place."""
    across, down = np.array(planes[0].orientation, dtype=np.float64).reshape(2, 3)
    return np.array([plane.position for plane in planes], dtype=np.float64) @ np.cross(across, down)
