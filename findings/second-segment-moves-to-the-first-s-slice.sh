#!/bin/sh
# dcm2niix puts the second segment of a DICOM SEG into the slice of the first, and says nothing of it.
# Each frame of a BINARY segmentation is a slice of one segment, at the place that its own Plane
# Position gives (PS3.3 C.8.20.3 and C.7.6.16.2.3). highdicom writes the slices that a segment has and
# leaves empty ones out. dcm2niix makes one slice with two volumes of that, as if the frames were
# two times of the same slice: the second lesion moves by the distance between both.
# The same masks as a LABELMAP are right where the slices are neighbours.
# Two lesions: one in the second of eight slices 3 mm apart, one in the sixth, 15 mm above the origin.
# Seen with dcm2niix 1.0.20260724, highdicom 0.28.2, pydicom 3.0.2, nibabel 5.4.2, Python 3.11:
#   in the SEG the lesions lie at 3 and 15 mm, in the NIfTI file at 3 and 3 mm
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dcm2niix==1.0.20260724 \
    highdicom==0.28.2 pydicom==3.0.2 nibabel==5.4.2
mkdir "$folder/seg" "$folder/made"
"$folder/venv/bin/python" -W ignore - "$folder/seg" <<'PY'
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentAlgorithmTypeValues, SegmentDescription
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

study, series, space = (generate_uid() for _ in range(3))
slices = []
for number in range(8):
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = study, series
    image.FrameOfReferenceUID, image.Modality = space, "CT"
    image.PatientID = image.PatientName = image.StudyID = "1"
    image.PatientBirthDate = image.PatientSex = image.StudyDate = image.StudyTime = ""
    image.AccessionNumber = image.ReferringPhysicianName = ""
    image.SeriesNumber, image.InstanceNumber = 1, number + 1
    image.Rows = image.Columns = 16
    image.PixelSpacing, image.SliceThickness = [1, 1], 3
    image.ImagePositionPatient = [0, 0, 3 * number]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleSlope, image.RescaleIntercept = 1, 0
    image.PixelData = bytes(2 * 16 * 16)
    slices.append(image)
mask = np.zeros((8, 16, 16), np.uint8)
mask[1, 4:8, 4:8], mask[5, 2:4, 2:4] = 1, 2
described = [
    SegmentDescription(
        number, f"lesion {number}", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Mass,
        SegmentAlgorithmTypeValues.MANUAL,
    )
    for number in (1, 2)
]
written = Segmentation(
    slices, mask, "BINARY", described, generate_uid(), 2, generate_uid(), 1, "maker", "model",
    "1", "1",
)
written.save_as(Path(sys.argv[1]) / "seg.dcm")
PY
"$folder/venv/bin/dcm2niix" -o "$folder/made" -f seg "$folder/seg" >"$folder/said" 2>&1
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import sys
from pathlib import Path

import nibabel
import numpy as np
import pydicom

folder = Path(sys.argv[1])
frames = pydicom.dcmread(folder / "seg" / "seg.dcm").PerFrameFunctionalGroupsSequence
stored = [float(f.PlanePositionSequence[0].ImagePositionPatient[2]) for f in frames]
(path,) = (folder / "made").glob("*.nii*")
made = nibabel.load(path)
values = np.asarray(made.dataobj)
converted = []
for volume in range(values.shape[3]):
    places = np.argwhere(values[..., volume] > 0)
    height = nibabel.affines.apply_affine(made.affine, places)[:, 2].mean()
    converted.append(float(height))
print(
    f"in the SEG the lesions lie at {stored[0]:.0f} and {stored[1]:.0f} mm, "
    f"in the NIfTI file at {converted[0]:.0f} and {converted[1]:.0f} mm"
)
assert values.shape == (16, 16, 1, 2)
assert stored == [3.0, 15.0]
assert converted == [3.0, 3.0], "the place of the second lesion changed"
said = (folder / "said").read_text().lower()
assert "segment" not in said and "position" not in said.replace("patient position", ""), said
PY
