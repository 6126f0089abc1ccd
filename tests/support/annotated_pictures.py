"""Pictures with a place, and annotations of them that highdicom makes: another's hand than ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from tests.support.made_images import computed_tomogram, image, write

_WHY = "highdicom has no wheel of all its parts for this Python"
highdicom = pytest.importorskip("highdicom", reason=_WHY)
seg, sr = highdicom.seg, highdicom.sr

STUDY, SERIES, FRAME_OF_REFERENCE = "2.25.700", "2.25.701", "2.25.702"
_ABNORMAL = codes.SCT.MorphologicallyAbnormalStructure
_NODULE = codes.SCT.Nodule
_FINDING = highdicom.sr.CodedConcept("125112009", "SCT", "Opacity")


def _of_study(found: Dataset, number: int) -> Dataset:
    found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, SERIES
    found.SOPInstanceUID = f"2.25.71{number}"
    found.PatientName = found.PatientBirthDate = found.PatientSex = ""
    found.StudyID = found.AccessionNumber = found.StudyDate = found.StudyTime = ""
    found.ReferringPhysicianName = ""
    found.SeriesNumber, found.InstanceNumber = 1, number
    return found


def slices(folder: Path, heights: Sequence[float], shape: tuple[int, int] = (12, 16)) -> list[Path]:
    """CT slices at these heights in mm, 0.8 mm a row and 0.5 mm a column; stored in this order."""
    files = []
    for number, height in enumerate(heights):
        made = computed_tomogram(
            np.zeros(shape, dtype=np.int16),
            PixelSpacing=[0.8, 0.5],
            ImagePositionPatient=[0.0, 0.0, height],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            SliceThickness=2.0,
            FrameOfReferenceUID=FRAME_OF_REFERENCE,
            PositionReferenceIndicator="",
        )
        files.append(write(folder / f"{number}.dcm", _of_study(made, number)))
    return files


def radiograph(folder: Path, shape: tuple[int, int] = (12, 16)) -> Path:
    """A radiograph that says its distances on the detector, 0.2 mm a row and 0.1 mm a column."""
    made = image(np.zeros(shape, dtype=np.uint16), ImagerPixelSpacing=[0.2, 0.1])
    return write(folder / "radiograph.dcm", _of_study(made, 0))


def segmentation(
    path: Path,
    sources: Sequence[Dataset],
    masks: NDArray[Any],
    labels: Sequence[str] = ("Opacity",),
    kind: str = "BINARY",
) -> Path:
    """A segmentation by highdicom of (frames, rows, columns), or with a last axis of segments."""
    described = [
        seg.SegmentDescription(
            number,
            label,
            _ABNORMAL,
            _NODULE,
            seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(labels, start=1)
    ]
    made = seg.Segmentation(
        list(sources),
        masks,
        seg.SegmentationTypeValues(kind),
        described,
        highdicom.UID(),
        2,
        highdicom.UID(),
        1,
        "Made by hand",
        "Model",
        "1",
        "1",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    made.save_as(path)
    return path


def report(path: Path, source: Dataset, regions: Sequence[Sequence[Any]]) -> Path:
    """A report by TID 1500 of regions of one picture, each (graphic type, points, finding)."""
    evidence = sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
    groups = [
        sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(highdicom.UID(), f"lesion {number}"),
            referenced_region=sr.ImageRegion(kind, np.array(points, dtype=float), evidence),
            finding_type=finding or _FINDING,
        )
        for number, (kind, points, finding) in enumerate(regions)
    ]
    observer = sr.ObserverContext(
        codes.DCM.Person, sr.PersonObserverIdentifyingAttributes("Reader^One")
    )
    made = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=observer),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
    )
    document = sr.Comprehensive3DSR(
        [source], made[0], highdicom.UID(), 3, highdicom.UID(), 1, "Made by hand"
    )
    document.save_as(path)
    return path
