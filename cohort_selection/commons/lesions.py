"""Adds lesions of known outline to a simulated radiograph, and writes their DICOM segmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import UID, ExplicitVRLittleEndian

from cohort_selection.commons.phantom import Picture
from cohort_selection.commons.radiograph import uid

STRUCTURE = "Opacity"
_BRIGHTNESS = 0.45
_SEGMENTATION = UID("1.2.840.10008.5.1.4.1.1.66.4")
_TAKEN_OVER = (
    *("PatientID", "PatientName", "PatientSex", "PatientBirthDate", "StudyInstanceUID", "StudyID"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)


def with_lesions(picture: Picture, rng: np.random.Generator) -> tuple[Picture, NDArray[np.bool_]]:
    """Give the picture one or two ellipses of evenly raised brightness, and the mask of them.

    They lie within the lungs, apart from each other, one on each side.
    """
    size = picture.shape[0]
    axis = (np.arange(size) + 0.5) / size - 0.5
    x, y = np.meshgrid(axis, axis)
    mask = np.zeros(picture.shape, dtype=np.bool_)
    first = 1.0 if rng.random() < 0.5 else -1.0
    for side in (first, -first)[: 1 + int(rng.random() < 0.3)]:
        across, down = rng.uniform(0.045, 0.085, size=2)
        middle = side * rng.uniform(0.17, 0.24), rng.uniform(-0.18, 0.08)
        mask |= ((x - middle[0]) / across) ** 2 + ((y - middle[1]) / down) ** 2 <= 1.0
    return np.clip(picture + _BRIGHTNESS * mask, 0.0, 1.0), mask


def write_segmentation(image: Path, mask: NDArray[np.bool_]) -> Path:
    """Write a binary segmentation of ``mask`` (rows, columns) beside its ``image``; its path."""
    source = pydicom.dcmread(image, stop_before_pixels=True)
    found = Dataset()
    for name in _TAKEN_OVER:
        setattr(found, name, source.get(name, ""))
    found.SOPClassUID = _SEGMENTATION
    found.SOPInstanceUID = uid("segmentation", str(source.SOPInstanceUID))
    found.SeriesInstanceUID = uid("segmentation series", str(source.SOPInstanceUID))
    found.Modality, found.SeriesNumber, found.InstanceNumber = "SEG", 2, 1
    found.Manufacturer = found.ManufacturerModelName = "Sequestra"
    found.DeviceSerialNumber, found.SoftwareVersions = "1", "1"
    found.ContentLabel, found.ContentDescription = "OPACITY", "Simulated lesions"
    found.ContentCreatorName, found.ContentDate, found.ContentTime = "", "20210101", "000000"
    found.ImageType = ["DERIVED", "PRIMARY"]
    found.PatientOrientation = source.get("PatientOrientation") or ""
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.Rows, found.Columns, found.NumberOfFrames = *mask.shape, 1
    found.BitsAllocated = found.BitsStored = 1
    found.HighBit = found.PixelRepresentation = 0
    found.LossyImageCompression = "00"
    found.SegmentationType, found.SegmentsOverlap = "BINARY", "NO"
    found.SegmentSequence = [_segment()]
    found.ReferencedSeriesSequence = [_referenced(source)]
    found.SharedFunctionalGroupsSequence = [_shared(source)]
    found.PerFrameFunctionalGroupsSequence = [_frame(source)]
    found.DimensionOrganizationSequence, found.DimensionIndexSequence = _dimensions(found)
    found.PixelData = pack_bits(mask.astype(np.uint8))
    found["PixelData"].VR = "OB"
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = image.with_name(f"{found.SOPInstanceUID}.dcm")
    found.save_as(path, enforce_file_format=True)
    return path


def _item(**elements: object) -> Dataset:
    item = Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    return [_item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def _segment() -> Dataset:
    return _item(
        SegmentNumber=1,
        SegmentLabel=STRUCTURE,
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName="Sequestra's simulator",
        SegmentedPropertyCategoryCodeSequence=_code(
            "49755003", "SCT", "Morphologically Abnormal Structure"
        ),
        SegmentedPropertyTypeCodeSequence=_code("125112009", "SCT", "Opacity"),
    )


def _referenced(source: Dataset) -> Dataset:
    image = _item(
        ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID
    )
    return _item(SeriesInstanceUID=source.SeriesInstanceUID, ReferencedInstanceSequence=[image])


def _shared(source: Dataset) -> Dataset:
    spacing = source.get("PixelSpacing") or source.get("ImagerPixelSpacing")
    measures = _item(PixelSpacing=list(spacing), SliceThickness=1)
    return _item(
        PixelMeasuresSequence=[measures],
        SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=1)],
    )


def _frame(source: Dataset) -> Dataset:
    image = _item(
        ReferencedSOPClassUID=source.SOPClassUID,
        ReferencedSOPInstanceUID=source.SOPInstanceUID,
        SpatialLocationsPreserved="YES",
        PurposeOfReferenceCodeSequence=_code(
            "121322", "DCM", "Source image for image processing operation"
        ),
    )
    derived = _item(
        SourceImageSequence=[image], DerivationCodeSequence=_code("113076", "DCM", "Segmentation")
    )
    return _item(
        DerivationImageSequence=[derived],
        FrameContentSequence=[_item(DimensionIndexValues=[1])],
    )


def _dimensions(found: Dataset) -> tuple[list[Dataset], list[Dataset]]:
    name = uid("segmentation dimensions", str(found.SOPInstanceUID))
    index = _item(
        DimensionOrganizationUID=name,
        DimensionIndexPointer=0x0062000B,
        FunctionalGroupPointer=0x0062000A,
        DimensionDescriptionLabel="ReferencedSegmentNumber",
    )
    return [_item(DimensionOrganizationUID=name)], [index]
