"""Writes a grey image and its description as a valid DICOM radiograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from cohort_selection.dicom.made_uid import uid as uid

Modality = Literal["CR", "DX"]

_CR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.1")
_DX_FOR_PRESENTATION = UID("1.2.840.10008.5.1.4.1.1.1.1")
_SECONDARY_CAPTURE = UID("1.2.840.10008.5.1.4.1.1.7")
_IMPLEMENTATION = UID("2.25.302914702868171533861904177117634187521")
_SEX = {"Male": "M", "Female": "F", "Other": "O"}

# PS3.3 C.7.6.1.1.1: where the columns and the rows of a view point, as radiographs are shown. A
# lateral view may face either way, so of one nothing is said.
_ORIENTATION = {"AP": ["L", "F"], "PA": ["L", "F"], "AP SUPINE": ["L", "F"], "AP ERECT": ["L", "F"]}
# PS3.16 CID 4010, DX View: SNOMED CT code and meaning.
_AP, _PA = ("399348003", "antero-posterior"), ("272479007", "postero-anterior")
_LATERAL = ("399067008", "lateral")
_VIEW_CODES = {
    "AP": _AP,
    "AP SUPINE": _AP,
    "AP ERECT": _AP,
    "PA": _PA,
    "FRONTAL": ("399033003", "frontal"),
    "LL": ("399173006", "left lateral"),
    "RL": ("399198007", "right lateral"),
    "L": _LATERAL,
    "LAT": _LATERAL,
    "LATERAL": _LATERAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiograph:
    """Pixels (rows, columns) of one image, unsigned 8 or 16 bit, and what is known of it.

    ``text_burned_in`` and ``spacing_mm`` are None where nobody knows; then no attribute says them.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    study_uid: str
    series_uid: str
    instance_uid: str
    patient_id: str
    sex: str = "Not Reported"
    age: int | None = None
    view: str = ""
    manufacturer: str = ""
    model: str = ""
    description: str = "Chest radiograph"
    acquired: str = ""  # YYYYMMDD
    institution: str = ""
    number: int = 1
    bits_stored: int = 0  # 0: as many as the array has
    inverted: bool = False  # MONOCHROME1: the lowest value is shown white
    spacing_mm: tuple[float, float] | None = None  # between rows, between columns
    lossy_ratio: float | None = None  # of the source image, where it was lossy JPEG
    text_burned_in: bool | None = None


def write_radiograph(
    path: Path, radiograph: Radiograph, modality: Modality | Literal["CT"]
) -> None:
    """Write one image, as an object of the modality that says nothing that is not known.

    A Computed Radiography object needs no more than a picture. A Digital X-Ray object has to say
    how far the detector's pixels lie apart, where its edges point and whether text is burned in:
    where one of these is not known, a Secondary Capture of modality DX is written, and of modality
    CT always. Uncompressed,
    explicit little endian; no clock and no chance: the same input gives the same bytes. Modules as
    PS3.3 A.2 (CR), A.26 (DX, For Presentation) and A.8.1 (Secondary Capture) ask for them.
    """
    data = _dataset(radiograph, modality)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = FileDataset(str(path), data, file_meta=data.file_meta, preamble=b"\0" * 128)
    file.save_as(path, enforce_file_format=True)


