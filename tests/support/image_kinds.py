"""One small valid image of each kind that a copy is made of, full of words that must not survive.

Valid is what dciodvfy (dicom3tools) prints no error for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

SECRET = "Zq7SecretWord"
"""Stands in every name and description of the images below."""

DATE, TIME, MOMENT = "20210304", "111213.5", "20210304111213.5"


def code(value: str, scheme: str, meaning: str, **more: Any) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning, **more)


def item(**values: Any) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, Sequence(value) if _is_sequence(value) else value)
    return item


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, Dataset) for part in value)


def base(sop_class: str, modality: str, frames: int = 0, **pixels: Any) -> Dataset:
    """Patient, study, series, equipment and pixels of any image."""
    rng = np.random.default_rng(7)
    samples = pixels.get("samples", 1)
    allocated, stored = pixels.get("allocated", 16), pixels.get("stored", 12)
    shape = (max(frames, 1), 8, 10, samples)
    values = rng.integers(0, 1 << stored, shape, dtype=np.uint16)
    image = item(
        SpecificCharacterSet="ISO_IR 192",
        SOPClassUID=sop_class,
        SOPInstanceUID=generate_uid(),
        StudyInstanceUID=generate_uid(),
        SeriesInstanceUID=generate_uid(),
        StudyDate=DATE,
        SeriesDate=DATE,
        AcquisitionDate=DATE,
        ContentDate=DATE,
        StudyTime=TIME,
        AcquisitionTime=TIME,
        ContentTime=TIME,
        AccessionNumber=SECRET,
        Modality=modality,
        Manufacturer=SECRET,
        InstitutionName=SECRET,
        ReferringPhysicianName=SECRET,
        StudyDescription=SECRET,
        SeriesDescription=SECRET,
        ManufacturerModelName=SECRET,
        PatientName=f"{SECRET}^Jane",
        PatientID=SECRET,
        PatientBirthDate="19580102",
        PatientSex="F",
        PatientAge="063Y",
        DeviceSerialNumber=SECRET,
        SoftwareVersions=SECRET,
        ProtocolName=SECRET,
        StudyID=SECRET,
        SeriesNumber=3,
        InstanceNumber=1,
        BodyPartExamined="CHEST",
        ImageComments=SECRET,
        ImageType=["ORIGINAL", "PRIMARY"],
        SamplesPerPixel=samples,
        PhotometricInterpretation="MONOCHROME2" if samples == 1 else "RGB",
        Rows=8,
        Columns=10,
        BitsAllocated=allocated,
        BitsStored=stored,
        HighBit=stored - 1,
        PixelRepresentation=0,
        BurnedInAnnotation="NO",
        LossyImageCompression="00",
    )
    if samples > 1:
        image.PlanarConfiguration = 0
    if frames:
        image.NumberOfFrames = frames
    raw = values.astype("<u2" if allocated == 16 else "u1").tobytes()
    image.add_new("PixelData", "OW" if allocated == 16 else "OB", raw)
    return image


def _plane(image: Dataset, z: float = -30.0) -> None:
    image.FrameOfReferenceUID = generate_uid()
    image.PositionReferenceIndicator = ""
    image.PixelSpacing = ["0.5", "0.5"]
    image.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    image.ImagePositionPatient = ["-10", "-20.5", str(z)]
    image.SliceThickness = "2"
    image.PatientPosition = "HFS"


def computed_radiograph() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.1", "CR")
    image.ViewPosition = "PA"
    image.PatientOrientation = ["L", "F"]
    image.ImagerPixelSpacing = ["0.2", "0.2"]
    image.WindowCenter, image.WindowWidth = "2048", "4096"
    return image


def _projection(sop_class: str, modality: str) -> Dataset:
    image = base(sop_class, modality)
    image.update(
        item(
            PresentationIntentType="FOR PRESENTATION",
            PatientOrientation=["A", "F"],
            ImagerPixelSpacing=["0.1", "0.1"],
            PixelIntensityRelationship="LOG",
            PixelIntensityRelationshipSign=-1,
            RescaleIntercept="0",
            RescaleSlope="1",
            RescaleType="US",
            PresentationLUTShape="IDENTITY",
            WindowCenter="2048",
            WindowWidth="4096",
            DetectorType="DIRECT",
            AcquisitionContextSequence=Sequence(),
            KVP="31",
            OrganDose="0.01",
            DetectorID=SECRET,
            IrradiationEventUID=generate_uid(),
        )
    )
    return image


def digital_radiograph() -> Dataset:
    image = _projection("1.2.840.10008.5.1.4.1.1.1.1", "DX")
    image.ViewPosition = "PA"
    image.ImageLaterality = "U"
    image.PatientOrientation = ["L", "F"]
    image.PositionerType = "NONE"
    image.AnatomicRegionSequence = Sequence([code("T-D3000", "SRT", SECRET)])
    image.ViewCodeSequence = Sequence([code("R-10214", "SRT", SECRET)])
    return image


def mammogram() -> Dataset:
    image = _projection("1.2.840.10008.5.1.4.1.1.1.2", "MG")
    image.BodyPartExamined = "BREAST"
    image.ImageLaterality = "L"
    image.PositionerType = "MAMMOGRAPHIC"
    image.PositionerPrimaryAngle = "45"
    image.OrganExposed = "BREAST"
    image.BreastImplantPresent = "NO"
    image.PartialView = "NO"
    image.AnatomicRegionSequence = Sequence([code("76752008", "SCT", SECRET)])
    modifier = code("399163009", "SCT", SECRET)
    image.ViewCodeSequence = Sequence(
        [code("399368009", "SCT", SECRET, ViewModifierCodeSequence=[modifier])]
    )
    image.ViewPosition = "MLO"
    return image


def tomogram() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.2", "CT")
    _plane(image)
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.RescaleIntercept, image.RescaleSlope = "-1024", "1"
    image.RescaleType = "HU"
    image.KVP = "120"
    image.AcquisitionNumber = 4
    image.PatientOrientation = ["L", "P"]
    return image


def magnetic_resonance() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.4", "MR")
    _plane(image)
    image.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    image.ScanningSequence = ["SE", "IR"]
    image.SequenceVariant = ["SK", "SP"]
    image.ScanOptions = ["FS", "SP"]
    image.MRAcquisitionType = "2D"
    image.SequenceName = SECRET
    image.RepetitionTime, image.EchoTime, image.EchoTrainLength = "4000", "98.5", 7
    image.InversionTime = "150"
    image.EchoNumbers = 1
    image.MagneticFieldStrength = "1.5"
    image.FlipAngle = "90"
    image.SpacingBetweenSlices = "2.2"
    image.AcquisitionNumber = 1
    return image


def secondary_capture() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.7", "OT", allocated=8, stored=8)
    image.ConversionType = "WSD"
    image.SecondaryCaptureDeviceManufacturer = SECRET
    image.PatientOrientation = ["L", "F"]
    image.ImageType = ["DERIVED", "SECONDARY"]
    return image


def multiframe_secondary_capture() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.7.3", "OT", frames=3)
    image.ConversionType = "WSD"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.PatientOrientation = ["L", "F"]
    image.FrameIncrementPointer = 0x00181065
    image.FrameTimeVector = ["0", "40", "50"]
    image.PresentationLUTShape = "IDENTITY"
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "0", "1", "US"
    return image


def angiogram() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.12.1", "XA", frames=3, allocated=8, stored=8)
    image.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    image.PatientOrientation = ["L", "F"]
    image.PixelIntensityRelationship = "LIN"
    image.PixelIntensityRelationshipSign = 1
    image.RadiationSetting = "GR"
    image.KVP = "80"
    image.Exposure = "10"
    image.XRayTubeCurrent, image.ExposureTime = "100", "5"
    image.PositionerMotion = "STATIC"
    image.PositionerPrimaryAngle, image.PositionerSecondaryAngle = "-30.5", "10"
    image.FrameIncrementPointer = 0x00181063
    image.FrameTime = "40"
    image.ImagerPixelSpacing = ["0.3", "0.3"]
    image.DistanceSourceToDetector = "1000"
    return image


def ultrasound() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.6.1", "US", allocated=8, stored=8, samples=3)
    image.PatientOrientation = ""
    image.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    return image


def ultrasound_cine() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.3.1", "US", frames=3, allocated=8, stored=8, samples=3)
    image.PatientOrientation = ""
    image.FrameIncrementPointer = 0x00181063
    image.FrameTime = "33.3"
    image.HeartRate = 71
    return image


def positron_emission() -> Dataset:
    image = base("1.2.840.10008.5.1.4.1.1.128", "PT", stored=16)
    _plane(image)
    del image.PatientPosition
    image.SeriesTime = TIME
    image.AcquisitionNumber = 1
    image.RescaleIntercept, image.RescaleSlope = "0", "0.5"
    image.Units, image.CountsSource, image.SeriesType = "BQML", "EMISSION", ["WHOLE BODY", "IMAGE"]
    image.NumberOfSlices = 1
    image.CorrectedImage = ["ATTN", "DECY"]
    image.DecayCorrection = "START"
    image.CollimatorType = "NONE"
    image.ReconstructionMethod = SECRET
    image.FrameReferenceTime, image.ImageIndex = "0", 1
    image.ActualFrameDuration = 60000
    image.DecayFactor, image.DoseCalibrationFactor = "1.1", "1"
    image.RadiopharmaceuticalInformationSequence = Sequence(
        [
            item(
                RadionuclideCodeSequence=[code("77004003", "SCT", "^18^Fluorine")],
                RadiopharmaceuticalStartTime=TIME,
                Radiopharmaceutical=SECRET,
            )
        ]
    )
    image.PatientOrientationCodeSequence = Sequence(
        [
            code(
                "102538003",
                "SCT",
                "recumbent",
                PatientOrientationModifierCodeSequence=[code("40199007", "SCT", "supine")],
            )
        ]
    )
    image.PatientGantryRelationshipCodeSequence = Sequence([code("102540008", "SCT", "headfirst")])
    return image


KINDS: dict[str, Callable[[], Dataset]] = {
    "CR": computed_radiograph,
    "DX": digital_radiograph,
    "MG": mammogram,
    "CT": tomogram,
    "MR": magnetic_resonance,
    "SC": secondary_capture,
    "multi-frame SC": multiframe_secondary_capture,
    "XA": angiogram,
    "US": ultrasound,
    "multi-frame US": ultrasound_cine,
    "PET": positron_emission,
}


def write(image: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.save_as(path, enforce_file_format=True)
    return path
