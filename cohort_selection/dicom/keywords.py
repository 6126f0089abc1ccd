"""Names the header fields that are read."""

from __future__ import annotations

from collections.abc import Mapping

IDENTITY: Mapping[int, str] = {
    0x00080005: "SpecificCharacterSet",
    0x00080018: "SOPInstanceUID",
    0x00080020: "StudyDate",
    0x00080022: "AcquisitionDate",
    0x00081030: "StudyDescription",
    0x00081032: "ProcedureCodeSequence",
    0x00100020: "PatientID",
    0x00100030: "PatientBirthDate",
    0x00100040: "PatientSex",
    0x00101010: "PatientAge",
    0x0020000D: "StudyInstanceUID",
}
ACQUISITION: Mapping[int, str] = {
    0x00080008: "ImageType",
    0x00080016: "SOPClassUID",
    0x00080060: "Modality",
    0x00080064: "ConversionType",
    0x00080068: "PresentationIntentType",
    0x00080070: "Manufacturer",
    0x00081090: "ManufacturerModelName",
    0x00180010: "ContrastBolusAgent",
    0x00180015: "BodyPartExamined",
    0x00180020: "ScanningSequence",
    0x00180022: "ScanOptions",
    0x00180050: "SliceThickness",
    0x00180060: "KVP",
    0x00180087: "MagneticFieldStrength",
    0x00180088: "SpacingBetweenSlices",
    0x00181110: "DistanceSourceToDetector",
    0x00181150: "ExposureTime",
    0x00181151: "XRayTubeCurrent",
    0x00181152: "Exposure",
    0x00181164: "ImagerPixelSpacing",
    0x00181166: "Grid",
    0x00181210: "ConvolutionKernel",
    0x00185100: "PatientPosition",
    0x00185101: "ViewPosition",
    0x00187004: "DetectorType",
    0x00189302: "AcquisitionType",
    0x00189323: "ExposureModulationType",
    0x00200060: "Laterality",
    0x00200062: "ImageLaterality",
    0x00280002: "SamplesPerPixel",
    0x00280004: "PhotometricInterpretation",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280030: "PixelSpacing",
    0x00280100: "BitsAllocated",
    0x00280101: "BitsStored",
    0x00280102: "HighBit",
    0x00280103: "PixelRepresentation",
    0x00280301: "BurnedInAnnotation",
    0x00281040: "PixelIntensityRelationship",
    0x00281050: "WindowCenter",
    0x00281051: "WindowWidth",
    0x00281052: "RescaleIntercept",
    0x00281053: "RescaleSlope",
    0x00281054: "RescaleType",
    0x00282110: "LossyImageCompression",
    0x00282112: "LossyImageCompressionRatio",
}
DESCRIPTION: Mapping[int, str] = {
    0x00280006: "PlanarConfiguration",
    0x00281101: "RedPaletteColorLookupTableDescriptor",
}
"""What more tells whether an image's pixels can be read; the catalog keeps none of it."""

TRANSFER_SYNTAX = "TransferSyntaxUID"
HEADER_FIELDS = (*ACQUISITION.values(), TRANSFER_SYNTAX)
"""What the catalog keeps of each image's header: how it was made and stored, nothing of the
patient, the place or the time, and no text that somebody wrote."""
