#!/bin/sh
# Two common readers see two pixel sizes in one valid computed radiograph.
# The standard gives a CR image PixelSpacing (0028,0030) and ImagerPixelSpacing (0018,1164), both
# optional. SimpleITK reads the second alone: a CR that has PixelSpacing 0.3\0.2 comes out as
# 1.0 x 1.0, without a warning. dcm2niix reads the first alone: a CR that has ImagerPixelSpacing comes
# out as 1.0 x 1.0. A program that writes radiographs for others has to write both.
# Seen with SimpleITK 2.5.7, dcm2niix 1.0.20260724 and pydicom 3.0.2, Python 3.11:
#   PixelSpacing alone: SimpleITK 1.0 x 1.0, dcm2niix 0.2 x 0.3
#   ImagerPixelSpacing alone: SimpleITK 0.2 x 0.3, dcm2niix 1.0 x 1.0
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    SimpleITK==2.5.7 dcm2niix==1.0.20260724 pydicom==3.0.2
"$folder/venv/bin/python" - "$folder" <<'PY'
import pathlib
import struct
import subprocess
import sys

import SimpleITK
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

root = pathlib.Path(sys.argv[1])


def seen(keyword: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    folder = root / keyword
    folder.mkdir()
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "", "1", "", ""
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = ""
    data.ReferringPhysicianName = data.Manufacturer = data.ViewPosition = data.PatientOrientation = ""
    data.Modality, data.BodyPartExamined, data.SeriesNumber, data.InstanceNumber = "CR", "CHEST", 1, 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns, data.BitsAllocated, data.BitsStored = 40, 60, 8, 8
    data.HighBit, data.PixelRepresentation, data.PixelData = 7, 0, bytes(range(240)) * 10
    setattr(data, keyword, [0.3, 0.2])  # between rows, between columns
    path = folder / "image.dcm"
    data.save_as(path, enforce_file_format=True)
    out = root / f"{keyword}-out"
    out.mkdir()
    tool = pathlib.Path(sys.executable).with_name("dcm2niix")
    subprocess.run([tool, "-z", "n", "-o", out, folder], check=True, capture_output=True)
    (volume,) = out.glob("*.nii")
    nifti = struct.unpack("<2f", volume.read_bytes()[80:88])
    return SimpleITK.ReadImage(str(path)).GetSpacing()[:2], nifti


def near(found: tuple[float, ...], expected: tuple[float, ...]) -> bool:
    return all(abs(a - b) < 1e-6 for a, b in zip(found, expected))


for keyword, right in (("PixelSpacing", 1), ("ImagerPixelSpacing", 0)):
    both = seen(keyword)
    print(f"{keyword} alone: SimpleITK {both[0]}, dcm2niix {both[1]}")
    assert near(both[right], (0.2, 0.3)) and near(both[1 - right], (1.0, 1.0)), "the readers changed"
PY
