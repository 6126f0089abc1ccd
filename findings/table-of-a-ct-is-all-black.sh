#!/bin/sh
# pydicom shows a CT slice black where its table of grey values is stored in implicit VR.
# A VOI LUT may start at a negative value: Hounsfield units are signed. PS3.3 C.11.2.1.1 says that the
# start is signed where the rescaled values may be, whatever the stored pixels are. Implicit VR, DICOM's
# default, names no type, and pydicom takes the type of the stored pixels. These are unsigned in most
# CT images: -1024 becomes 64512, every value lies before the table, and each takes its first entry.
# No warning is given. The same slice in explicit VR is right; pydicom itself wrote both files here.
# A slice of air, water, liver and bone; a table of 2048 entries from -1024 on, each 32 times its place.
# Seen with pydicom 3.0.2 and numpy 2.4.6, Python 3.11:
#   explicit: the table starts at -1024, values 0 32768 34048 65504
#   implicit: the table starts at 64512, values 0 0 0 0
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 numpy==2.4.6
"$folder/venv/bin/python" -W error - "$folder/slice.dcm" <<'PY'
import sys

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_rescale, apply_voi_lut
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)


def seen(syntax):
    """The start of the table as read, and the grey values of the four pixels."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = generate_uid(), ""
    data.Modality, data.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "", "1", "", ""
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = ""
    data.ReferringPhysicianName = data.Manufacturer = ""
    data.SeriesNumber, data.AcquisitionNumber, data.InstanceNumber, data.KVP = 1, 1, 1, None
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [1, 1], 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns, data.PixelRepresentation = 2, 2, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = -1024, 1, "HU"
    data.PixelData = np.array([0, 1024, 1064, 2071], "<u2").tobytes()
    table = Dataset()
    table.add_new("LUTDescriptor", "SS", [2048, -1024, 16])
    table.add_new("LUTData", "OW", (32 * np.arange(2048)).astype("<u2").tobytes())
    data.VOILUTSequence = [table]
    data.save_as(sys.argv[1], enforce_file_format=True)
    read = pydicom.dcmread(sys.argv[1])
    units = apply_rescale(read.pixel_array, read).astype(np.int32)
    assert units.flatten().tolist() == [-1024, 0, 40, 1047]
    start = read.VOILUTSequence[0].LUTDescriptor[1]
    return start, apply_voi_lut(units, read).flatten().tolist()


explicit, implicit = seen(ExplicitVRLittleEndian), seen(ImplicitVRLittleEndian)
for name, (start, values) in (("explicit", explicit), ("implicit", implicit)):
    print(f"{name}: the table starts at {start}, values", *values)
assert explicit == (-1024, [0, 32768, 34048, 65504]), "the picture in explicit VR changed"
assert implicit == (64512, [0, 0, 0, 0]), "the picture in implicit VR changed"
PY
