#!/bin/sh
# dcmrtstruct2nii makes an empty mask of a structure with a hole, and the run ends in success.
# DICOM has a kind of contour for rings and holes, CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3): a pixel belongs
# to the structure if an odd number of its contours hold it. dcmrtstruct2nii knows CLOSED_PLANAR and
# INTERPOLATED_PLANAR and passes over other kinds, with a line in its log that is not shown by default.
# The file it writes has no voxel, as though nothing had been drawn: a model that finds the lesion then
# makes a false finding. The same contours as CLOSED_PLANAR come out as the ring.
# A ring of 20 mm with a hole of 10 mm on pixels of 1 mm: 235.6 mm2.
# Seen with dcmrtstruct2nii 5, pydicom 2.4.5, numpy 2.4.6, Python 3.11:
#   CLOSED_PLANAR: 236 voxels
#   CLOSEDPLANAR_XOR: 0 voxels
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dcmrtstruct2nii==5 \
    pydicom==2.4.5 numpy==2.4.6 SimpleITK==2.5.7 scikit-image==0.26.0
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import pathlib
import sys

import numpy as np
import SimpleITK
from dcmrtstruct2nii import dcmrtstruct2nii
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

root = pathlib.Path(sys.argv[1])
study, series, frame = generate_uid(), generate_uid(), generate_uid()
SIDE = 40  # pixels of 1 mm; the centre of pixel 20 lies at 0 mm


def started(sop_class, modality):
    """A data set of the patient, with what every object of the study has."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.is_little_endian, data.is_implicit_VR = True, False
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    data.Modality, data.StudyInstanceUID, data.SeriesInstanceUID = modality, study, generate_uid()
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "", "1", "", ""
    data.StudyDate = data.StudyTime = data.StudyID = data.AccessionNumber = ""
    data.ReferringPhysicianName = data.Manufacturer = ""
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = frame, ""
    data.SeriesNumber, data.InstanceNumber = 1, 1
    return data


def item(**elements):
    data = Dataset()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


slices = []
(root / "ct").mkdir()
for number in range(3):
    data = started(CTImageStorage, "CT")
    data.SeriesInstanceUID, data.InstanceNumber = series, number + 1
    data.ImageType, data.KVP, data.AcquisitionNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], "", 1
    data.ImagePositionPatient = [-SIDE / 2, -SIDE / 2, 3.0 * number]
    data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
    data.SliceThickness, data.RescaleIntercept, data.RescaleSlope = 3, -1024, 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns, data.PixelRepresentation = SIDE, SIDE, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelData = np.full((SIDE, SIDE), 1024, "<u2").tobytes()
    data.save_as(root / "ct" / f"{number}.dcm", write_like_original=False)
    slices.append(
        item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=data.SOPInstanceUID)
    )


def structure_set(path, kind, outlines):
    """Write a structure 'lesion' of closed outlines (points of x and y in mm) on the middle slice."""
    data = started(RTStructureSetStorage, "RTSTRUCT")
    data.StructureSetLabel, data.StructureSetDate, data.StructureSetTime = "A", "", ""
    data.OperatorsName, data.ApprovalStatus = "", "UNAPPROVED"
    of_series = item(SeriesInstanceUID=series, ContourImageSequence=slices)
    of_study = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=study,
        RTReferencedSeriesSequence=[of_series],
    )
    data.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[of_study])
    ]
    data.StructureSetROISequence = [
        item(
            ROINumber=1,
            ReferencedFrameOfReferenceUID=frame,
            ROIName="lesion",
            ROIGenerationAlgorithm="MANUAL",
        )
    ]
    contours = []
    for number, outline in enumerate(outlines):
        points = [f"{value:.3f}" for x, y in outline for value in (x, y, 3.0)]
        contours.append(
            item(
                ContourNumber=number + 1,
                ContourGeometricType=kind,
                NumberOfContourPoints=len(outline),
                ContourData=points,
                ContourImageSequence=[slices[1]],
            )
        )
    data.ROIContourSequence = [
        item(ReferencedROINumber=1, ROIDisplayColor=[255, 0, 0], ContourSequence=contours)
    ]
    data.RTROIObservationsSequence = [
        item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="GTV", ROIInterpreter="")
    ]
    data.save_as(path, write_like_original=False)


def circle(diameter, x=0.0, y=0.0):
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    return np.c_[x + diameter / 2 * np.cos(turn), y + diameter / 2 * np.sin(turn)]


def by_dcmrtstruct2nii(path):
    out = path.with_suffix("")
    dcmrtstruct2nii(str(path), str(root / "ct"), str(out), convert_original_dicom=False)
    mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(out / "mask_lesion.nii.gz")))
    return int((mask > 0).sum())


found = {}
for kind in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
    path = root / f"{kind}.dcm"
    structure_set(path, kind, [circle(20), circle(10)])
    found[kind] = by_dcmrtstruct2nii(path)
    print(f"{kind}: {found[kind]} voxels")
assert abs(found["CLOSED_PLANAR"] / 235.6 - 1) < 0.1
assert found["CLOSEDPLANAR_XOR"] == 0, "the contours are no longer passed over"
PY
