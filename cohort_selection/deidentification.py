"""Copy a DICOM image without anything that points back at a patient, a hospital or a label.

What is kept is a closed list of attributes that describe the image itself, so that nothing unknown
survives: no private element, no description, no date, no name. Real files carry the reference
standard in StudyDescription; that is why the rule is a list of what may stay, not of what must go
(the profile of PS3.15 E with every option for cleaning left out).
"""

from __future__ import annotations

import hmac
import io
import re
import warnings
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import get_expected_length
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

METHOD = "Sequestra allow-list 1"

_IMAGE_KEYWORDS = """
    SOPClassUID Modality BodyPartExamined ViewPosition PatientPosition PatientOrientation
    ImageLaterality Laterality InstanceNumber
    SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
    BitsAllocated BitsStored HighBit PixelRepresentation PixelAspectRatio
    PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing SliceThickness SpacingBetweenSlices
    ImagePositionPatient ImageOrientationPatient SliceLocation
    RescaleIntercept RescaleSlope RescaleType WindowCenter WindowWidth VOILUTFunction
    PixelIntensityRelationship PixelIntensityRelationshipSign PresentationLUTShape
    PixelPaddingValue PixelPaddingRangeLimit
    LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod
    BurnedInAnnotation
    RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor
    BluePaletteColorLookupTableDescriptor RedPaletteColorLookupTableData
    GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
    ModalityLUTSequence VOILUTSequence LUTDescriptor LUTData ModalityLUTType
    SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PixelMeasuresSequence
    PlanePositionSequence PlaneOrientationSequence PixelValueTransformationSequence
    FrameVOILUTSequence
    PixelData FloatPixelData DoubleFloatPixelData ExtendedOffsetTable ExtendedOffsetTableLengths
"""
KEPT = tuple(_IMAGE_KEYWORDS.split())
"""Keywords of what a copy keeps, in items of sequences too; ImageType is cleaned on its own."""
_IMAGE = frozenset(KEPT)
_RENAMED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
# Type 2 in every image's modules: the standard wants them present, and they may be empty.
_EMPTIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
_IMAGE_TYPES = frozenset(("ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER"))
_BODY = (
    "CHEST|THORAX|LUNG|HEART|RIB|RIBS|STERNUM|CLAVICLE|SHOULDER|ABDOMEN|PELVIS|HIP|HEAD|BRAIN|"
    "SKULL|NECK|SPINE|CSPINE|TSPINE|LSPINE|BREAST|ARM|ELBOW|HAND|WRIST|LEG|KNEE|ANKLE|FOOT|"
    "EXTREMITY|WHOLEBODY|PORTABLE|LEFT|RIGHT|UPPER|LOWER"
)
_UNITS = "HU|HU_MOD|OD|US|MGML|PCT|Z_EFF|ED|EDW"
# What a coded value may say; a code that is not a term of its attribute could say anything.
_TERMS = {
    keyword: re.compile(pattern)
    for keyword, pattern in {
        "Modality": "CR|DX|CT|MR|MG|US|XA|RF|NM|PT|PX|IO|OT|XC",
        "BodyPartExamined": rf"({_BODY})([ _]({_BODY})){{0,3}}",
        "ViewPosition": "AP|PA|LL|RL|LLD|RLD|LLO|RLO|LAT|LATERAL|CC|MLO|AP SUPINE|AP ERECT",
        "PatientPosition": "(HF|FF)(P|S|DR|DL)|AP|PA|LL|RL",
        "PatientOrientation": "[LRAPHF]{0,3}",
        "ImageLaterality": "[RLUB]",
        "Laterality": "[RL]",
        "PhotometricInterpretation": "MONOCHROME[12]|PALETTE COLOR|RGB|YBR_(FULL|FULL_422|ICT|RCT)",
        "RescaleType": _UNITS,
        "ModalityLUTType": _UNITS,
        "VOILUTFunction": "LINEAR|LINEAR_EXACT|SIGMOID",
        "PixelIntensityRelationship": "LIN|LOG|DISP",
        "PresentationLUTShape": "IDENTITY|INVERSE",
        "LossyImageCompression": "0[01]",
        "LossyImageCompressionMethod": "ISO_[0-9_]{4,8}",
        "BurnedInAnnotation": "YES|NO",
    }.items()
}
_NUMBER = re.compile(r"[-+0-9.eE ]{0,24}")  # longer than the standard's 16: real files are


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy's SHA-256, and what it may still say, since pixel data are kept byte for byte.

    ``burned_in``: the header admits text in the picture. ``comment``: the compressed stream has a
    comment or an Exif block of its own.
    """

    digest: str
    burned_in: bool
    comment: bool


class DeidentificationError(ValueError):
    """An image that cannot be copied safely."""


def new_uid(key: bytes, uid: str) -> str:
    """Return the UID that stands for ``uid`` under a secret key; the same one every time."""
    digest = hmac.new(key, b"uid\0" + uid.encode(), sha256).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def deidentify(source: Path, destination: Path, key: bytes) -> Copied:
    """Write a copy of ``source`` that keeps its pixel data, byte for byte, and its transfer syntax.

    Raises DeidentificationError where the file cannot be read or has no pixel data.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")  # odd values in what is about to be dropped
        try:
            original = pydicom.dcmread(source, force=True)
            kept = _kept(original)
        except Exception as error:  # pydicom has no closed list of errors for a damaged file
            raise DeidentificationError(
                f"{source.name} cannot be read as DICOM ({type(error).__name__}: {error}); "
                "index the commons again: it will be quarantined"
            ) from error
        if not any(
            name in kept for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
        ):
            raise DeidentificationError(f"{source.name} has no pixel data; leave its study out")
        _refuse_cut_short(kept, _syntax(original), source)
        if not UID(str(kept.get("SOPClassUID", ""))).keyword:  # missing, or a vendor's own class
            kept.SOPClassUID = SecondaryCaptureImageStorage
        for name in _RENAMED:
            uid = str(original.get(name) or "")
            if uid:
                setattr(kept, name, new_uid(key, uid))
        for name in _EMPTIED:
            setattr(kept, name, "")
        kept.PatientIdentityRemoved = "YES"
        kept.DeidentificationMethod = METHOD
        kept.file_meta = FileMetaDataset()
        kept.file_meta.TransferSyntaxUID = _syntax(original)
        kept.file_meta.MediaStorageSOPClassUID = kept.SOPClassUID
        kept.file_meta.MediaStorageSOPInstanceUID = kept.SOPInstanceUID
        # Through memory: where the disk fails, pydicom would say so as an error of the element.
        copy = io.BytesIO()
        kept.save_as(copy, enforce_file_format=True)
    destination.write_bytes(copy.getbuffer())
    return Copied(
        sha256(copy.getbuffer()).hexdigest(),
        str(original.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        kept.file_meta.TransferSyntaxUID.is_compressed and _has_comment(kept.get("PixelData")),
    )


def _refuse_cut_short(kept: Dataset, syntax: UID, source: Path) -> None:
    """Refuse uncompressed pixels that are not all there; a compressed stream has an end to miss."""
    if syntax.is_compressed or "PixelData" not in kept:
        return
    try:
        expected = get_expected_length(kept, unit="bytes")
    except (AttributeError, TypeError):  # without its rows and columns there is nothing to expect
        return
    found = len(kept.PixelData)
    if found < expected:
        raise DeidentificationError(
            f"{source.name} holds {found} of the {expected} bytes of its pixels: it was cut short; "
            "fetch it again, or index the commons again: it will be quarantined"
        )


def _has_comment(pixels: bytes | None) -> bool:
    """Whether the head of a JPEG or JPEG 2000 stream holds a comment, or Exif, of one letter up."""
    start = (pixels or b"").find(b"\xff\xd8")
    codestream = (pixels or b"").find(b"\xff\x4f\xff\x51")
    if pixels is None or (start < 0 and codestream < 0):
        return False
    old = codestream < 0 or 0 <= start < codestream
    at = (start if old else codestream) + 2
    while at + 4 <= len(pixels) and pixels[at] == 0xFF:
        marker, length = pixels[at + 1], int.from_bytes(pixels[at + 2 : at + 4], "big")
        if marker in ({0xDA, 0xD9} if old else {0x90, 0x93}):  # the picture itself begins
            return False
        if marker in ({0xFE, 0xE1, 0xED} if old else {0x64}) and length > 2:
            return True
        at += 2 + length
    return False


def _kept(original: Dataset) -> Dataset:
    kept = Dataset()
    for element in original:
        if element.keyword == "ImageType":
            kept.ImageType = [v for v in _values(element) if v in _IMAGE_TYPES] or ["DERIVED"]
        elif element.keyword in _IMAGE and element.tag.group % 2 == 0:
            if element.VR == "SQ":
                items = [_kept(item) for item in element.value]
                if any(len(item) for item in items):
                    kept.add(DataElement(element.tag, "SQ", DicomSequence(items)))
            elif _harmless(element):
                kept.add(element)
    return kept


def _values(element: DataElement) -> list[str]:
    value = element.value
    if value is None:
        return []
    return [str(part) for part in ([value] if isinstance(value, str) else value)]


def _harmless(element: DataElement) -> bool:
    """Whether a kept attribute's value is of its kind: a term, a number, not a sentence."""
    if element.VR in {"CS", "LO"}:
        term = _TERMS.get(element.keyword)
        return term is not None and all(term.fullmatch(part) for part in _values(element))
    if element.VR in {"DS", "IS"}:
        value = element.value
        parts = value if isinstance(value, list | tuple | pydicom.multival.MultiValue) else [value]
        return all(part is None or _NUMBER.fullmatch(str(part)) for part in parts)
    return element.VR not in {"LT", "ST", "UT", "UC", "SH", "PN"}


def _syntax(original: Dataset) -> UID:
    """Return the file's transfer syntax, or the one it was read with where it names none."""
    stated = getattr(original, "file_meta", FileMetaDataset()).get("TransferSyntaxUID")
    if stated:
        return UID(str(stated))
    implicit, _ = original.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
