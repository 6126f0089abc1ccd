"""What a copy says of its pixels is what its source says: numbers, terms, codes and places."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cohort_selection.deidentification.copy import DeidentificationError, deidentify
from cohort_selection.deidentification.numbers import NoNumber, decimal, decimal_text
from cohort_selection.deidentification.terms import TERMS
from tests.support import enhanced_image_kinds, image_kinds
from tests.support.copies import KEY, copy_of, said
from tests.support.image_kinds import SECRET, code, write


def test_a_rescale_of_28_digits_is_rewritten_and_means_the_same(tmp_path: Path) -> None:
    """-863 to -44 became 377 to 3551 where the slope was dropped and the intercept kept."""
    image = image_kinds.tomogram()
    pixels = np.linspace(377, 3551, 80).astype("<u2").reshape(8, 10)
    image.PixelData = pixels.tobytes()
    said(image, "RescaleSlope", "0.2580340264650283553875236295")
    said(image, "RescaleIntercept", "-960.2788279773156899810964083")
    copy = copy_of(image, tmp_path)
    for name in ("RescaleSlope", "RescaleIntercept"):
        assert len(str(copy[name].value)) <= 16
    seen = apply_modality_lut(copy.pixel_array, copy)
    expected = 0.2580340264650283553875236295 * pixels - 960.2788279773156899810964083
    assert np.allclose(seen, expected, rtol=0, atol=1e-9)
    assert round(float(seen.min())) == -863
    assert round(float(seen.max())) == -44


@pytest.mark.parametrize("entries", [2048, 40_000])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_table_of_grey_values_keeps_its_start_below_zero(
    syntax: UID, entries: int, tmp_path: Path
) -> None:
    """PS3.3 C.11.2.1.1: signed for Hounsfield units, though the pixels are not; 64512 is black."""
    image = image_kinds.tomogram()
    assert image.PixelRepresentation == 0
    table = Dataset()
    table.add_new("LUTDescriptor", "SS", [entries, -1024, 16])
    values = np.arange(entries, dtype="<u2").tobytes()
    table.add_new("LUTData", "OW", values)
    image.VOILUTSequence = Sequence([table])
    deidentify(write(image, tmp_path / "source.dcm", syntax), tmp_path / "copy.dcm", KEY)
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert copy.file_meta.TransferSyntaxUID == syntax
    item = copy.VOILUTSequence[0]
    raw = item.get_item("LUTDescriptor")
    assert isinstance(raw, RawDataElement)
    stored = None if syntax.is_implicit_VR else "SS"
    assert (raw.VR, raw.value) == (stored, struct.pack("<HhH", entries, -1024, 16))
    assert item.LUTData == values


def test_a_decimal_comma_is_a_decimal_mark(tmp_path: Path) -> None:
    image = image_kinds.tomogram()
    said(image, "RescaleSlope", "1,5")
    said(image, "RescaleIntercept", "-1024,00")
    said(image, "PixelSpacing", "0,5\\0,25")
    copy = copy_of(image, tmp_path)
    assert (copy.RescaleSlope, copy.RescaleIntercept) == (1.5, -1024)
    assert list(copy.PixelSpacing) == [0.5, 0.25]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("RescaleIntercept", "-1,024", "'-1,024', which may be -1.024 and -1024"),
        ("RescaleSlope", "one", "'one', which is no number"),
        ("RescaleSlope", "1e999", "'1e999', which is beyond all numbers"),
        ("RescaleSlope", "1\\2", "'1\\\\2'"),
        ("PixelSpacing", "0.5\\wide", "'wide', which is no number"),
        ("PhotometricInterpretation", "HSV", "'HSV'"),
        ("ImagePositionPatient", "1\\2\\3\\4", "'1\\\\2\\\\3\\\\4'"),
    ],
)
def test_half_of_what_a_picture_means_is_never_left_out(
    name: str, text: str, told: str, tmp_path: Path
) -> None:
    image = image_kinds.tomogram()
    said(image, name, text)
    with pytest.raises(DeidentificationError) as refused:
        copy_of(image, tmp_path)
    assert f"source.dcm has the {name} {told}" in str(refused.value)
    assert "correct the file, or leave its study out" in str(refused.value)


def test_a_window_without_its_other_half_goes(tmp_path: Path) -> None:
    image = image_kinds.tomogram()
    image.WindowCenter = "40"
    said(image, "WindowWidth", "wide")
    copy = copy_of(image, tmp_path)
    assert {"WindowCenter", "WindowWidth"}.isdisjoint(copy.dir())


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("0.2580340264650283553875236295", 0.25803402646502836, ".258034026465028"),
        ("-0.2580340264650283553875236295", -0.25803402646502836, "-.25803402646503"),
        ("+1.50E+0", 1.5, "1.5"),
        (" .5", 0.5, "0.5"),
        ("1.", 1.0, "1"),
        (".123456789012345", 0.123456789012345, ".123456789012345"),
        ("0.000012345678901", 0.000012345678901, "1.2345678901e-5"),
        ("123456789012345678", 123456789012345678.0, "1.23456789012e17"),
        ("1e22", 1e22, "1e22"),
        ("-0.0", 0.0, "0"),
        ("0,5", 0.5, "0.5"),
        (",5", 0.5, "0.5"),
        ("1234,567", 1234.567, "1234.567"),
    ],
)
def test_a_number_is_written_in_one_way_of_at_most_16_characters(
    text: str, value: float, written: str
) -> None:
    assert decimal(text) == value
    assert decimal_text(value) == written
    assert float(written) == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize("text", ["1_000", "0x1", "nan", "inf", "1 2", "--1", "1,2,3", "1.2,3", ""])
def test_what_is_no_number_is_none(text: str) -> None:
    with pytest.raises(NoNumber):
        decimal(text)


def test_terms_are_read_in_any_case(tmp_path: Path) -> None:
    image = image_kinds.digital_radiograph()
    for name, text in {
        "PhotometricInterpretation": "monochrome1",
        "PresentationLUTShape": "inverse",
        "ViewPosition": "pa",
        "BodyPartExamined": "Chest",
        "Modality": "dx",
        "PixelIntensityRelationship": "Log",
        "ImageType": "derived\\primary",
    }.items():
        said(image, name, text)
    copy = copy_of(image, tmp_path)
    assert copy.PhotometricInterpretation == "MONOCHROME1"
    assert copy.PresentationLUTShape == "INVERSE"
    assert (copy.ViewPosition, copy.BodyPartExamined, copy.Modality) == ("PA", "CHEST", "DX")
    assert copy.PixelIntensityRelationship == "LOG"
    assert copy.ImageType == ["DERIVED", "PRIMARY"]


# Defined terms of Modality, PS3.3 C.7.3.1.1.1, of images
@pytest.mark.parametrize(
    "modality",
    [
        *("AR", "BI", "BMD", "CR", "CT", "DG", "DX", "ES", "FID", "GM", "IO", "IVOCT", "IVUS"),
        *("KER", "LEN", "LS", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV"),
        *("OPTENF", "OPV", "OSS", "OT", "PA", "PT", "PX", "RF", "RG", "RTIMAGE", "SM", "TG"),
        *("US", "VA", "XA", "XC"),
    ],
)
def test_every_modality_of_the_standard_is_kept(modality: str) -> None:
    rule = TERMS["Modality"]
    assert rule.clean([modality]) == [modality]
    assert rule.clean(["MYMODALITY"]) == ["OT"]


@pytest.mark.parametrize("modality", ["RG", "OP", "RTIMAGE"])
def test_a_capture_keeps_its_modality(modality: str, tmp_path: Path) -> None:
    image = image_kinds.secondary_capture()
    image.Modality = modality
    assert copy_of(image, tmp_path).Modality == modality


def test_words_of_a_kind_of_image_keep_their_places(tmp_path: Path) -> None:
    image = image_kinds.magnetic_resonance()
    said(image, "ImageType", f"ORIGINAL\\PRIMARY\\{SECRET}\\NORM\\{SECRET}")
    assert copy_of(image, tmp_path).ImageType == ["ORIGINAL", "PRIMARY", "OTHER", "NORM"]


def test_codes_are_those_of_the_standard_with_its_meanings(tmp_path: Path) -> None:
    """SRT codes as SNOMED CT's, PS3.16 CID 4009, 4014 and 4015."""
    copy = copy_of(image_kinds.mammogram(), tmp_path)
    (region,), (view,) = copy.AnatomicRegionSequence, copy.ViewCodeSequence
    assert (region.CodeValue, region.CodeMeaning) == ("76752008", "Breast")
    assert (view.CodeValue, view.CodeMeaning) == ("399368009", "medio-lateral oblique")
    (modifier,) = view.ViewModifierCodeSequence
    assert (modifier.CodeValue, modifier.CodeMeaning) == ("399163009", "Magnification")
    copy = copy_of(image_kinds.digital_radiograph(), tmp_path)
    assert (copy.AnatomicRegionSequence[0].CodeValue, copy.ViewCodeSequence[0].CodeValue) == (
        *("816094009", "272479007"),
    )
    image = image_kinds.digital_radiograph()
    image.AnatomicRegionSequence = Sequence([code("12345", "99LOCAL", SECRET)])
    assert "AnatomicRegionSequence" not in copy_of(image, tmp_path)


