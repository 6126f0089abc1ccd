"""Reads the boxes of lesions from structured reports by TID 1500 (PS3.16).

A measurement group is one lesion; outside of a group, each graphic is. A graphic counts by the box
around it: of a point, a polyline, a circle or an ellipse. The tree is walked by the value types of
its items, so that a report without a template's id is read too. A graphic of the patient's space
(SCOORD3D) is refused, since it names no picture.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from cohort_selection.regions.grids import Grid
from cohort_selection.regions.segmentation_objects import AnnotationError

_GROUP = "125007"  # DCM: measurement group
_FINDING = "121071"  # DCM: finding
_MOST_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Boxed:
    """A graphic: the picture, its frame from 1, which lesion of the report, and its box.

    ``box`` is x, y, width and height in pixels from the corner of the first pixel, as DICOM counts.
    """

    source: str
    frame: int
    lesion: int
    box: tuple[float, float, float, float]


def read_report(path: Path, grids: Mapping[str, Grid], structure: str) -> tuple[Boxed, ...]:
    """The boxes of a report in the pictures of ``grids``; of the finding ``structure`` alone.

    Raises AnnotationError.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            return tuple(_boxes(pydicom.dcmread(path), grids, structure.casefold()))
        except AnnotationError as error:
            raise AnnotationError(f"{path.name} {error}") from None
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            raise AnnotationError(
                f"{path.name} cannot be read as a report ({type(error).__name__}: {error}); "
                "correct the file, or take it out of the commons"
            ) from error


def _boxes(report: Dataset, grids: Mapping[str, Grid], structure: str) -> Iterator[Boxed]:
    for lesion, (finding, graphics) in enumerate(_lesions(report, 0), start=1):
        if structure and structure not in finding:
            continue
        for graphic in graphics:
            for uid, frame in _pictures(graphic):
                grid = grids.get(uid)
                if grid is not None and frame <= len(grid.planes):
                    yield Boxed(uid, frame, lesion, _box(graphic, grid))


def _lesions(item: Dataset, depth: int) -> Iterator[tuple[set[str], list[Dataset]]]:
    """Each lesion: the names of its finding, and its graphics."""
    if depth > _MOST_DEPTH:
        raise AnnotationError(f"has more than {_MOST_DEPTH} levels; correct the file")
    for child in item.get("ContentSequence") or ():
        if child.get("ValueType") == "CONTAINER" and _code(child) == _GROUP:
            graphics = list(_graphics(child, depth))
            if graphics:
                yield _findings(child), graphics
        elif child.get("ValueType") in ("SCOORD", "SCOORD3D"):
            yield set(), list(_graphics_of(child))
        else:
            yield from _lesions(child, depth + 1)


def _graphics(item: Dataset, depth: int) -> Iterator[Dataset]:
    if depth > _MOST_DEPTH:
        raise AnnotationError(f"has more than {_MOST_DEPTH} levels; correct the file")
    for child in item.get("ContentSequence") or ():
        if child.get("ValueType") in ("SCOORD", "SCOORD3D"):
            yield from _graphics_of(child)
        else:
            yield from _graphics(child, depth + 1)


def _graphics_of(item: Dataset) -> Iterator[Dataset]:
    if item.ValueType == "SCOORD3D":
        raise AnnotationError(
            "has a graphic in the patient's space, which names no picture; give it in the "
            "picture's own pixels (SCOORD)"
        )
    yield item


def _findings(group: Dataset) -> set[str]:
    return {
        str(code.get(key, "")).casefold()
        for child in group.get("ContentSequence") or ()
        if child.get("ValueType") == "CODE" and _code(child) == _FINDING
        for code in child.get("ConceptCodeSequence") or ()
        for key in ("CodeMeaning", "CodeValue")
    }


def _code(item: Dataset) -> str:
    codes = item.get("ConceptNameCodeSequence") or ()
    return str(codes[0].get("CodeValue", "")) if codes else ""


def _pictures(graphic: Dataset) -> Iterator[tuple[str, int]]:
    for child in graphic.get("ContentSequence") or ():
        for reference in child.get("ReferencedSOPSequence") or ():
            frame = reference.get("ReferencedFrameNumber")
            number = 1 if frame is None else int(np.ravel(frame)[0])
            yield str(reference.ReferencedSOPInstanceUID), number


def _box(graphic: Dataset, grid: Grid) -> tuple[float, float, float, float]:
    points = np.array(graphic.GraphicData, dtype=np.float64).reshape(-1, 2)
    kind = str(graphic.GraphicType)
    if kind == "CIRCLE":
        radius = float(np.hypot(*(points[1] - points[0])))
        low, high = points[0] - radius, points[0] + radius
    elif kind == "ELLIPSE":
        # Ends of one axis, then of the other: an ellipse reaches this far from its middle.
        one, other = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
        middle, reach = points[:2].mean(axis=0), np.hypot(one, other)
        low, high = middle - reach, middle + reach
    elif kind in ("POINT", "MULTIPOINT", "POLYLINE"):
        low, high = points.min(axis=0), points.max(axis=0)
    else:
        raise AnnotationError(f"has a graphic of the type {kind[:16]!r}; expected PS3.3's types")
    edge = np.array([grid.columns, grid.rows], dtype=np.float64)
    if not np.isfinite(points).all() or (high < 0).any() or (low > edge).any():
        raise AnnotationError("has a graphic outside of its picture; correct the file")
    low, high = np.clip(low, 0.0, edge), np.clip(high, 0.0, edge)
    width, height = high - low
    return float(low[0]), float(low[1]), float(width), float(height)
