"""Reads the headers of a case's images, never their pixels, as one text a field.

The container image holds a copy of this file. It needs pydicom alone.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation

ELEMENTS = (
    *("Modality", "SOPClassUID", "ViewPosition", "PatientOrientation", "BodyPartExamined"),
    *("Laterality", "ImageLaterality", "ImageType", "PresentationIntentType"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames"),
    *("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "SliceThickness"),
    *("SpacingBetweenSlices", "GantryDetectorTilt", "RescaleSlope", "RescaleIntercept"),
    *("RescaleType", "WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape"),
    *("PixelIntensityRelationship", "PixelIntensityRelationshipSign", "LossyImageCompression"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod", "BurnedInAnnotation"),
    *("PatientPosition", "ConversionType", "OrganExposed", "PartialView", "PositionerType"),
    *("NominalScannedPixelSpacing", "EstimatedRadiographicMagnificationFactor"),
    *("ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "EchoTime"),
    *("RepetitionTime", "FlipAngle", "MagneticFieldStrength", "PixelPaddingValue"),
)
"""Elements whose values are read: of those that a copy for a container keeps."""

SYNTAX, STORED_BYTES, N_FILES = "transfer syntax", "bytes of stored pixels", "number of files"
NAMES = (*ELEMENTS, SYNTAX, STORED_BYTES, N_FILES)
"""Every field of a case; numbers of one file are averaged over the files."""
_LISTED = 5


def of_headers(_: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    """The fields of a case, from the files in its folder."""
    return header_fields(sorted(folder.glob("*.dcm")))


def header_fields(files: Sequence[Path]) -> dict[str, str]:
    """Give each field of :data:`NAMES` for the files of one case; empty where nothing is said.

    Values that differ between the files are averaged where they are numbers, else listed. A file
    that cannot be read is left out.
    """
    read = [fields for file in files if (fields := _fields(file)) is not None]
    whole = {name: _together([one[name] for one in read]) for name in NAMES if name != N_FILES}
    return {**whole, N_FILES: str(len(files)) if files else ""}


def _fields(file: Path) -> dict[str, str] | None:
    """The fields of one file; None where it is no DICOM."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            with file.open("rb") as stream:
                header = pydicom.dcmread(
                    stream, stop_before_pixels=True, force=True, specific_tags=list(ELEMENTS)
                )
                fields = {name: _text(header, name) for name in ELEMENTS}
                stored = file.stat().st_size - stream.tell()
            fields[SYNTAX] = str(header.file_meta.get("TransferSyntaxUID", ""))
        except Exception as error:
            logging.getLogger(__name__).warning("left out: %s (%s)", file.name, error)
            return None
    fields[STORED_BYTES] = str(stored)
    return fields if any(fields[name] for name in ELEMENTS) else None


def _text(header: pydicom.Dataset, name: str) -> str:
    try:
        value = header.get(name)
    except (ValueError, TypeError):  # of a number that is none
        return ""
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        # Of several numbers the first says the scale; of several words all together are one level.
        return str(value[0]) if value and _is_number(value[0]) else "\\".join(map(str, value))
    return str(value).strip()


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _together(texts: Sequence[str]) -> str:
    """One value for all files of a case."""
    distinct = sorted({text for text in texts if text})
    if len(distinct) < 2:
        return distinct[0] if distinct else ""
    if all(_is_number(text) for text in distinct):
        numbers = [float(text) for text in texts if text]
        return f"{sum(numbers) / len(numbers):.9g}"
    few = len(distinct) <= _LISTED
    return " | ".join(distinct) if few else f"{len(distinct)} different values"
