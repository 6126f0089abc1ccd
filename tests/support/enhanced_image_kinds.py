"""One small valid image of each enhanced kind that a copy is made of, as ``image_kinds``."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.support.image_kinds import MOMENT, SECRET, TIME, base, code, item


def _dimensions(image: Dataset, *names: str) -> None:
    organisation = generate_uid()
    image.DimensionOrganizationSequence = Sequence([item(DimensionOrganizationUID=organisation)])
    tags = {
        "StackID": 0x00209056,
        "InStackPositionNumber": 0x00209057,
        "TemporalPositionIndex": 0x00209128,
        "EffectiveEchoTime": 0x00189082,
    }
    groups = {"EffectiveEchoTime": 0x00189114}
    image.DimensionIndexSequence = Sequence(
        [
            item(
                DimensionOrganizationUID=organisation,
                DimensionIndexPointer=tags[name],
                FunctionalGroupPointer=groups.get(name, 0x00209111),
                DimensionDescriptionLabel=SECRET,
            )
            for name in names
        ]
    )


def _enhanced(sop_class: str, modality: str, frames: int, kind: list[str]) -> Dataset:
    image = base(sop_class, modality, frames=frames, stored=16)
    image.ImageType = kind
    image.FrameOfReferenceUID = generate_uid()
    image.PositionReferenceIndicator = ""
    image.PixelPresentation = "MONOCHROME"
    image.VolumetricProperties = "VOLUME"
    image.VolumeBasedCalculationTechnique = "NONE"
    image.ContentQualification = "PRODUCT"
    image.AcquisitionNumber = 1
    image.AcquisitionDateTime = MOMENT
    image.AcquisitionDuration = 1.5
    image.PresentationLUTShape = "IDENTITY"
    image.AcquisitionContextSequence = Sequence()
    image.PatientPosition = "HFS"
    for name in ("AcquisitionDate", "AcquisitionTime", "ImageComments", "BodyPartExamined"):
        if name in image:
            delattr(image, name)
    return image


def _frame_kind(image: Dataset) -> Dataset:
    return item(
        FrameType=list(image.ImageType),
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )


def _shared(image: Dataset) -> Dataset:
    return item(
        PixelMeasuresSequence=[
            item(PixelSpacing=["0.5", "0.5"], SliceThickness="2", SpacingBetweenSlices="2")
        ],
        PlaneOrientationSequence=[item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
        FrameAnatomySequence=[
            item(
                AnatomicRegionSequence=[code("T-A0100", "SRT", SECRET)],
                FrameLaterality="U",
            )
        ],
        FrameVOILUTSequence=[item(WindowCenter="40", WindowWidth="400")],
    )


def _frames(n_times: int, n_slices: int, *, dated: bool = True) -> list[Dataset]:
    items = []
    for time in range(n_times):
        for place in range(n_slices):
            content = item(
                StackID=SECRET[:14],
                InStackPositionNumber=place + 1,
                TemporalPositionIndex=time + 1,
                DimensionIndexValues=[1, place + 1, time + 1],
            )
            if dated:
                content.FrameReferenceDateTime = MOMENT
                content.FrameAcquisitionDateTime = MOMENT
                content.FrameAcquisitionDuration = 100.0
                content.FrameAcquisitionNumber = time + 1
            items.append(
                item(
                    FrameContentSequence=[content],
                    PlanePositionSequence=[
                        item(ImagePositionPatient=["-10", "-20.5", str(2.0 * place)])
                    ],
                    TemporalPositionSequence=[item(TemporalPositionTimeOffset=12.5 * time)],
                )
            )
    return items


def enhanced_tomogram() -> Dataset:
    """Two times of four slices."""
    image = _enhanced(
        "1.2.840.10008.5.1.4.1.1.2.1", "CT", 8, ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    )
    _dimensions(image, "StackID", "InStackPositionNumber", "TemporalPositionIndex")
    shared = _shared(image)
    shared.update(
        item(
            PixelValueTransformationSequence=[
                item(RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU")
            ],
            CTImageFrameTypeSequence=[_frame_kind(image)],
            IrradiationEventIdentificationSequence=[item(IrradiationEventUID=generate_uid())],
            CTAcquisitionTypeSequence=[
                item(
                    AcquisitionType="SEQUENCED",
                    ConstantVolumeFlag="NO",
                    FluoroscopyFlag="NO",
                )
            ],
            CTAcquisitionDetailsSequence=[
                item(
                    RotationDirection="CW",
                    RevolutionTime=0.5,
                    SingleCollimationWidth=0.6,
                    TotalCollimationWidth=38.4,
                    TableHeight=150.0,
                    GantryDetectorTilt=0.0,
                    DataCollectionDiameter=500.0,
                )
            ],
            CTPositionSequence=[
                item(
                    TablePosition=10.0,
                    DataCollectionCenterPatient=[0.0, 0.0, 0.0],
                    ReconstructionTargetCenterPatient=[0.0, 0.0, 0.0],
                )
            ],
            CTTableDynamicsSequence=[item(TableSpeed=0.0)],
            CTGeometrySequence=[
                item(
                    DistanceSourceToDetector="1000",
                    DistanceSourceToDataCollectionCenter=570.0,
                )
            ],
            CTReconstructionSequence=[
                item(
                    ReconstructionAlgorithm="FILTER_BACK_PROJ",
                    ConvolutionKernel=SECRET,
                    ConvolutionKernelGroup="LUNG",
                    ReconstructionDiameter="350",
                    ReconstructionPixelSpacing=[0.5, 0.5],
                    ReconstructionAngle=360.0,
                    ImageFilter=SECRET,
                )
            ],
            CTExposureSequence=[
                item(
                    EstimatedDoseSaving=1.0,
                    ExposureTimeInms=500.0,
                    XRayTubeCurrentInmA=200.0,
                    ExposureInmAs=100.0,
                    ExposureModulationType="NONE",
                    CTDIvol=5.0,
                    CTDIPhantomTypeCodeSequence=[code("113691", "DCM", "IEC Body")],
                )
            ],
            CTXRayDetailsSequence=[
                item(
                    KVP="120",
                    FocalSpots=[1.2],
                    FilterType="NONE",
                    FilterMaterial="ALUMINUM",
                    CalciumScoringMassFactorPatient=0.1,
                )
            ],
        )
    )
    image.SharedFunctionalGroupsSequence = Sequence([shared])
    image.PerFrameFunctionalGroupsSequence = Sequence(_frames(2, 4))
    return image


def legacy_tomogram() -> Dataset:
    """Three slices of a single-frame series, converted."""
    image = _enhanced(
        "1.2.840.10008.5.1.4.1.1.2.2", "CT", 3, ["ORIGINAL", "PRIMARY", "AXIAL", "NONE"]
    )
    image.BodyPartExamined = "CHEST"
    _dimensions(image, "StackID", "InStackPositionNumber")
    shared = _shared(image)
    del shared.FrameAnatomySequence
    shared.update(
        item(
            PixelValueTransformationSequence=[
                item(RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU")
            ],
            CTImageFrameTypeSequence=[_frame_kind(image)],
            UnassignedSharedConvertedAttributesSequence=[item(KVP="120", ProtocolName=SECRET)],
        )
    )
    frames = _frames(1, 3)
    for k, frame in enumerate(frames):
        frame.FrameContentSequence[0].DimensionIndexValues = [1, k + 1]
        del frame.FrameContentSequence[0].TemporalPositionIndex
        del frame.TemporalPositionSequence
        frame.update(
            item(
                UnassignedPerFrameConvertedAttributesSequence=[item(ContentTime=TIME)],
                ConversionSourceAttributesSequence=[
                    item(
                        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
                        ReferencedSOPInstanceUID=generate_uid(),
                    )
                ],
            )
        )
    image.SharedFunctionalGroupsSequence = Sequence([shared])
    image.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return image


def enhanced_magnetic_resonance() -> Dataset:
    """Two echoes of three slices."""
    image = _enhanced("1.2.840.10008.5.1.4.1.1.4.1", "MR", 6, ["ORIGINAL", "PRIMARY", "M", "NONE"])
    image.update(
        item(
            ResonantNucleus="1H",
            KSpaceFiltering="NONE",
            MagneticFieldStrength=1.5,
            ApplicableSafetyStandardAgency="IEC",
            PulseSequenceName=SECRET,
            MRAcquisitionType="3D",
            EchoPulseSequence="GRADIENT",
            MultiPlanarExcitation="NO",
            PhaseContrast="NO",
            TimeOfFlightContrast="NO",
            SteadyStatePulseSequence="NONE",
            EchoPlanarPulseSequence="NO",
            SaturationRecovery="NO",
            SpectrallySelectedSuppression="NONE",
            OversamplingPhase="NONE",
            GeometryOfKSpaceTraversal="RECTILINEAR",
            SegmentedKSpaceTraversal="SINGLE",
            RectilinearPhaseEncodeReordering="LINEAR",
            CoverageOfKSpace="FULL",
            NumberOfKSpaceTrajectories=1,
            ComplexImageComponent="MAGNITUDE",
            AcquisitionContrast="T1",
        )
    )
    _dimensions(image, "StackID", "InStackPositionNumber", "EffectiveEchoTime")
    shared = _shared(image)
    kind = _frame_kind(image)
    kind.ComplexImageComponent, kind.AcquisitionContrast = "MAGNITUDE", "T1"
    coil = item(
        TransmitCoilName=SECRET, TransmitCoilManufacturerName=SECRET, TransmitCoilType="BODY"
    )
    shared.update(
        item(
            MRImageFrameTypeSequence=[kind],
            PixelValueTransformationSequence=[
                item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
            ],
            MRTimingAndRelatedParametersSequence=[
                item(
                    RepetitionTime="600",
                    FlipAngle="90",
                    EchoTrainLength=0,
                    RFEchoTrainLength=0,
                    GradientEchoTrainLength=1,
                    GradientOutputType="DB_DT",
                    GradientOutput=1.0,
                    SpecificAbsorptionRateSequence=[
                        item(
                            SpecificAbsorptionRateDefinition="IEC_WHOLE_BODY",
                            SpecificAbsorptionRateValue=1.0,
                        )
                    ],
                    OperatingModeSequence=[
                        item(OperatingModeType="GRADIENT", OperatingMode="IEC_NORMAL")
                    ],
                )
            ],
            MRFOVGeometrySequence=[
                item(
                    InPlanePhaseEncodingDirection="ROW",
                    MRAcquisitionFrequencyEncodingSteps=8,
                    MRAcquisitionPhaseEncodingStepsInPlane=8,
                    MRAcquisitionPhaseEncodingStepsOutOfPlane=3,
                    PercentSampling="100",
                    PercentPhaseFieldOfView="100",
                )
            ],
            MRModifierSequence=[
                item(
                    InversionRecovery="NO",
                    FlowCompensation="NONE",
                    Spoiling="RF",
                    T2Preparation="NO",
                    SpectrallySelectedExcitation="NONE",
                    SpatialPresaturation="NONE",
                    PartialFourier="NO",
                    ParallelAcquisition="NO",
                )
            ],
            MRImagingModifierSequence=[
                item(
                    MagnetizationTransfer="NONE",
                    BloodSignalNulling="NO",
                    Tagging="NONE",
                    TransmitterFrequency=63.8,
                    PixelBandwidth="200",
                )
            ],
            MRReceiveCoilSequence=[
                item(
                    ReceiveCoilName=SECRET,
                    ReceiveCoilManufacturerName=SECRET,
                    ReceiveCoilType="BODY",
                    QuadratureReceiveCoil="YES",
                )
            ],
            MRTransmitCoilSequence=[coil],
            MRAveragesSequence=[item(NumberOfAverages="1")],
        )
    )
    frames = _frames(2, 3)
    for frame in frames:
        echo = int(frame.FrameContentSequence[0].TemporalPositionIndex)
        del frame.FrameContentSequence[0].TemporalPositionIndex
        del frame.TemporalPositionSequence
        frame.MREchoSequence = Sequence([item(EffectiveEchoTime=4.6 * echo)])
    image.SharedFunctionalGroupsSequence = Sequence([shared])
    image.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return image


ENHANCED_KINDS: dict[str, Callable[[], Dataset]] = {
    "enhanced CT": enhanced_tomogram,
    "legacy enhanced CT": legacy_tomogram,
    "enhanced MR": enhanced_magnetic_resonance,
}
