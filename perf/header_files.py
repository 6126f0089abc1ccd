"""Makes DICOM files of ten kinds whose headers are as long and as varied as devices write them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "SR": "1.2.840.10008.5.1.4.1.1.88.22",
    "Enhanced CT": "1.2.840.10008.5.1.4.1.1.2.1",
}


def _image(chance: random.Random, modality: str, number: int) -> Dataset:
    """An image of one study in each twenty, with what differs from image to image."""
    data = Dataset()
    study = number // 20
    data.SpecificCharacterSet = "ISO_IR 100"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL" if "CT" in modality else ""]
    data.SOPClassUID = _CLASSES[modality]
    data.SOPInstanceUID = f"1.2.826.0.1.3680043.10.474.{study}.1.{number}"
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = f"2020{1 + study % 12:02d}17"
    data.StudyTime, data.ContentTime = "101530", f"1015{number % 60:02d}.{number:06d}"
    data.AccessionNumber = f"{study:012d}"
    data.Modality = modality.removeprefix("Enhanced ")
    data.Manufacturer = chance.choice(["GE MEDICAL SYSTEMS", "SIEMENS", "Philips", "FUJIFILM"])
    data.ManufacturerModelName = chance.choice(["LightSpeed VCT", "Sensation 64", "DRX-1"])
    data.InstitutionName = "University Hospital"
    data.StudyDescription, data.SeriesDescription = "CHEST", "Thorax  5.0  B70f"
    data.ReferringPhysicianName = data.PatientName = "A^B"
    data.PatientID, data.PatientBirthDate = f"P{study:06d}", f"19{study % 90 + 10}0412"
    data.PatientSex, data.PatientAge = "MF"[study % 2], f"{20 + study % 70:03d}Y"
    data.PatientSize, data.PatientWeight = "1.7", f"{50 + study % 50}"
    data.BodyPartExamined, data.ViewPosition = "CHEST", ("" if "CT" in modality else "PA")
    data.KVP, data.ExposureTime = "120", f"{chance.randrange(2, 900)}"
    data.XRayTubeCurrent = data.Exposure = f"{chance.randrange(10, 600)}"
    data.SoftwareVersions, data.ProtocolName = "syngo CT 2009E", "ThoraxRoutine"
    data.StudyInstanceUID = f"1.2.826.0.1.3680043.10.474.{study}"
    data.SeriesInstanceUID = f"1.2.826.0.1.3680043.10.474.{study}.1"
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "1", 2, number
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = chance.randrange(4, 9), 8
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.WindowCenter, data.WindowWidth = chance.randrange(40, 60), chance.randrange(300, 400)
    data.PixelSpacing = [f"0.{chance.randrange(600, 900)}"] * 2
    return data


def _ct(chance: random.Random, number: int) -> Dataset:
    data = _image(chance, "CT", number)
    data.SliceThickness, data.GantryDetectorTilt, data.TableHeight = "5", "0", "151.5"
    data.ScanOptions, data.ConvolutionKernel, data.PatientPosition = "HELICAL", "B70f", "HFS"
    data.DataCollectionDiameter = data.ReconstructionDiameter = "500"
    data.FilterType, data.FocalSpots, data.RotationDirection = "0", "1.2", "CW"
    x, z = chance.uniform(-200, 0), -5.0 * number
    data.ImagePositionPatient = [f"{x:.4f}", f"{x:.4f}", f"{z:.1f}"]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = generate_uid(None, ["f"]), "SN"
    data.SliceLocation = f"{z:.1f}"
    data.RescaleIntercept, data.RescaleSlope = "-1024", "1"
    return data


def _plain(modality: str) -> Callable[[random.Random, int], Dataset]:
    return lambda chance, number: _image(chance, modality, number)


def _report(chance: random.Random, number: int) -> Dataset:
    data = _image(chance, "SR", number)
    for keyword in ("Rows", "Columns", "BitsAllocated"):
        delattr(data, keyword)
    data.ContentSequence = Sequence(_coded(f"{k}", k % 3) for k in range(12))
    return data


def _coded(meaning: str, depth: int) -> Dataset:
    item, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121071", "DCM", meaning
    item.ConceptNameCodeSequence, item.TextValue = Sequence([code]), f"Finding {meaning}"
    if depth:
        item.ContentSequence = Sequence([_coded(meaning, depth - 1)])
    return item


def _with_private(chance: random.Random, number: int) -> Dataset:
    data = _ct(chance, number)
    for group in (0x0009, 0x0019, 0x0021, 0x0043):
        block = data.private_block(group, "VENDOR", create=True)
        for element in range(40):
            block.add_new(element, "DS" if element % 3 else "UN", _private(chance, element))
    return data


def _private(chance: random.Random, element: int) -> str | bytes:
    return f"{chance.uniform(0, 9):.{element % 4}f}" if element % 3 else bytes(element)


def _enhanced(chance: random.Random, number: int) -> Dataset:
    data = _image(chance, "Enhanced CT", number)
    data.NumberOfFrames = 8
    frames = []
    for k in range(8):
        position, plane, frame = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, k]
        plane.InStackPositionNumber, plane.StackID = k + 1, "1"
        frame.PlanePositionSequence = Sequence([position])
        frame.FrameContentSequence = Sequence([plane])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return data


def _nested(chance: random.Random, number: int) -> Dataset:
    data = _plain("DX")(chance, number)
    data.RequestAttributesSequence = Sequence(_coded(f"{k}", 4) for k in range(3))
    _open(data)
    return data


def _open(data: Dataset) -> None:
    """Give every sequence and item an undefined length."""
    for element in data:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _open(item)


def _long(chance: random.Random, number: int) -> Dataset:
    data = _plain("CR")(chance, number)
    data.private_block(0x0009, "VENDOR", create=True).add_new(1, "OB", bytes(60_000))
    return data


KINDS: dict[str, Callable[[random.Random, int], Dataset]] = {
    "DX": _plain("DX"),
    "CR": _plain("CR"),
    "MG": _plain("MG"),
    "CT": _ct,
    "CT, implicit VR": _ct,
    "CT, 160 private elements": _with_private,
    "SR": _report,
    "Enhanced CT, 8 frames": _enhanced,
    "DX, nested, undefined lengths": _nested,
    "CR, header of 60 KB": _long,
}


def make(folder: Path, count: int) -> dict[str, list[Path]]:
    """Write ``count`` files of each kind into ``folder``; gives their paths by kind."""
    made: dict[str, list[Path]] = {}
    for kind, build in KINDS.items():
        chance = random.Random(kind)
        made[kind] = []
        for number in range(count):
            data = build(chance, number)
            if "Rows" in data:
                n_frames = int(data.get("NumberOfFrames") or 1)
                data.PixelData = bytes(2 * data.Rows * data.Columns * n_frames)
            data.file_meta = FileMetaDataset()
            implicit = "implicit" in kind
            data.file_meta.TransferSyntaxUID = (
                ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            )
            path = folder / f"{len(made)}-{number:05d}.dcm"
            data.save_as(path, enforce_file_format=True, implicit_vr=implicit, little_endian=True)
            made[kind].append(path)
    return made
