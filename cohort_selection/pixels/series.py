"""Chooses the series of a study that makes its CT volume, by a declared rule.

Localisers, secondary captures and what has no geometry make none; nor does what is not axial. A
model's image holds a copy of this file.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from cohort_selection.pixels.intensities import UnreadableImage

Vector = NDArray[np.float64]

LEAST_SLICES = 3
"""Fewer make no volume."""

_VOLUMES = {CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage}
_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality"),
    *("ImageType", "AcquisitionNumber", "ConvolutionKernel", "SliceThickness", "Rows", "Columns"),
    *("NumberOfFrames", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: ``frame`` of the file ``path``, and where it lies, mm in the patient's system.

    ``position`` (3,) of the centre of its first pixel; ``across`` and ``down`` (3,) unit vectors
    along a row and along a column; ``spacing`` between rows and between columns; ``shape`` rows and
    columns.
    """

    path: Path
    frame: int
    position: Vector
    across: Vector
    down: Vector
    spacing: tuple[float, float]
    shape: tuple[int, int]
    acquisition: int
    instance_uid: str


@dataclass(frozen=True, slots=True)
class Series:
    """Slices of one series that lie parallel, in no order.

    ``thickness`` of a slice in mm, infinite where the file does not say; ``kernel`` in capitals.
    """

    uid: str
    number: int
    kernel: str
    thickness: float
    slices: tuple[Slice, ...]

    @property
    def n_positions(self) -> int:
        """How many slices lie at different places."""
        return len({tuple(np.round(each.position, 2)) for each in self.slices})


@dataclass(frozen=True, slots=True)
class SeriesRule:
    """``criteria`` in turn: each decides where those before tie. ``kernels``: words, best first.

    A sealed copy does not keep its kernel, so "kernel" serves on one's own files alone: with it,
    another series might be read in a container than in training.
    """

    criteria: tuple[str, ...] = ("most slices", "thinnest", "first")
    kernels: tuple[str, ...] = ("STANDARD", "SOFT", "B30", "B31", "BR40", "FC08", "BODY", "LUNG")

    def __post_init__(self) -> None:
        """Refuse a criterion that does not exist."""
        if unknown := [name for name in self.criteria if name not in _CRITERIA]:
            raise ValueError(
                f"criterion {unknown[0]!r} is unknown; choose from {', '.join(_CRITERIA)}"
            )

    def rank(self, series: Series) -> tuple[float, ...]:
        """The lower, the better; the UID decides the rest."""
        return tuple(_CRITERIA[name](series, self) for name in self.criteria)


def _kernel_place(series: Series, rule: SeriesRule) -> float:
    places = [place for place, word in enumerate(rule.kernels) if word in series.kernel]
    return min(places, default=len(rule.kernels))


_CRITERIA: Mapping[str, Callable[[Series, SeriesRule], float]] = {
    "most slices": lambda series, _: -series.n_positions,
    "thinnest": lambda series, _: series.thickness,
    "kernel": _kernel_place,
    "first": lambda series, _: series.number,
}


def choose_series(files: Sequence[Path], rule: SeriesRule = SeriesRule()) -> Series:
    """The series of ``files`` that ``rule`` prefers; the order of the files changes nothing.

    Raises UnreadableImage, named after the files' folder, where none makes a volume.
    """
    candidates, left_out = candidate_series(files)
    if candidates:
        return min(candidates, key=lambda series: (rule.rank(series), series.uid))
    counted = ", ".join(f"{count} {why}" for why, count in sorted(left_out.items()))
    folder = files[0].parent.name if files else "no file"
    raise UnreadableImage(
        folder,
        f"no series of its {len(files)} files makes a CT volume ({counted or 'no file'}); "
        f"at least {LEAST_SLICES} parallel axial slices of one series are needed",
    )


