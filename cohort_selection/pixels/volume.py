"""Makes of a CT series a volume in Hounsfield units, by geometry alone.

InstanceNumber orders nothing here: slices stand where ImagePositionPatient, projected on the normal
of ImageOrientationPatient, puts them. Memory is that of the result and of one slice. A model's
image holds a copy of this file; it needs numpy and pydicom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.pixels.intensities import UnreadableImage, read_levels
from cohort_selection.pixels.series import LEAST_SLICES, Series, Slice, Vector

AIR = -1024.0
"""Hounsfield units of what lies outside a slice, and outside its field of view."""

DOUBLE_MM = 0.01
"""Slices nearer to each other than this are the same slice."""

GAP = 1.5
"""A step that is so many medians long is a gap."""

MOST_TILT = 30.0
"""Degrees between the way from slice to slice and their normal: more is refused."""

MOST_VOXELS = 1 << 28
"""A volume of more is refused: 1 GiB in float32."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Voxels (slices, rows, columns) and their distances in mm, about the middle of a volume."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Volume:
    """``values`` (z, y, x) float32 in Hounsfield units, towards head, back and left.

    ``affine`` (4, 4) takes an index (z, y, x, 1) to mm in the patient's system (left, back, head).
    """

    values: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    affine: NDArray[np.float64]
    series_uid: str


@dataclass(frozen=True, slots=True)
class _Stack:
    """Slices from foot to head: ``heights`` (n,) along ``normal``, ``bounds`` (n + 1,) between."""

    slices: tuple[Slice, ...]
    heights: Vector
    bounds: Vector
    normal: Vector

    def centre(self) -> Vector:
        """The middle of the slices' own middles, (3,)."""
        ends = [_middle(self.slices[0]), _middle(self.slices[-1])]
        return np.asarray((ends[0] + ends[1]) / 2)


def read_on_grid(series: Series, grid: Grid) -> Volume:
    """A series on a declared grid: each voxel is the mean over the space that it covers.

    What lies outside the series counts as air. Finer than the series, a voxel takes the value of
    the one that it lies in. A tilted gantry's slices are shifted upright, unevenly spaced ones each
    count for the space that is nearest to it. Raises UnreadableImage on gaps, tilts above
    ``MOST_TILT`` and grids of more than ``MOST_VOXELS``.
    """
    _refuse_too_many(series, grid)
    return _on_grid(series, _stacked(series), grid)


def _refuse_too_many(series: Series, grid: Grid) -> None:
    n_voxels = math.prod(grid.shape)
    if n_voxels > MOST_VOXELS:
        raise _unfit(
            series,
            f"its volume has {n_voxels:,} voxels; {MOST_VOXELS:,} are read at most: give thicker "
            "slices or a coarser grid",
        )


# Geometry


def _stacked(series: Series) -> _Stack:
    """Order the slices, drop doubles, and judge what is left."""
    across, down = series.slices[0].across, series.slices[0].down
    normal = np.cross(across, down)
    ordered = sorted(
        series.slices,
        key=lambda each: (
            round(float(each.position @ normal) / DOUBLE_MM),
            each.acquisition,
            each.instance_uid,
            each.frame,
        ),
    )
    kept: list[Slice] = []
    for each in ordered:
        if not kept or (each.position - kept[-1].position) @ normal > DOUBLE_MM:
            kept.append(each)
    if len(kept) < LEAST_SLICES:
        raise _unfit(series, f"it has {len(kept)} slices; a volume takes {LEAST_SLICES} or more")
    heights = np.array([each.position @ normal for each in kept])
    _refuse_gaps(series, heights)
    _refuse_tilt(series, kept, normal)
    between = (heights[1:] + heights[:-1]) / 2
    ends = heights[0] - np.diff(heights)[0] / 2, heights[-1] + np.diff(heights)[-1] / 2
    bounds = np.array([ends[0], *between, ends[1]])
    return _Stack(tuple(kept), heights, bounds, normal)


def _refuse_gaps(series: Series, heights: Vector) -> None:
    steps = np.diff(heights)
    median = float(np.median(steps))
    widest = int(np.argmax(steps))
    if steps[widest] >= GAP * median:
        raise _unfit(
            series,
            f"its slices lie {median:.2f} mm apart, and {steps[widest]:.2f} mm between "
            f"{heights[widest]:.1f} and {heights[widest + 1]:.1f} mm: slices are missing; give "
            "the whole series",
        )


