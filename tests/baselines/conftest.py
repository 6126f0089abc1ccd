"""A small open part of generated DICOM images: positives have a bright disc in one lung field."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

# Tests import onnxruntime themselves, which else writes down an identifier of the device.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def write_dicom(path: Path, pixels: NDArray[np.uint16], **elements: object) -> Path:
    """Write 12-bit ``pixels`` as a DX image; ``elements`` override the header's."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = DigitalXRayImageStorageForPresentation
    header.SOPInstanceUID = generate_uid()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.Rows, header.Columns = pixels.shape[-2:]
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    header.PixelData = pixels.tobytes()
    for name, value in elements.items():
        setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)
    return path


def radiograph(random: np.random.Generator, *, positive: bool) -> NDArray[np.uint16]:
    """Draw a noisy 80 x 64 field, with a bright disc somewhere if ``positive``."""
    rows, columns = np.mgrid[:80, :64]
    image = 1200 + 300 * np.cos(columns / 64 * 2 * np.pi) + random.normal(0, 60, (80, 64))
    if positive:
        row, column = random.integers(20, 60), random.choice([18, 46])
        image += 900 * ((rows - row) ** 2 + (columns - column) ** 2 < 9**2)
    return np.clip(image, 0, 4095).astype(np.uint16)


def write_open_list(path: Path, rows: list[tuple[str, str, int, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["case_id", "patient_id", "label", "files"])
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def open_list(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 cases of 60 patients, 24 positive; every third case has two images."""
    directory = tmp_path_factory.mktemp("open")
    random = np.random.default_rng(3)
    rows = []
    for number in range(72):
        patient = number % 60
        positive = patient % 3 == 0
        names = [f"{number}-{image}.dcm" for image in range(2 if number % 3 == 1 else 1)]
        for name in names:
            write_dicom(directory / name, radiograph(random, positive=positive))
        rows.append((f"case{number}", f"patient{patient}", int(positive), ";".join(names)))
    return write_open_list(directory / "open.csv", rows)
