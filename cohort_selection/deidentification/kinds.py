"""Kinds of images that can be copied, and the attributes that each needs.

A copy leaves out names, dates and descriptions. Of these its kind wants some present, if empty
(type 2 of PS3.3), and the enhanced kinds want some with a value (type 1), which is then a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.uid import UID, SecondaryCaptureImageStorage

from cohort_selection.deidentification.rules import DAY, REMOVED, TIME

NO_ITEM = ()
"""The value of a sequence that is present without an item."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of images: ``filled`` is in every copy of it that kept no value of its own there.

    ``dated``: its copies have what is in ``WHERE_SAID``.
    """

    name: str
    filled: Mapping[str, str | tuple[()]]
    dated: bool = False


def _empty(words: str) -> dict[str, str | tuple[()]]:
    return dict.fromkeys(words.split(), "")


def _without_items(words: str) -> dict[str, str | tuple[()]]:
    return dict.fromkeys(words.split(), NO_ITEM)


_EVERY = _empty(
    "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime AccessionNumber "
    "ReferringPhysicianName StudyID SeriesNumber Manufacturer InstanceNumber"
)
_NO_CONTEXT = _without_items("AcquisitionContextSequence")
_PROJECTION = _empty("PatientOrientation DetectorType PositionerType ImageLaterality") | _NO_CONTEXT
_ONE_FRAME = {"NumberOfFrames": "1"}  # an image of more that does not say so is not copied
_ENHANCED: dict[str, str | tuple[()]] = {
    **_ONE_FRAME,
    **dict.fromkeys(
        ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"), REMOVED
    ),
    "ContentDate": DAY,
    "ContentTime": TIME,
    **_NO_CONTEXT,
}
_EYE = (
    _empty(
        "PatientOrientation DetectorType PatientEyeMovementCommanded EmmetropicMagnification "
        "IntraOcularPressure HorizontalFieldOfView PupilDilated"
    )
    | _without_items(
        "AcquisitionDeviceTypeCodeSequence IlluminationTypeCodeSequence "
        "LightPathFilterTypeStackCodeSequence ImagePathFilterTypeStackCodeSequence "
        "LensesCodeSequence RefractiveStateSequence"
    )
    | _NO_CONTEXT
    | _ONE_FRAME
    | {"ContentDate": DAY, "ContentTime": TIME}
)
_RADIOTHERAPY = _empty(
    "PatientOrientation OperatorsName RadiationMachineName PrimaryDosimeterUnit"
) | {"RTImageLabel": REMOVED}
_ANGIOGRAM = _empty(
    "PatientOrientation KVP Exposure XRayTubeCurrent ExposureTime PositionerPrimaryAngle "
    "PositionerSecondaryAngle PositionerMotion"
)
_ROOT = "1.2.840.10008.5.1.4.1.1."

WHERE_SAID: Mapping[str, str] = MappingProxyType(
    {"AcquisitionDateTime": DAY + TIME, "PulseSequenceName": REMOVED}
)
"""What a copy of an enhanced image, or of an eye, has where its source has it."""

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        _ROOT + ending: Kind(UID(_ROOT + ending).name, _EVERY | filled, filled in (_ENHANCED, _EYE))
        for endings, filled in (
            ("1", _empty("BodyPartExamined ViewPosition PatientOrientation")),
            ("1.1 1.1.1 1.3 1.3.1", _PROJECTION),
            ("1.2 1.2.1", _PROJECTION | {"OrganExposed": "BREAST"}),
            ("2", _empty("PatientOrientation KVP AcquisitionNumber")),
            ("4", _empty("ScanOptions MRAcquisitionType EchoTime EchoTrainLength RepetitionTime")),
            ("7", _empty("PatientOrientation")),
            ("7.1 7.2 7.3 7.4 3.1", _empty("PatientOrientation") | _ONE_FRAME),
            ("12.1 12.2", _ANGIOGRAM),
            ("6 6.1 3", _empty("PatientOrientation")),
            ("2.1 2.2 4.1 4.4 128.1", _ENHANCED),
            ("77.1.1 77.1.2 77.1.4", _empty("PatientOrientation") | _NO_CONTEXT),
            ("77.1.5.1 77.1.5.2", _EYE),
            ("481.1", _RADIOTHERAPY),
            (
                "20",
                _empty("CountsAccumulated ActualFrameDuration AcquisitionTerminationCondition")
                | _ONE_FRAME
                | _without_items(
                    "EnergyWindowInformationSequence RadiopharmaceuticalInformationSequence "
                    "DetectorInformationSequence PatientOrientationCodeSequence "
                    "PatientGantryRelationshipCodeSequence"
                ),
            ),
            (
                "128",
                _empty(
                    "AcquisitionDate AcquisitionTime CorrectedImage CollimatorType "
                    "ActualFrameDuration AcquisitionNumber"
                )
                | _without_items(
                    "RadiopharmaceuticalInformationSequence PatientOrientationCodeSequence "
                    "PatientGantryRelationshipCodeSequence"
                )
                | {"SeriesDate": DAY, "SeriesTime": TIME},
            ),
        )
        for ending in endings.split()
    }
)
"""SOP class -> its kind."""


def kind_of(sop_class: str) -> tuple[str, Kind | None]:
    """The class that a copy of such an image has, and its kind; None where there is no copy.

    An image without a class, or with a vendor's own, becomes a secondary capture.
    """
    uid = UID(sop_class)
    if not uid.keyword:
        uid = SecondaryCaptureImageStorage
    return uid, KINDS.get(uid)
