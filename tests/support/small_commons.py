"""A commons of a few radiographs, and a cohort sealed from it."""

from __future__ import annotations

import warnings
from pathlib import Path

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from cohort_selection.cases import Case
from cohort_selection.matching.target import Target
from cohort_selection.sealing.cohort import Cohort, seal

SECRET = "Zq7SecretWord"


def radiograph(path: Path, label: int, pixels: int) -> Path:
    """A tiny image that carries its label and a secret wherever DICOM has room for it."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the headers are wrong on purpose
        return _radiograph(path, label, pixels)


def _radiograph(path: Path, label: int, pixels: int) -> Path:
    image = Dataset()
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.SOPInstanceUID = generate_uid()
    image.StudyInstanceUID = generate_uid()
    image.SeriesInstanceUID = generate_uid()
    image.PatientName = f"{SECRET}^Jane"
    image.PatientID = SECRET
    image.PatientSex = "F"
    image.PatientAge = "063Y"
    image.StudyDate = "20210304"
    image.InstitutionName = f"{SECRET} Hospital"
    image.StudyDescription = f"{SECRET} finding {label}"
    image.SeriesDescription = SECRET
    image.ImageComments = SECRET
    image.BodyPartExamined = f"CHEST {SECRET} too long and in small letters"
    image.ImageType = ["DERIVED", SECRET.upper()]
    image.RescaleType = SECRET
    image.Modality = "DX"
    image.ViewPosition = "PA"
    image.add_new(0x00091001, "LO", SECRET)
    image.add_new(0x00090010, "LO", SECRET)
    image.add_new(0x60003000, "OW", b"\1\0" * 8)
    item = Dataset()
    item.LUTDescriptor = [2, 0, 16]
    item.LUTExplanation = SECRET
    item.LUTData = b"\0\0\1\0"
    image.VOILUTSequence = [item]
    image.Rows, image.Columns = 4, 4
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.PixelData = bytes((pixels + i) % 256 for i in range(16))
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.SourceApplicationEntityTitle = SECRET
    image.save_as(path, enforce_file_format=True)
    return path


def small_commons(folder: Path, n: int = 8) -> list[Case]:
    folder.mkdir()
    return [
        Case(
            f"study-{SECRET}-{i}",
            f"{SECRET}-{i // 2}",
            tuple(
                radiograph(folder / f"{SECRET}_{i}_{j}_label{i % 2}.dcm", i % 2, 20 * i + j)
                for j in range(2)
            ),
            i % 2,
            {"sex": "Female" if i < 4 else "Male", "view": "PA", "age_group": "60+"},
        )
        for i in range(n)
    ]


def sealed(tmp_path: Path, cases: list[Case] | None = None, name: str = "chest") -> Cohort:
    return seal(
        cases or small_commons(tmp_path / "commons"),
        tmp_path / "enclave" / name,
        name=name,
        seed=7,
        criteria={"label": "opacity"},
        target=Target({"sex": {"Female": 0.5, "Male": 0.5}}),
        report={"note": 1},
    )


def case(name: str, patient: str, folder: Path, pixels: int) -> Case:
    return Case(name, patient, (radiograph(folder / f"{name}.dcm", 0, pixels),), 0, {})