def test_frames_stand_to_each_other_as_they_did(tmp_path: Path) -> None:
    source = enhanced_image_kinds.enhanced_tomogram()
    copy = copy_of(source, tmp_path)
    (organisation,) = copy.DimensionOrganizationSequence
    assert organisation.DimensionOrganizationUID.startswith("2.25.")
    assert {item.DimensionOrganizationUID for item in copy.DimensionIndexSequence} == {
        organisation.DimensionOrganizationUID
    }
    places = [
        (list(c.DimensionIndexValues), c.InStackPositionNumber, c.TemporalPositionIndex, c.StackID)
        for frame in copy.PerFrameFunctionalGroupsSequence
        for c in frame.FrameContentSequence
    ]
    assert places == [
        ([1, place, time], place, time, "1") for time in (1, 2) for place in (1, 2, 3, 4)
    ]


def test_dimensions_of_a_makers_own_are_left_out_as_a_whole(tmp_path: Path) -> None:
    source = enhanced_image_kinds.enhanced_tomogram()
    source.DimensionIndexSequence[1].DimensionIndexPointer = 0x20011001
    copy = copy_of(source, tmp_path)
    assert "DimensionIndexSequence" not in copy
    for frame in copy.PerFrameFunctionalGroupsSequence:
        assert "DimensionIndexValues" not in frame.FrameContentSequence[0]
        assert "InStackPositionNumber" in frame.FrameContentSequence[0]


