"""Small CT series whose every voxel a test knows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from cohort_selection.commons.ct.tomogram import Tomogram, write_tomogram
from cohort_selection.commons.radiograph import uid
from cohort_selection.pixels.series import Series
from cohort_selection.pixels.volume import Grid, Volume, read_on_grid

RAMP_MM = (0.7, -1.3, 2.1)
"""Hounsfield units that a ramp rises a mm towards left, back and head."""


def ramp(shape: tuple[int, int, int], **known: object) -> Tomogram:
    """A series whose value is linear in the patient's place, whatever its geometry is.

    ``known`` are fields of a ``Tomogram``, but the values.
    """
    empty = Tomogram(
        values=np.zeros(shape, dtype=np.int16),
        study_uid=uid("study"),
        patient_id="P1",
        **{  # type: ignore[arg-type]
            "series_uid": uid("series"),
            "spacing_mm": (4.0, 2.0, 2.0),
            "corner_mm": (-20.0, -30.0, 100.0),
            **known,
        },
    )
    lean = np.radians(empty.tilt_degrees)
    between, rows, columns = empty.spacing_mm
    level, row, column = np.indices(shape)
    place = (
        empty.corner_mm[0] + columns * column,
        empty.corner_mm[1] + rows * row * np.cos(lean),
        empty.corner_mm[2] + between * level + rows * row * np.sin(lean),
    )
    values = sum(per_mm * axis for per_mm, axis in zip(RAMP_MM, place, strict=True))
    return replace(empty, values=np.rint(values).astype(np.int16))


def expected(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the ramp has at places (..., 3) in mm."""
    return places @ np.array(RAMP_MM)


def places_of(affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Where the voxels of a volume lie, (z, y, x, 3) in mm."""
    indices = np.moveaxis(np.indices(shape), 0, -1)
    return indices @ affine[:3, :3].T + affine[:3, 3]


def at_own_distances(series: Series) -> Volume:
    """All voxels of a series on a grid with its own distances, wide enough for a tilted one."""
    first = series.slices[0]
    ways = [np.cross(first.across, first.down), first.down, first.across]
    low, high = (
        end(series.slices, key=lambda each: float(each.position @ ways[0])).position
        for end in (min, max)
    )
    heights = np.unique(np.round([each.position @ ways[0] for each in series.slices], 2))
    extent = float((high - low) @ ways[0])
    depth = round(extent / float(np.median(np.diff(heights)))) + 1
    rows, columns = (
        count + math.ceil(abs(float((high - low) @ way)) / spacing - 1e-3)
        for count, way, spacing in zip(first.shape, ways[1:], first.spacing, strict=True)
    )
    return read_on_grid(
        series, Grid((depth, rows, columns), (extent / (depth - 1), *first.spacing))
    )


def changed(path: Path, **elements: object) -> None:
    """Write other elements into a file; None takes an element out."""
    with pydicom.config.disable_value_validation():
        data = pydicom.dcmread(path)
        for keyword, value in elements.items():
            if value is None:
                del data[keyword]
            else:
                setattr(data, keyword, value)
        data.save_as(path)


__all__ = ["at_own_distances", "changed", "expected", "places_of", "ramp", "write_tomogram"]
