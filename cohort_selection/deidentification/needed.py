"""What an image must say, and what becomes of one that does not: one table.

The elements of type 1 of the kinds that can be copied (PS3.3, mandatory modules), with those that
have a condition and that a picture depends on. An image that says less than a decoder or a study
needs is quarantined by ``index``, and the copy refuses it by the same judge. Every other copy says
as little as its source, except where one value alone is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Lacking(StrEnum):
    """What becomes of an image without a value of an element."""

    QUARANTINED = "quarantined at index, refused at the copy"
    MADE = "the copy has the one value that is right"
    LACKING = "the copy lacks it too: its picture is read without"


class Unfit(StrEnum):
    """What becomes of an image whose value a copy cannot hold: no term, no number, too many."""

    REFUSED = "refused at the copy"
    LEFT_OUT = "left out of the copy, or replaced by the word for: other"


@dataclass(frozen=True, slots=True)
class Need:
    """What becomes of an image that does not say an element rightly."""

    lacking: Lacking
    unfit: Unfit


def _all(words: str, lacking: Lacking, unfit: Unfit) -> dict[str, Need]:
    return dict.fromkeys(words.split(), Need(lacking, unfit))


NEEDED: Mapping[str, Need] = MappingProxyType(
    {
        # Which image and study. A copy has UIDs of its own, whatever the values were.
        **_all(
            "StudyInstanceUID SOPInstanceUID Modality",
            Lacking.QUARANTINED,
            Unfit.LEFT_OUT,
        ),
        # An image of no series is a series of its own; one of no class is a secondary capture.
        **_all("SeriesInstanceUID SOPClassUID", Lacking.MADE, Unfit.LEFT_OUT),
        # How the pixels are read
        **_all(
            """Rows Columns BitsAllocated BitsStored PixelRepresentation SamplesPerPixel
            PhotometricInterpretation
            """,
            Lacking.QUARANTINED,
            Unfit.REFUSED,
        ),
        # The bit below BitsStored, one frame where the pixels are of one, colours pixel by pixel.
        **_all("HighBit NumberOfFrames PlanarConfiguration", Lacking.MADE, Unfit.REFUSED),
        # What the pixels mean, and where they lie
        **_all(
            """RescaleIntercept RescaleSlope ModalityLUTSequence PixelSpacing ImagerPixelSpacing
            ImagePositionPatient ImageOrientationPatient
            """,
            Lacking.LACKING,
            Unfit.REFUSED,
        ),
        # What describes the image to people and to programs that order images
        **_all(
            """ImageType FrameOfReferenceUID SynchronizationFrameOfReferenceUID InstanceNumber
            BurnedInAnnotation LossyImageCompression PresentationIntentType PresentationLUTShape
            PixelIntensityRelationship PixelIntensityRelationshipSign RescaleType ImageLaterality
            AnatomicRegionSequence ViewCodeSequence ConversionType PositionerType RadiationSetting
            FrameIncrementPointer
            """,
            Lacking.LACKING,
            Unfit.LEFT_OUT,
        ),
        # Of one kind or a few: enhanced images, magnetic resonance, nuclear medicine, positron
        # emission, the eye, radiotherapy
        **_all(
            """PixelPresentation VolumeBasedCalculationTechnique VolumetricProperties
            SharedFunctionalGroupsSequence DimensionOrganizationSequence ContentQualification
            SequenceVariant ScanningSequence NumberOfDetectors NumberOfEnergyWindows DecayCorrection
            ImageIndex Units SeriesType CountsSource FrameReferenceTime NumberOfSlices
            AcquisitionTimeSynchronized SynchronizationTrigger RTImagePlane
            """,
            Lacking.LACKING,
            Unfit.LEFT_OUT,
        ),
    }
)
"""Element -> what becomes of an image that does not say it. ``kinds`` fills the others."""