def palette(image: Dataset) -> Dataset:
    for colour in ("Red", "Green", "Blue"):
        image.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [4, 0, 16])
        image.add_new(f"{colour}PaletteColorLookupTableData", "OW", bytes(8))
    return image


def test_a_palette_stays_where_it_means_something(tmp_path: Path) -> None:
    image = palette(enhanced_image_kinds.enhanced_tomogram())
    assert "RedPaletteColorLookupTableData" not in copy_of(image, tmp_path)
    image.PixelPresentation = "COLOR"
    assert len(copy_of(image, tmp_path).RedPaletteColorLookupTableData) == 8
    image = palette(image_kinds.secondary_capture())
    image.PhotometricInterpretation = "PALETTE COLOR"
    assert len(copy_of(image, tmp_path).BluePaletteColorLookupTableData) == 8
    image.GreenPaletteColorLookupTableData = bytes(6)
    with pytest.raises(DeidentificationError, match="a palette that is not as long as it says"):
        copy_of(image, tmp_path)


def test_a_palette_in_segments_is_written_out(tmp_path: Path) -> None:
    """Discrete: one entry of 10. Linear: four more, up to 50 (PS3.3 C.7.9.2)."""
    image = image_kinds.secondary_capture()
    image.PhotometricInterpretation = "PALETTE COLOR"
    segments = np.array([0, 1, 10, 1, 4, 50], dtype="<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(image, f"{colour}PaletteColorLookupTableDescriptor", [5, 0, 16])
        setattr(image, f"Segmented{colour}PaletteColorLookupTableData", segments)
    copy = copy_of(image, tmp_path)
    for colour in ("Red", "Green", "Blue"):
        table = np.frombuffer(copy[f"{colour}PaletteColorLookupTableData"].value, "<u2")
        assert list(table) == [10, 20, 30, 40, 50]
    image.SegmentedGreenPaletteColorLookupTableData = b"\5\0\1\0"
    with pytest.raises(DeidentificationError, match="a palette in segments that cannot be read"):
        copy_of(image, tmp_path)
    for colour in ("Red", "Green", "Blue"):
        del image[f"Segmented{colour}PaletteColorLookupTableData"]
    with pytest.raises(DeidentificationError, match="a palette that is not as long as it says"):
        copy_of(image, tmp_path)


def test_a_mark_behind_the_last_number_is_left_out(tmp_path: Path) -> None:
    image = image_kinds.tomogram()
    said(image, "PixelSpacing", "0.139\\0.139\\")
    assert copy_of(image, tmp_path).get_item("PixelSpacing").value == b"0.139\\0.139 "


def test_an_empty_pointer_to_what_counts_the_frames_is_left_out(tmp_path: Path) -> None:
    image = image_kinds.angiogram()
    image.add_new("FrameIncrementPointer", "AT", None)
    assert "FrameIncrementPointer" not in copy_of(image, tmp_path)
