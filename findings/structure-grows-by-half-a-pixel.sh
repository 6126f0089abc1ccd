#!/bin/sh
# rt-utils makes every structure of an RTSTRUCT half a pixel larger on each side.
# A contour of a structure set is an outline in millimetres. rt-utils rounds its points to pixels and
# fills them together with the outline's own pixels. A lesion of 4 mm on pixels of 1 mm gets 21 pixels
# for 12.6 mm2, one of 20 mm 11 % too many. A Dice against such masks punishes the models that are right,
# the small lesions most. dcmrtstruct2nii, on the same files, takes the pixels whose centre lies inside.
# Ten circles of each size, each about another point between the pixels; the mean number of pixels.
# Seen with rt-utils 1.2.7, dcmrtstruct2nii 5, pydicom 2.4.5, numpy 2.4.6, Python 3.11:
#   4 mm, 12.6 mm2: rt-utils 21.1, dcmrtstruct2nii 12.5
#   6 mm, 28.3 mm2: rt-utils 41.0, dcmrtstruct2nii 28.3
#   10 mm, 78.5 mm2: rt-utils 98.1, dcmrtstruct2nii 78.7
#   20 mm, 314.2 mm2: rt-utils 350.1, dcmrtstruct2nii 314.2
# Ends with an error if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rt-utils==1.2.7 \
    dcmrtstruct2nii==5 pydicom==2.4.5 numpy==2.4.6 opencv-python==5.0.0.93 SimpleITK==2.5.7 \
    scikit-image==0.26.0
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import pathlib
import sys

import numpy as np
import SimpleITK
from dcmrtstruct2nii import dcmrtstruct2nii
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid
from rt_utils import RTStructBuilder

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


random = np.random.default_rng(0)
for diameter in (4, 6, 10, 20):
    counts = []
    for number in range(10):
        path = root / f"{diameter}-{number}.dcm"
        structure_set(path, "CLOSED_PLANAR", [circle(diameter, *random.uniform(-0.5, 0.5, 2))])
        masks = RTStructBuilder.create_from(str(root / "ct"), str(path))
        counts.append((int(masks.get_roi_mask_by_name("lesion").sum()), by_dcmrtstruct2nii(path)))
    larger, right = np.mean(counts, axis=0)
    area = np.pi * diameter**2 / 4
    print(f"{diameter} mm, {area:.1f} mm2: rt-utils {larger:.1f}, dcmrtstruct2nii {right:.1f}")
    assert abs(right / area - 1) < 0.1
    grown = np.pi * (diameter + 1) ** 2 / 4
    assert abs(larger / grown - 1) < 0.12 and larger > 1.08 * area, "rt-utils' masks changed"
PY
