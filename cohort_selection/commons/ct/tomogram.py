"""Writes a volume in Hounsfield units as a valid series of CT images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from cohort_selection.dicom.made_uid import uid

_IMPLEMENTATION = UID("2.25.302914702868171533861904177117634187521")
_SEX = {"Male": "M", "Female": "F", "Other": "O"}
_INTERCEPT = -1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tomogram:
    """Slices (n, rows, columns) from foot to head, and what is known of them.

    ``spacing_mm`` between slices, rows and columns; ``corner_mm`` where the centre of the very
    first pixel lies (left, back, head). A gantry tilted by ``tilt_degrees`` leans the slices about
    the line from right to left, while the table still moves straight: ``values`` are what it sees.
    ``from_head`` numbers the slices from the head down, as some scanners do.
    """

    values: NDArray[np.int16]
    study_uid: str
    series_uid: str
    patient_id: str
    spacing_mm: tuple[float, float, float]
    corner_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tilt_degrees: float = 0.0
    from_head: bool = False
    number: int = 1
    kind: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    directions: tuple[float, ...] = field(default=())
    kernel: str = "STANDARD"
    sex: str = "Not Reported"
    age: int | None = None
    manufacturer: str = ""
    model: str = ""
    description: str = "CT CHEST WITHOUT CONTRAST"
    acquired: str = ""  # YYYYMMDD


def write_tomogram(folder: Path, tomogram: Tomogram) -> list[Path]:
    """Write one file a slice, 16 bit, uncompressed; give their paths from foot to head.

    The same input gives the same bytes. Modules as PS3.3 A.3 (CT Image) asks for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for place, values in enumerate(tomogram.values):
        data = _slice(tomogram, place, values)
        path = folder / f"{data.SOPInstanceUID}.dcm"
        file = FileDataset(str(path), data, file_meta=data.file_meta, preamble=b"\0" * 128)
        file.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _slice(tomogram: Tomogram, place: int, values: NDArray[np.int16]) -> Dataset:
    count = len(tomogram.values)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    instance = UID(uid("slice", tomogram.series_uid, str(place)))
    data.file_meta.MediaStorageSOPInstanceUID = instance
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.ImplementationClassUID = _IMPLEMENTATION
    data.file_meta.ImplementationVersionName = "SEQUESTRA"
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, instance
    _describe(data, tomogram)
    data.InstanceNumber = count - place if tomogram.from_head else place + 1
    _place(data, tomogram, place)
    _describe_pixels(data, values)
    return data


def _describe(data: Dataset, tomogram: Tomogram) -> None:
    data.PatientName = data.PatientBirthDate = ""
    data.PatientID = tomogram.patient_id
    data.PatientSex = _SEX.get(tomogram.sex, "")
    if tomogram.age is not None:
        data.PatientAge = f"{tomogram.age:03d}Y"
    data.StudyInstanceUID, data.SeriesInstanceUID = tomogram.study_uid, tomogram.series_uid
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = tomogram.acquired
    data.ContentDate = tomogram.acquired
    data.StudyTime = data.ContentTime = data.AcquisitionTime = data.SeriesTime = "000000"
    data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.StudyDescription = tomogram.description
    data.Modality, data.BodyPartExamined = "CT", "CHEST"
    data.PatientPosition = "HFS"
    data.SeriesNumber, data.AcquisitionNumber = tomogram.number, 1
    data.FrameOfReferenceUID = uid("frame of reference", tomogram.study_uid)
    data.PositionReferenceIndicator = ""
    data.Manufacturer = tomogram.manufacturer
    if tomogram.model:
        data.ManufacturerModelName = tomogram.model
    data.ImageType = list(tomogram.kind)
    data.KVP = "120"
    data.ConvolutionKernel = tomogram.kernel
    data.BurnedInAnnotation = "NO"


def _place(data: Dataset, tomogram: Tomogram, place: int) -> None:
    between, rows, columns = tomogram.spacing_mm
    lean = math.radians(tomogram.tilt_degrees)
    straight = (1.0, 0.0, 0.0, 0.0, math.cos(lean), math.sin(lean))
    left, back, head = tomogram.corner_mm
    data.ImageOrientationPatient = _decimal(*(tomogram.directions or straight))
    data.ImagePositionPatient = _decimal(left, back, head + place * between)
    data.PixelSpacing = _decimal(rows, columns)
    data.SliceThickness = _decimal(between * math.cos(lean))[0]
    data.GantryDetectorTilt = _decimal(tomogram.tilt_degrees)[0]
    data.SliceLocation = _decimal(head + place * between)[0]


def _describe_pixels(data: Dataset, values: NDArray[np.int16]) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = values.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation = 0
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = str(_INTERCEPT), "1", "HU"
    data.WindowCenter, data.WindowWidth = "-500", "1500"
    stored = np.clip(values.astype(np.int32) - _INTERCEPT, 0, 4095).astype("<u2")
    data.add_new("PixelData", "OW", stored.tobytes())


def _decimal(*values: float) -> list[str]:
    return [f"{value + 0.0:.10g}"[:16] for value in values]