def _refuse_tilt(series: Series, slices: list[Slice], normal: Vector) -> None:
    way = _middle(slices[-1]) - _middle(slices[0])
    along = float(way @ normal)
    degrees = math.degrees(math.atan2(float(np.linalg.norm(way - along * normal)), along))
    if degrees > MOST_TILT:
        raise _unfit(
            series,
            f"its slices lean by {degrees:.1f} degrees from their normal; {MOST_TILT:.0f} are set "
            "upright at most: give a series without a tilted gantry",
        )


def _middle(each: Slice) -> Vector:
    down = (each.shape[0] - 1) / 2 * each.spacing[0] * each.down
    return np.asarray(
        each.position + down + (each.shape[1] - 1) / 2 * each.spacing[1] * each.across
    )


def _unfit(series: Series, reason: str) -> UnreadableImage:
    return UnreadableImage(series.slices[0].path.parent.name, f"series {series.uid}: {reason}")


# Values


def _on_grid(series: Series, stack: _Stack, grid: Grid) -> Volume:
    """Fill a grid about the stack's middle, slice by slice."""
    centre = stack.centre()
    edges = [
        (np.arange(count + 1) - count / 2) * step
        for count, step in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    levels = edges[0] + centre @ stack.normal
    found = np.full(grid.shape, AIR, dtype=np.float32)
    for number, each in enumerate(stack.slices):
        lower, upper = stack.bounds[number], stack.bounds[number + 1]
        shares = np.minimum(levels[1:], upper) - np.maximum(levels[:-1], lower)
        shares = np.round(np.clip(shares, 0, None) / grid.spacing_mm[0], 9)
        if not shares.any():
            continue
        above_air = _hounsfield(each) - AIR
        way = centre - each.position
        on_rows = (edges[1] + way @ each.down) / each.spacing[0] + 0.5
        on_columns = (edges[2] + way @ each.across) / each.spacing[1] + 0.5
        small = _mean_between(_mean_between(above_air, on_rows).T, on_columns).T
        for level in np.flatnonzero(shares):
            found[level] += (shares[level] * small).astype(np.float32)
    return _upright(found, grid, stack, centre, series)


def _hounsfield(each: Slice) -> NDArray[np.float64]:
    """One slice, (rows, columns), with air where it shows nothing."""
    levels = read_levels(each.path, each.frame)
    if levels.stored.shape != each.shape:
        raise UnreadableImage(
            each.path.name,
            f"its pixels have the shape {levels.stored.shape}, its header says {each.shape}",
        )
    values = np.maximum(levels.in_unit(), AIR)
    if levels.outside is not None:
        values = np.where(levels.outside, AIR, values)
    return values.astype(np.float64)


def _mean_between(values: NDArray[np.float64], edges: Vector) -> NDArray[np.float64]:
    """Means of rows between edges (n + 1,), counted in rows from the upper edge; 0 outside.

    The integral is read linearly; sums run in one order, so that the bits are the same everywhere.
    """
    height = len(values)
    integral = np.zeros((height + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=integral[1:])
    places = np.clip(np.round(edges, 9), 0, height)
    below = np.minimum(places.astype(np.int64), height - 1)
    part = (places - below)[:, np.newaxis]
    at_edges = integral[below] * (1 - part) + integral[below + 1] * part
    return np.diff(at_edges, axis=0) / (edges[1] - edges[0])


def _upright(
    found: NDArray[np.float32], grid: Grid, stack: _Stack, centre: Vector, series: Series
) -> Volume:
    """Turn axes that point to foot, front or right; give the affine of the rest."""
    first = stack.slices[0]
    ways = [stack.normal, first.down, first.across]
    for axis, (way, patient) in enumerate(zip(ways, (2, 1, 0), strict=True)):
        if way[patient] < 0:
            found, ways[axis] = np.flip(found, axis), -way
    affine = np.eye(4)
    for axis, way in enumerate(ways):
        affine[:3, axis] = way * grid.spacing_mm[axis]
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2)
    values = np.ascontiguousarray(found)
    return Volume(values, grid.spacing_mm, affine, series.uid)