def candidate_series(files: Sequence[Path]) -> tuple[list[Series], Counter[str]]:
    """All series that could make a volume, and how many images were left out, by reason."""
    stacks: dict[str, list[list[tuple[Dataset, Slice]]]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for path in sorted(files):
        header = _header(path)
        why = "not readable as DICOM" if header is None else _unfit(header)
        if header is None or why:
            left_out[why] += 1
            continue
        found = list(_slices(path, header))
        if not found:
            left_out["without a place in the patient"] += 1
        for each in found:
            _put(stacks[str(header.SeriesInstanceUID)], header, each)
    candidates = []
    for members in itertools.chain.from_iterable(stacks.values()):
        series = _series(members)
        axial = np.cross(series.slices[0].across, series.slices[0].down)[2]
        if abs(axial) < math.cos(math.radians(45)):
            left_out["not axial"] += len(members)
        elif series.n_positions < LEAST_SLICES:
            left_out["of a series of too few slices"] += len(members)
        else:
            candidates.append(series)
    return candidates, left_out


def _header(path: Path) -> Dataset | None:
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(
                path, force=True, stop_before_pixels=True, specific_tags=list(_TAGS)
            )
    except Exception:  # pydicom has no closed list of errors for a damaged file
        return None


def _unfit(header: Dataset) -> str:
    """Why an image is no slice of a volume; empty where it may be one."""
    kinds = {str(part).strip().upper() for part in header.get("ImageType") or ()}
    if str(header.get("Modality") or "").strip().upper() != "CT":
        return "of another modality"
    if kinds & {"LOCALIZER", "SCOUT"}:
        return "localisers"
    if UID(str(header.get("SOPClassUID") or "")) not in _VOLUMES or "SECONDARY" in kinds:
        return "secondary captures or derived pictures"
    if not header.get("SeriesInstanceUID"):
        return "of no series"
    return ""


def _slices(path: Path, header: Dataset) -> Iterator[Slice]:
    """The slices of a file; none of a frame that does not say where it lies."""
    frames = header.get("PerFrameFunctionalGroupsSequence") or ()
    shared = (header.get("SharedFunctionalGroupsSequence") or (Dataset(),))[0]
    if not frames:
        found = _slice(path, 0, header, lambda _, keyword: header.get(keyword))
        if found is not None:
            yield found
        return
    for number, own in enumerate(frames):

        def of(sequence: str, keyword: str, own: Dataset = own) -> Any:
            items = own.get(sequence) or shared.get(sequence) or ()
            return items[0].get(keyword) if items else None

        found = _slice(path, number, header, of)
        if found is not None:
            yield found


def _slice(path: Path, frame: int, header: Dataset, of: Callable[[str, str], Any]) -> Slice | None:
    try:
        position = _vector(of("PlanePositionSequence", "ImagePositionPatient"), 3)
        cosines = _vector(of("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
        spacing = _vector(of("PixelMeasuresSequence", "PixelSpacing"), 2)
        acquisition = int(header.get("AcquisitionNumber") or 0)
        shape = int(header.Rows), int(header.Columns)
    except (TypeError, ValueError, AttributeError):
        return None
    across, down = cosines[:3], cosines[3:]
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    if not np.allclose(lengths, 1, atol=0.01) or abs(across @ down) > 0.01 or min(spacing) <= 0:
        return None
    across = across / lengths[0]
    down = down - (down @ across) * across  # written with few digits, they are not quite square
    return Slice(
        path,
        frame,
        position,
        across,
        down / np.linalg.norm(down),
        (float(spacing[0]), float(spacing[1])),
        shape,
        acquisition,
        str(header.get("SOPInstanceUID") or path.name),
    )


def _vector(value: Iterable[Any] | None, length: int) -> Vector:
    vector = np.array([float(part) for part in value or ()])
    if len(vector) != length or not np.isfinite(vector).all():
        raise ValueError(f"{value} has no {length} finite numbers")
    return vector


def _put(stacks: list[list[tuple[Dataset, Slice]]], header: Dataset, each: Slice) -> None:
    """Lay a slice to those of its series that it is parallel to, of one shape and pixel size."""
    for members in stacks:
        other = members[0][1]
        if (
            other.shape == each.shape
            and np.allclose(other.spacing, each.spacing, rtol=1e-3)
            and np.allclose(other.across, each.across, atol=5e-3)
            and np.allclose(other.down, each.down, atol=5e-3)
        ):
            members.append((header, each))
            return
    stacks.append([(header, each)])


def _series(members: Sequence[tuple[Dataset, Slice]]) -> Series:
    header = members[0][0]
    kernel = header.get("ConvolutionKernel") or ""
    words = kernel if isinstance(kernel, str) else " ".join(str(part) for part in kernel)
    return Series(
        uid=str(header.SeriesInstanceUID),
        number=_whole(header.get("SeriesNumber")),
        kernel=words.upper(),
        thickness=_thickness(header),
        slices=tuple(each for _, each in members),
    )


def _thickness(header: Dataset) -> float:
    shared = (header.get("SharedFunctionalGroupsSequence") or (Dataset(),))[0]
    measures = (shared.get("PixelMeasuresSequence") or (Dataset(),))[0]
    try:
        thickness = float(header.get("SliceThickness") or measures.get("SliceThickness") or 0)
    except (TypeError, ValueError):
        return math.inf
    return thickness if thickness > 0 else math.inf


def _whole(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0
