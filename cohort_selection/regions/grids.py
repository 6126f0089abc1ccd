"""Reads how the pixels of a DICOM picture lie, without its pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

Numbers = tuple[float, ...]

_MOST_FRAMES = 100_000
_ASKED = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


class GridError(ValueError):
    """A file is no picture whose pixels have a known place; the message says why."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One frame: distances of its rows and of its columns in mm, and its place in the patient.

    ``position`` (3,) is the middle of the first pixel, ``orientation`` (6,) the directions of a row
    and of a column. Each is None where the file does not say it.
    """

    spacing_mm: tuple[float, float] | None = None
    position: Numbers | None = None
    orientation: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixels of one picture: its SOPInstanceUID, rows, columns, and each frame's plane.

    ``series`` is the series that it belongs to.
    """

    source: str
    rows: int
    columns: int
    planes: tuple[Plane, ...]
    series: str = ""


def read_grid(path: Path) -> Grid:
    """Read the grid of a DICOM file; raise GridError where it has none."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            image = pydicom.dcmread(path, force=True, specific_tags=list(_ASKED))
            return grid_of(image)
        except GridError as error:
            raise GridError(f"{path.name} {error}") from None
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            raise GridError(f"{path.name} cannot be read ({type(error).__name__})") from error


def read_grids(files: Iterable[Path]) -> tuple[Grid, ...]:
    """The grids of files; raise GridError for the first that has none."""
    return tuple(read_grid(file) for file in files)


def grid_of(image: Dataset) -> Grid:
    """The grid that a header describes; raise GridError where it lacks a part."""
    uid = str(image.get("SOPInstanceUID") or "")
    rows, columns = int(image.get("Rows") or 0), int(image.get("Columns") or 0)
    frames = int(image.get("NumberOfFrames") or 1)
    if not uid or rows < 1 or columns < 1 or not 1 <= frames <= _MOST_FRAMES:
        raise GridError("has no SOPInstanceUID, Rows, Columns or frames")
    planes = tuple(plane_of(image, frame) for frame in range(frames))
    return Grid(uid, rows, columns, planes, str(image.get("SeriesInstanceUID") or ""))


def plane_of(image: Dataset, frame: int) -> Plane:
    """The plane of a frame, counted from 0, of functional groups or of the header itself."""
    groups = _groups(image, frame)

    def found(sequence: str, keyword: str, n: int) -> Numbers | None:
        for group in groups:
            for item in group.get(sequence) or ():
                if (numbers := _numbers(item.get(keyword), n)) is not None:
                    return numbers
        return _numbers(image.get(keyword), n)

    spacing = found("PixelMeasuresSequence", "PixelSpacing", 2)
    if spacing is None:
        # Of a projection it is the distance on the detector: all that a radiograph knows.
        spacing = _numbers(image.get("ImagerPixelSpacing"), 2)
    if spacing is not None and min(spacing) <= 0:
        spacing = None
    return Plane(
        None if spacing is None else (spacing[0], spacing[1]),
        found("PlanePositionSequence", "ImagePositionPatient", 3),
        found("PlaneOrientationSequence", "ImageOrientationPatient", 6),
    )


def _groups(image: Dataset, frame: int) -> list[Dataset]:
    own: Sequence[Dataset] = image.get("PerFrameFunctionalGroupsSequence") or ()
    shared: Sequence[Dataset] = image.get("SharedFunctionalGroupsSequence") or ()
    return [*own[frame : frame + 1], *shared[:1]]


def _numbers(value: Any, n: int) -> Numbers | None:
    try:
        numbers = tuple(float(each) for each in value)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == n and all(map(math.isfinite, numbers)) else None
