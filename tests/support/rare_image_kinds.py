"""One small valid image of each rarer kind that a copy is made of, as ``image_kinds``."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.support import enhanced_image_kinds, image_kinds
from tests.support.image_kinds import SECRET, base, code

ROOT = "1.2.840.10008.5.1.4.1.1."


def fluoroscopy() -> Dataset:
    image = image_kinds.angiogram()
    image.SOPClassUID, image.Modality = f"{ROOT}12.2", "RF"
    for name in (
        *("PositionerPrimaryAngle", "PositionerSecondaryAngle", "PositionerMotion"),
        *("ImagerPixelSpacing", "PixelIntensityRelationshipSign"),
    ):
        delattr(image, name)
    return image


def colour_capture() -> Dataset:
    image = base(f"{ROOT}7.4", "OT", frames=2, allocated=8, stored=8, samples=3)
    image.ConversionType, image.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    image.PatientOrientation = ["L", "F"]
    image.FrameIncrementPointer, image.FrameTime = 0x00181063, "40"
    return image


def grey_capture() -> Dataset:
    image = image_kinds.multiframe_secondary_capture()
    other = base(f"{ROOT}7.2", "OT", frames=3, allocated=8, stored=8)
    for name in ("SOPClassUID", "PixelData", "BitsAllocated", "BitsStored", "HighBit"):
        image[name] = other[name]
    return image


def legacy_magnetic_resonance() -> Dataset:
    image = enhanced_image_kinds.legacy_tomogram()
    image.SOPClassUID, image.Modality = f"{ROOT}4.4", "MR"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    image.ComplexImageComponent, image.AcquisitionContrast = "MAGNITUDE", "T1"
    shared = image.SharedFunctionalGroupsSequence[0]
    shared.MRImageFrameTypeSequence = shared.CTImageFrameTypeSequence
    del shared.CTImageFrameTypeSequence
    kind = shared.MRImageFrameTypeSequence[0]
    kind.FrameType = image.ImageType
    kind.ComplexImageComponent, kind.AcquisitionContrast = "MAGNITUDE", "T1"
    shared.PixelValueTransformationSequence[0].RescaleType = "US"
    return image


def legacy_positron_emission() -> Dataset:
    image = enhanced_image_kinds.legacy_tomogram()
    image.SOPClassUID, image.Modality = f"{ROOT}128.1", "PT"
    shared = image.SharedFunctionalGroupsSequence[0]
    shared.PETFrameTypeSequence = shared.CTImageFrameTypeSequence
    del shared.CTImageFrameTypeSequence
    shared.PixelValueTransformationSequence[0].RescaleType = "US"
    return image


def _visible_light(ending: str, modality: str) -> Dataset:
    image = base(ROOT + ending, modality, allocated=8, stored=8, samples=3)
    image.PatientOrientation = ""
    image.AcquisitionContextSequence = Sequence()
    image.AnatomicRegionSequence = Sequence([code("81745001", "SCT", SECRET)])
    image.ImageLaterality = "L"
    return image


def endoscopy() -> Dataset:
    return _visible_light("77.1.1", "ES")


def microscopy() -> Dataset:
    return _visible_light("77.1.2", "GM")


def photograph() -> Dataset:
    return _visible_light("77.1.4", "XC")


def fundus_photograph() -> Dataset:
    image = _visible_light("77.1.5.1", "OP")
    image.ImageType = ["ORIGINAL", "PRIMARY", "", "COLOR"]
    image.ImageLaterality = "R"
    image.NumberOfFrames, image.FrameIncrementPointer, image.FrameTime = 1, 0x00181063, "0"
    image.SynchronizationFrameOfReferenceUID = generate_uid()
    image.SynchronizationTrigger, image.AcquisitionTimeSynchronized = "NO TRIGGER", "N"
    image.AcquisitionDateTime = "20210304111213"
    image.PixelSpacing = ["0.01", "0.01"]
    image.AcquisitionDeviceTypeCodeSequence = Sequence([code("409898007", "SCT", SECRET)])
    for name in (
        *("IlluminationTypeCodeSequence", "LightPathFilterTypeStackCodeSequence"),
        *("ImagePathFilterTypeStackCodeSequence", "LensesCodeSequence", "RefractiveStateSequence"),
    ):
        setattr(image, name, Sequence())
    image.DetectorType = "CCD"
    image.PatientEyeMovementCommanded = image.PupilDilated = ""
    for name in ("EmmetropicMagnification", "IntraOcularPressure", "HorizontalFieldOfView"):
        setattr(image, name, None)
    return image


def portal_image() -> Dataset:
    image = base(f"{ROOT}481.1", "RTIMAGE")
    image.ImageType = ["ORIGINAL", "PRIMARY", "PORTAL"]
    image.ConversionType, image.ReportedValuesOrigin = "DI", "ACTUAL"
    image.RTImageLabel = image.RadiationMachineName = SECRET[:16]
    image.RTImagePlane, image.PrimaryDosimeterUnit = "NORMAL", "MU"
    image.RTImagePosition, image.ImagePlanePixelSpacing = ["0", "0"], ["0.4", "0.4"]
    image.RTImageOrientation = ["1", "0", "0", "0", "-1", "0"]
    image.RadiationMachineSAD, image.RTImageSID = "1000", "1500"
    image.XRayImageReceptorAngle = image.GantryAngle = "0"
    image.BeamLimitingDeviceAngle = image.PatientSupportAngle = "0"
    image.IsocenterPosition = image.XRayImageReceptorTranslation = ["0", "0", "0"]
    image.PatientOrientation, image.PatientPosition = "", "HFS"
    image.OperatorsName, image.ApprovalStatus = SECRET, "UNAPPROVED"
    return image


def scintigram() -> Dataset:
    image = base(f"{ROOT}20", "NM", frames=2, stored=16)
    image.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    image.FrameIncrementPointer = [0x00540010, 0x00540020]
    image.EnergyWindowVector, image.DetectorVector = [1, 1], [1, 2]
    image.NumberOfEnergyWindows, image.NumberOfDetectors = 1, 2
    image.PixelSpacing = ["2", "2"]
    image.CountsAccumulated, image.ActualFrameDuration = 1000, 60000
    image.AcquisitionTerminationCondition = image.PatientOrientation = ""
    image.FrameOfReferenceUID, image.PositionReferenceIndicator = generate_uid(), ""
    for name in (
        *("EnergyWindowInformationSequence", "RadiopharmaceuticalInformationSequence"),
        *("DetectorInformationSequence", "PatientOrientationCodeSequence"),
        "PatientGantryRelationshipCodeSequence",
    ):
        setattr(image, name, Sequence())
    return image


ALL_KINDS: dict[str, Callable[[], Dataset]] = {
    **image_kinds.KINDS,
    **enhanced_image_kinds.ENHANCED_KINDS,
    "RF": fluoroscopy,
    "colour multi-frame SC": colour_capture,
    "grey byte multi-frame SC": grey_capture,
    "legacy enhanced MR": legacy_magnetic_resonance,
    "legacy enhanced PET": legacy_positron_emission,
    "endoscopy": endoscopy,
    "microscopy": microscopy,
    "photograph": photograph,
    "fundus photograph": fundus_photograph,
    "RT image": portal_image,
    "NM": scintigram,
}
"""The images of all modules of this kind."""
