"""The closed list of elements that a de-identified copy keeps, and the rule for each value.

Every attribute here describes the image itself. Its value is a term of the standard, a number
within bounds, written in one way, a code of the standard's own groups, a UID drawn again, or a
constant of ours: nothing that somebody wrote can pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cohort_selection.deidentification.numbers import NoNumber, decimal, decimal_text, whole
from cohort_selection.deidentification.terms import TERMS, TERMS_WITHIN_ITEMS, ImageTypes, Terms

DAY, TIME = "20000101", "000000"
"""The day and the time of every image whose kind wants one: as of every sealed file."""
REMOVED = "REMOVED"
"""What a name is where a kind of image may not be without one."""


@dataclass(frozen=True, slots=True)
class Decimals:
    """Decimal strings: at most ``several``, none beyond ``limit``; ``emptied`` where they are."""

    several: int = 1
    limit: float = 1e6
    emptied: bool = False

    def clean(self, texts: Sequence[str]) -> list[str] | None:
        """Each number in at most 16 characters; None where one is none. Raises NoNumber."""
        if len(texts) > self.several:
            return None
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> str:
        if not text:
            return ""
        value = decimal(text)
        if abs(value) > self.limit:
            raise NoNumber(f"{text[:40]!r}, which is beyond {self.limit:g}")
        return decimal_text(value)


@dataclass(frozen=True, slots=True)
class Wholes:
    """Integer strings, as :class:`Decimals`."""

    several: int = 1
    limit: int = 999_999
    emptied: bool = False

    def clean(self, texts: Sequence[str]) -> list[str] | None:
        """Each number in plain digits; None where there are too many. Raises NoNumber."""
        if len(texts) > self.several:
            return None
        return [str(self._one(text)) if text else "" for text in texts]

    def _one(self, text: str) -> int:
        value = whole(text)
        if abs(value) > self.limit:
            raise NoNumber(f"{text[:40]!r}, which is beyond {self.limit}")
        return value


@dataclass(frozen=True, slots=True)
class Binary:
    """Numbers that are stored in binary: at most ``several``, none beyond ``limit``."""

    several: int = 1
    limit: float = 1e6


@dataclass(frozen=True, slots=True)
class Constant:
    """Present in the source, it is this in every copy."""

    text: str


@dataclass(frozen=True, slots=True)
class Keep:
    """A way to keep an attribute that says all by its name."""

    how: str


BULK = Keep("bulk")  # tables and pixels, byte for byte
ITEMS = Keep("items")  # each item cleaned by the same list
CODES = Keep("codes")  # codes of the standard's groups
NO_ITEM = Keep("no item")  # present, without an item
BARE_ITEM = Keep("bare item")  # present, with an item that is empty
RENEWED = Keep("renewed")  # a UID drawn again
POINTER = Keep("pointer")  # a tag of the standard's dictionary
NUMBERED = Keep("numbered")  # a name, replaced by a number

Rule = Terms | ImageTypes | Decimals | Wholes | Binary | Constant | Keep


def _all(words: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(words.split(), rule)


PALETTES = tuple(
    f"{colour}PaletteColorLookupTable{what}"
    for colour in ("Red", "Green", "Blue")
    for what in ("Descriptor", "Data")
)

RULES: dict[str, Rule] = {
    **TERMS,
    # What a pixel means may have any size, since a copy must mean the same. No other number can be
    # a date, or as long as one.
    **_all("RescaleIntercept RescaleSlope", Decimals(limit=1e15)),
    **_all("WindowCenter WindowWidth", Decimals(several=32, limit=1e7)),
    **_all("PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing", Decimals(2)),
    "ImagePositionPatient": Decimals(3),
    "ImageOrientationPatient": Decimals(6),
    "LossyImageCompressionRatio": Decimals(8),
    "FrameTimeVector": Decimals(100_000),
    "FrameReferenceTime": Decimals(limit=1e7),
    **_all(
        """SliceThickness SpacingBetweenSlices SliceLocation GantryDetectorTilt
        EstimatedRadiographicMagnificationFactor
        EchoTime RepetitionTime InversionTime FlipAngle MagneticFieldStrength TriggerTime FrameTime
        DecayFactor DoseCalibrationFactor SliceSensitivityFactor
        """,
        Decimals(emptied=True),
    ),
    **_all("InstanceNumber AcquisitionNumber EchoTrainLength", Wholes(emptied=True)),
    **_all("NumberOfFrames TemporalPositionIdentifier NumberOfTemporalPositions", Wholes()),
    "EchoNumbers": Wholes(16),
    "PixelAspectRatio": Wholes(2),
    "ActualFrameDuration": Wholes(limit=10**7),
    **_all(
        """SamplesPerPixel PlanarConfiguration Rows Columns BitsAllocated BitsStored HighBit
        PixelRepresentation PixelIntensityRelationshipSign NumberOfSlices ImageIndex
        NumberOfKSpaceTrajectories DiffusionBValue
        """,
        Binary(),
    ),
    "DiffusionGradientOrientation": Binary(3),
    "AcquisitionDuration": Binary(limit=1e7),
    **_all("PixelPaddingValue PixelPaddingRangeLimit", Binary(limit=1e10)),
    **_all("FloatPixelPaddingValue DoubleFloatPixelPaddingValue", Binary(limit=1e40)),
    **_all(" ".join(name for name in PALETTES if name.endswith("Descriptor")), Binary(3)),
    **_all(" ".join(name for name in PALETTES if name.endswith("Data")), BULK),
    **_all("PixelData FloatPixelData DoubleFloatPixelData", BULK),
    **_all("ExtendedOffsetTable ExtendedOffsetTableLengths", BULK),
    # Which detector, energy window, place or time a frame of nuclear medicine is of
    **_all(
        """EnergyWindowVector DetectorVector PhaseVector RotationVector RRIntervalVector
        TimeSlotVector SliceVector AngularViewVector TimeSliceVector
        """,
        Binary(100_000),
    ),
    **_all(
        """NumberOfEnergyWindows NumberOfDetectors NumberOfPhases NumberOfRotations
        NumberOfRRIntervals NumberOfTimeSlots NumberOfTimeSlices
        """,
        Binary(),
    ),
    # Where the receptor of an image of radiotherapy stood
    **_all("ImagePlanePixelSpacing RTImagePosition", Decimals(2)),
    "RTImageOrientation": Decimals(6),
    **_all(
        """RadiationMachineSAD RTImageSID XRayImageReceptorAngle GantryAngle
        BeamLimitingDeviceAngle PatientSupportAngle
        """,
        Decimals(emptied=True),
    ),
    **_all("IsocenterPosition XRayImageReceptorTranslation", Decimals(3)),
    "FrameIncrementPointer": POINTER,
    **_all("FrameOfReferenceUID SynchronizationFrameOfReferenceUID", RENEWED),
    **_all(
        """ModalityLUTSequence VOILUTSequence SequenceOfUltrasoundRegions
        DimensionOrganizationSequence DimensionIndexSequence
        SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence
        """,
        ITEMS,
    ),
    **_all(
        """AnatomicRegionSequence ViewCodeSequence PatientOrientationCodeSequence
        PatientGantryRelationshipCodeSequence AcquisitionDeviceTypeCodeSequence
        IlluminationTypeCodeSequence LightPathFilterTypeStackCodeSequence
        ImagePathFilterTypeStackCodeSequence LensesCodeSequence RelativeImagePositionCodeSequence
        """,
        CODES,
    ),
    "AcquisitionContextSequence": NO_ITEM,
}
"""Keyword -> what its value must be; what is not here is left out."""

OF_IMAGE = frozenset(
    (
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData"),
        *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", *PALETTES),
    )
)
"""Keywords that are kept of the image itself, and never within an item: no picture hides there."""

WITHIN_ITEMS: dict[str, Rule] = {
    **TERMS_WITHIN_ITEMS,
    "LUTDescriptor": Binary(3),
    "LUTData": BULK,
    # Where a region of an ultrasound image lies, and how large its pixels are
    **_all(
        """RegionSpatialFormat RegionDataType RegionFlags RegionLocationMinX0 RegionLocationMinY0
        RegionLocationMaxX1 RegionLocationMaxY1 ReferencePixelX0 ReferencePixelY0
        PhysicalUnitsXDirection PhysicalUnitsYDirection PhysicalDeltaX PhysicalDeltaY
        ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY
        """,
        Binary(),
    ),
    # Where the frames of an object stand to each other
    **_all("DimensionIndexPointer FunctionalGroupPointer", POINTER),
    **_all("DimensionOrganizationUID IrradiationEventUID", RENEWED),
    "StackID": NUMBERED,
    "DimensionIndexValues": Binary(16),
    **_all(
        """FrameAcquisitionNumber InStackPositionNumber TemporalPositionIndex
        TemporalPositionTimeOffset EffectiveEchoTime NominalCardiacTriggerDelayTime
        NominalPercentageOfCardiacPhase
        """,
        Binary(),
    ),
    "FrameAcquisitionDuration": Binary(limit=1e7),
    **_all("FrameReferenceDateTime FrameAcquisitionDateTime", Constant(DAY + TIME)),
    # How a frame was made, which the enhanced images must say
    **_all("ReceiveCoilName TransmitCoilName ConvolutionKernel ImageFilter", Constant(REMOVED)),
    **_all("ReceiveCoilManufacturerName TransmitCoilManufacturerName", Constant("")),
    **_all(
        """KVP DistanceSourceToDetector DataCollectionDiameter ReconstructionDiameter TableHeight
        PercentSampling PercentPhaseFieldOfView PixelBandwidth NumberOfAverages
        """,
        Decimals(),
    ),
    "FocalSpots": Decimals(4),
    **_all(
        """TubeAngle RevolutionTime SingleCollimationWidth TotalCollimationWidth
        TableSpeed TableFeedPerRotation SpiralPitchFactor TablePosition
        DistanceSourceToDataCollectionCenter ReconstructionAngle EstimatedDoseSaving
        ExposureTimeInms XRayTubeCurrentInmA ExposureInmAs CTDIvol CalciumScoringMassFactorPatient
        ParallelReductionFactorInPlane ParallelReductionFactorOutOfPlane GradientOutput
        SpecificAbsorptionRateValue RFEchoTrainLength GradientEchoTrainLength
        MRAcquisitionFrequencyEncodingSteps MRAcquisitionPhaseEncodingStepsInPlane
        MRAcquisitionPhaseEncodingStepsOutOfPlane
        """,
        Binary(),
    ),
    **_all("InversionTimes TransmitterFrequency", Binary(8)),
    **_all("ReconstructionPixelSpacing ReconstructionFieldOfView", Binary(2)),
    **_all(
        """DataCollectionCenterPatient ReconstructionTargetCenterPatient
        CalciumScoringMassFactorDevice
        """,
        Binary(3),
    ),
    **_all(
        """PixelMeasuresSequence PlanePositionSequence PlaneOrientationSequence
        PixelValueTransformationSequence FrameVOILUTSequence FrameContentSequence
        FrameAnatomySequence TemporalPositionSequence CardiacSynchronizationSequence
        CTImageFrameTypeSequence MRImageFrameTypeSequence PETFrameTypeSequence
        IrradiationEventIdentificationSequence CTAcquisitionTypeSequence
        CTAcquisitionDetailsSequence CTTableDynamicsSequence CTPositionSequence CTGeometrySequence
        CTReconstructionSequence CTExposureSequence CTXRayDetailsSequence
        MREchoSequence MRDiffusionSequence DiffusionGradientDirectionSequence
        MRTimingAndRelatedParametersSequence OperatingModeSequence SpecificAbsorptionRateSequence
        MRFOVGeometrySequence MRModifierSequence MRImagingModifierSequence MRReceiveCoilSequence
        MRTransmitCoilSequence MRAveragesSequence
        """,
        ITEMS,
    ),
    **_all(
        """AnatomicRegionModifierSequence ViewModifierCodeSequence
        PatientOrientationModifierCodeSequence CTDIPhantomTypeCodeSequence
        """,
        CODES,
    ),
    "UnassignedPerFrameConvertedAttributesSequence": BARE_ITEM,
}
"""Keyword -> what its value must be within an item of a sequence, beside those above."""
