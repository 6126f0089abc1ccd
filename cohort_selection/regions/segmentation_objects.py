"""Reads DICOM segmentations: the pixels that each segment marks in each picture.

Binary segmentations and label maps are read (PS3.3 A.51). A frame is matched to the picture that
its DerivationImageSequence names; a frame that names none, to the picture that lies in the same
place; never by the order of frames. A frame on another grid than its picture is refused, since
resampling would move the border.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from cohort_selection.dicom.pixel_description import LABEL_MAP
from cohort_selection.regions.grids import Grid, Plane, plane_of

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_SAME_MM = 1e-2


class AnnotationError(ValueError):
    """An annotation that cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What one segment marks in one frame (from 1) of a picture: a mask (rows, columns)."""

    source: str
    frame: int
    segment: int
    mask: NDArray[np.bool_]


def read_segmentation(path: Path, grids: Mapping[str, Grid], structure: str) -> tuple[Marked, ...]:
    """What a segmentation marks in the pictures of ``grids``, by SOPInstanceUID.

    ``structure`` names the segments by label, or by the meaning or value of their type's code;
    empty, all count. Pictures that are not in ``grids`` are passed over. Frames without a pixel are
    left out. Raises AnnotationError.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            return tuple(_marked(pydicom.dcmread(path), grids, structure))
        except AnnotationError as error:
            raise AnnotationError(f"{path.name} {error}") from None
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            raise AnnotationError(
                f"{path.name} cannot be read as a segmentation ({type(error).__name__}: {error}); "
                "correct the file, or take it out of the commons"
            ) from error


def _marked(found: Dataset, grids: Mapping[str, Grid], structure: str) -> Iterator[Marked]:
    is_map = str(found.SOPClassUID) == LABEL_MAP or found.SegmentationType == "LABELMAP"
    if not is_map and found.SegmentationType != "BINARY":
        raise AnnotationError(
            f"is a {str(found.SegmentationType).lower()} segmentation; give a binary one or a "
            "label map, since a share of a pixel is no border"
        )
    wanted = _wanted(found, structure)
    if not wanted:
        return
    pixels = np.asarray(found.pixel_array)
    frames = pixels.reshape(-1, int(found.Rows), int(found.Columns))
    for index, values in enumerate(frames):
        present = wanted & set(np.unique(values).tolist()) if is_map else _named(found, index)
        masks = {n: values == n if is_map else values > 0 for n in present & wanted}
        masks = {n: mask for n, mask in masks.items() if mask.any()}
        if not masks:
            continue
        place = _source(found, index, grids)
        if place is None:
            continue
        grid = grids[place[0]]
        if values.shape != (grid.rows, grid.columns):
            raise AnnotationError(
                f"has frames of {values.shape[0]} x {values.shape[1]} pixels for a picture of "
                f"{grid.rows} x {grid.columns}; give a segmentation on the picture's own grid"
            )
        for segment, mask in sorted(masks.items()):
            yield Marked(*place, segment, mask)


def _wanted(found: Dataset, structure: str) -> set[int]:
    name = structure.casefold()
    numbers = set()
    for segment in found.SegmentSequence:
        types = segment.get("SegmentedPropertyTypeCodeSequence") or ()
        names = {str(segment.get("SegmentLabel", "")).casefold()}
        names |= {
            str(code.get(key, "")).casefold()
            for code in types
            for key in ("CodeMeaning", "CodeValue")
        }
        if not name or name in names:
            numbers.add(int(segment.SegmentNumber))
    return numbers - {0}  # a label map's background


def _named(found: Dataset, index: int) -> set[int]:
    """The segment of a binary frame."""
    for group in _groups(found, index):
        for item in group.get("SegmentIdentificationSequence") or ():
            return {int(item.ReferencedSegmentNumber)}
    raise AnnotationError("has a frame that names no segment; correct the file")


def _source(found: Dataset, index: int, grids: Mapping[str, Grid]) -> tuple[str, int] | None:
    """The picture and the frame that a frame belongs to; None where it is none of ``grids``."""
    sources = [
        source
        for group in _groups(found, index)
        for derived in group.get("DerivationImageSequence") or ()
        for source in derived.get("SourceImageSequence") or ()
    ]
    if any(source.get("SpatialLocationsPreserved") == "NO" for source in sources):
        raise AnnotationError(
            "has a frame whose pixels do not lie where its picture's do; give a segmentation on "
            "the picture's own grid"
        )
    named = [(str(each.ReferencedSOPInstanceUID), _frames(each)) for each in sources]
    if len(named) == 1 and len(named[0][1]) == 1:
        uid, (frame,) = named[0]
        return (uid, frame) if uid in grids and frame <= len(grids[uid].planes) else None
    plane = plane_of(found, index)
    if plane.position is not None:
        return _in_place(plane, grids)
    listed = _listed(found)
    if len(listed) == 1 and not named:
        (uid,) = listed
        return (uid, 1) if uid in grids and len(grids[uid].planes) == 1 else None
    raise AnnotationError(
        "has a frame that names not one picture and says no place; give each frame its "
        "DerivationImageSequence, or its place"
    )


def _in_place(plane: Plane, grids: Mapping[str, Grid]) -> tuple[str, int] | None:
    """The one frame of the pictures that lies where ``plane`` does."""
    there = [
        (uid, number)
        for uid, grid in grids.items()
        for number, other in enumerate(grid.planes, start=1)
        if _alike(plane.position, other.position, _SAME_MM)
        and _alike(plane.orientation, other.orientation, 1e-4)
    ]
    if len(there) > 1:
        raise AnnotationError("has a frame in the place of several pictures; name the source of it")
    return there[0] if there else None


def _alike(one: tuple[float, ...] | None, other: tuple[float, ...] | None, within: float) -> bool:
    if one is None or other is None:
        return False
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


def _frames(source: Dataset) -> tuple[int, ...]:
    numbers = source.get("ReferencedFrameNumber")
    if numbers is None:
        return (1,)
    return (
        tuple(map(int, numbers))
        if isinstance(numbers, list | tuple) or hasattr(numbers, "__iter__")
        else (int(numbers),)
    )


def _listed(found: Dataset) -> set[str]:
    """The pictures of ReferencedSeriesSequence."""
    return {
        str(item.ReferencedSOPInstanceUID)
        for series in found.get("ReferencedSeriesSequence") or ()
        for item in series.get("ReferencedInstanceSequence") or ()
    }


def _groups(found: Dataset, index: int) -> list[Dataset]:
    own = found.get("PerFrameFunctionalGroupsSequence") or ()
    shared = found.get("SharedFunctionalGroupsSequence") or ()
    return [*own[index : index + 1], *shared[:1]]
