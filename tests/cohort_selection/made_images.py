"""Small DICOM files of every kind of pixels, from arrays that the test itself wrote down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from cohort_selection.radiograph import uid


def image(
    stored: NDArray[np.generic], syntax: UID = ExplicitVRLittleEndian, **elements: object
) -> Dataset:
    """A DX image of ``stored``, (rows, columns) or with 3 channels; None takes an element out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = UID(uid("instance"))
    data.StudyInstanceUID = UID(uid("study"))
    data.PatientID = "P1"
    data.Modality = "DX"
    data.Rows, data.Columns = stored.shape[:2]
    data.SamplesPerPixel = 1 if stored.ndim == 2 else 3
    data.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
    if stored.ndim == 3:
        data.PlanarConfiguration = 0
    bits = stored.dtype.itemsize * 8
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
    raw = np.ascontiguousarray(stored).astype(stored.dtype.newbyteorder(order)).tobytes()
    data.PixelData = raw + bytes(len(raw) % 2)
    for keyword, value in elements.items():
        if value is None:
            del data[keyword]
        else:
            setattr(data, keyword, value)
    data["PixelData"].VR = "OB" if data.BitsAllocated <= 8 or syntax.is_encapsulated else "OW"
    return data


def computed_tomogram(stored: NDArray[np.int16], **elements: object) -> Dataset:
    """A CT image with Hounsfield units as they are stored."""
    given = {
        "Modality": "CT",
        "SOPClassUID": CTImageStorage,
        "RescaleSlope": "1",
        "RescaleIntercept": "0",
    }
    return image(stored, **{**given, **elements})


def write(path: Path, data: Dataset) -> Path:
    """Write a file in the Part 10 format, with a group 2."""
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path


def write_without_group_2(path: Path, data: Dataset, *, implicit: bool) -> Path:
    """Write the elements alone, as files from before the Part 10 format are: no preamble."""
    del data.file_meta
    data.save_as(path, implicit_vr=implicit, little_endian=True)
    return path
