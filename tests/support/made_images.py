"""Small DICOM files of every kind of pixels, from arrays that the test itself wrote down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from cohort_selection.commons.radiograph import uid


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
    in_order = stored if syntax.is_little_endian else stored.byteswap()
    raw = np.ascontiguousarray(in_order).tobytes()
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


def one_of_each_kind(folder: Path) -> list[Path]:
    """Files of 40 x 48 pixels whose pixels take a step of their own to read."""
    grey = np.random.default_rng(7).integers(0, 4096, (40, 48), dtype=np.uint16)
    grey[:5] = 4000
    plain = {"BitsStored": 12, "HighBit": 11}
    files = [
        write(folder / "plain.dcm", image(grey, **plain)),
        write(folder / "deflated.dcm", image(grey, DeflatedExplicitVRLittleEndian, **plain)),
        write(folder / "big_endian.dcm", image(grey, ExplicitVRBigEndian, **plain)),
        write_without_group_2(folder / "bare.dcm", image(grey, **plain), implicit=True),
        write(folder / "padded.dcm", image(grey, **plain, PixelPaddingValue=4000)),
        write(folder / "inverse.dcm", image(grey, **plain, PresentationLUTShape="INVERSE")),
        write(folder / "ct.dcm", computed_tomogram(grey.astype(np.int16) - 3000)),
    ]
    for syntax, encoder in ((RLELossless, "pydicom"), (JPEG2000Lossless, "pylibjpeg")):
        data = image(grey, **plain)
        data.compress(syntax, encoding_plugin=encoder, generate_instance_uid=False)
        files.append(write(folder / f"{syntax}.dcm", data))
    return files


def write_without_group_2(path: Path, data: Dataset, *, implicit: bool) -> Path:
    """Write the elements alone, as files from before the Part 10 format are: no preamble."""
    del data.file_meta
    data.save_as(path, implicit_vr=implicit, little_endian=True)
    return path
