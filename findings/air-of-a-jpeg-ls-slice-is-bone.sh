#!/bin/sh
# dicomsdl reads the air of a signed CT slice as bone where the slice is stored as JPEG-LS.
# JPEG-LS knows no sign. PS3.5 8.2.3 lets it hold signed pixels, and the header says that they are
# signed. With 12 bits stored in 16 the reader has to carry the sign on; dicomsdl does so for JPEG 2000
# and for plain pixels, not for JPEG-LS: -1024 becomes 3072, and every value below 0 lies 4096 too
# high. The array it gives is of signed numbers, and no warning is given. pydicom and SimpleITK are right.
# A slice of air, lung, water, liver and bone, compressed without loss.
# Seen with dicomsdl 0.109.4, pydicom 3.0.2, pyjpegls 1.5.1, SimpleITK 2.5.7 and numpy 2.4.6,
# Python 3.11:
#   plain pixels: dicomsdl -1024 -800 0 40 1000
#   JPEG-LS:      dicomsdl 3072 3296 0 40 1000, pydicom and SimpleITK -1024 -800 0 40 1000
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dicomsdl==0.109.4 \
    pydicom==3.0.2 pyjpegls==1.5.1 SimpleITK==2.5.7 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import pathlib
import sys

import dicomsdl
import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

root = pathlib.Path(sys.argv[1])
VALUES = [-1024, -800, 0, 40, 1000]
data = Dataset()
data.file_meta = FileMetaDataset()
data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
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
data.Rows, data.Columns, data.PixelRepresentation = 8, 5, 1
data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "HU"
data.PixelData = np.tile(np.array(VALUES, "<i2"), (8, 1)).tobytes()
data.save_as(root / "plain.dcm", enforce_file_format=True)
data.compress(JPEGLSLossless, generate_instance_uid=False)
data.save_as(root / "jpegls.dcm", enforce_file_format=True)


def seen(name):
    """The first row by dicomsdl, pydicom and SimpleITK."""
    path = str(root / name)
    arrays = (
        dicomsdl.open(path).pixelData(storedvalue=True),
        pydicom.dcmread(path).pixel_array,
        SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))[0],
    )
    return [[int(value) for value in array[0]] for array in arrays]


plain, packed = seen("plain.dcm"), seen("jpegls.dcm")
for name, rows in (("plain pixels", plain), ("JPEG-LS", packed)):
    for reader, row in zip(("dicomsdl", "pydicom", "SimpleITK"), rows):
        print(f"{name}: {reader}", *row)
assert plain == [VALUES] * 3 and packed[1:] == [VALUES] * 2, "the readers of the right values changed"
assert packed[0] == [3072, 3296, 0, 40, 1000], "dicomsdl's values changed"
PY