def _dataset(radiograph: Radiograph, modality: Modality | Literal["CT"]) -> Dataset:
    digital = (
        modality == "DX"
        and radiograph.spacing_mm is not None
        and radiograph.text_burned_in is not None
        and radiograph.view.upper() in _ORIENTATION
    )
    capture = modality != "CR" and not digital
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        _DX_FOR_PRESENTATION if digital else _SECONDARY_CAPTURE if capture else _CR_IMAGE
    )
    meta.MediaStorageSOPInstanceUID = UID(radiograph.instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "SEQUESTRA"

    data = Dataset()
    data.file_meta = meta
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    _describe_patient(data, radiograph)
    data.StudyInstanceUID = radiograph.study_uid
    data.StudyDate = radiograph.acquired
    data.StudyTime = ""
    data.StudyID = ""
    data.AccessionNumber = ""
    data.ReferringPhysicianName = ""
    data.StudyDescription = radiograph.description
    data.Modality = modality
    data.SeriesInstanceUID = radiograph.series_uid
    data.SeriesNumber = 1
    data.InstanceNumber = radiograph.number
    data.Manufacturer = radiograph.manufacturer
    if radiograph.model:
        data.ManufacturerModelName = radiograph.model
    if radiograph.institution:
        data.InstitutionName = radiograph.institution
    if radiograph.acquired:
        data.ContentDate = radiograph.acquired
        data.AcquisitionDate = radiograph.acquired
    data.BodyPartExamined = "CHEST"
    data.ImageType = ["DERIVED", "PRIMARY"]
    if capture:
        data.ConversionType = "WSD"  # made on a workstation
    if radiograph.text_burned_in is not None:
        data.BurnedInAnnotation = "YES" if radiograph.text_burned_in else "NO"
    _describe_view(data, radiograph.view)
    if radiograph.lossy_ratio is not None:
        data.LossyImageCompression = "01"
        data.LossyImageCompressionRatio = f"{radiograph.lossy_ratio:.2f}"
        data.LossyImageCompressionMethod = "ISO_10918_1"
    if radiograph.spacing_mm is not None:  # some readers look for the one, some for the other
        data.ImagerPixelSpacing = _decimal(radiograph.spacing_mm)
        data.PixelSpacing = _decimal(radiograph.spacing_mm)
    if digital:
        _describe_digital_x_ray(data, radiograph)
    _describe_pixels(data, radiograph)
    return data


def _describe_patient(data: Dataset, radiograph: Radiograph) -> None:
    data.PatientName = ""
    data.PatientID = radiograph.patient_id
    data.PatientBirthDate = ""
    data.PatientSex = _SEX.get(radiograph.sex, "")
    if radiograph.age is not None:
        data.PatientAge = f"{radiograph.age:03d}Y"


def _describe_view(data: Dataset, view: str) -> None:
    data.ViewPosition = view
    data.PatientOrientation = _ORIENTATION.get(view.upper(), "")
    code = _VIEW_CODES.get(view.upper())
    if code is not None:
        data.ViewCodeSequence = [_code(*code)]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item


def _describe_digital_x_ray(data: Dataset, radiograph: Radiograph) -> None:
    """The modules that a DX object has and a CR object has not (PS3.3 A.26.3)."""
    data.PresentationIntentType = "FOR PRESENTATION"
    data.ImageLaterality = "U"
    data.AnatomicRegionSequence = [_code("816094009", "Chest")]
    data.AcquisitionContextSequence = []
    data.DetectorType = ""
    data.PositionerType = ""
    data.PixelIntensityRelationship = "LOG"
    data.PixelIntensityRelationshipSign = 1 if radiograph.inverted else -1
    data.RescaleIntercept = "0"
    data.RescaleSlope = "1"
    data.RescaleType = "US"
    data.PresentationLUTShape = "INVERSE" if radiograph.inverted else "IDENTITY"
    if radiograph.lossy_ratio is None:
        data.LossyImageCompression = "00"
    bits = radiograph.bits_stored or radiograph.pixels.dtype.itemsize * 8
    data.WindowCenter = str(2 ** (bits - 1))
    data.WindowWidth = str(2**bits)


def _describe_pixels(data: Dataset, radiograph: Radiograph) -> None:
    pixels = radiograph.pixels
    allocated = pixels.dtype.itemsize * 8
    stored = radiograph.bits_stored or allocated
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if radiograph.inverted else "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = allocated
    data.BitsStored = stored
    data.HighBit = stored - 1
    data.PixelRepresentation = 0
    raw = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()
    data.add_new("PixelData", "OB" if allocated == 8 else "OW", raw + b"\0" * (len(raw) % 2))


def _decimal(values: tuple[float, float]) -> list[str]:
    return [f"{value:.6g}" for value in values]
