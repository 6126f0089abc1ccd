"""A sealed copy: a conformant object of its kind, the same picture, and nobody's words."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ParametricMapStorage,
)

from cohort_selection.cases import Case
from cohort_selection.deidentification.copy import KEPT, DeidentificationError, deidentify
from cohort_selection.deidentification.rules import RULES, WITHIN_ITEMS, Binary, Decimals, Wholes
from cohort_selection.deidentification.terms import Terms
from cohort_selection.sealing.cohort import seal
from tests.support import enhanced_image_kinds, image_kinds
from tests.support.copies import KEY, copy_of, said
from tests.support.image_kinds import SECRET, write
from tests.support.rare_image_kinds import ALL_KINDS, colour_capture
from tests.support.validator import dciodvfy

# A conformant object


def errors(file: Path) -> Counter[str]:
    """The errors that dciodvfy finds, values of tags left out."""
    done = subprocess.run([dciodvfy(), file], capture_output=True, text=True, check=False)
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


def written_by_pydicom(copy: Path, to: Path) -> bytes:
    pydicom.dcmread(copy).save_as(to, enforce_file_format=True)
    return to.read_bytes()


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_copy_has_the_bytes_that_pydicom_writes_of_it(kind: str, tmp_path: Path) -> None:
    """The pixels are put behind what pydicom encoded without them."""
    copy = tmp_path / "copy.dcm"
    copied = deidentify(write(ALL_KINDS[kind](), tmp_path / "source.dcm"), copy, KEY)
    assert copy.read_bytes() == written_by_pydicom(copy, tmp_path / "again.dcm")
    assert copied.digest == sha256(copy.read_bytes()).hexdigest()


@pytest.mark.realdata
def test_copies_of_real_images_have_the_bytes_that_pydicom_writes_of_them(
    shared_data: Path, tmp_path: Path
) -> None:
    copy, syntaxes = tmp_path / "copy.dcm", set()
    for source in sorted((shared_data / "dicom").glob("*.dcm")):
        image = pydicom.dcmread(source, force=True)
        if "PixelData" in image:
            deidentify(source, copy, KEY)
            assert copy.read_bytes() == written_by_pydicom(copy, tmp_path / "again.dcm")
            assert pydicom.dcmread(copy).PixelData == image.PixelData
            syntaxes.add(image.file_meta.TransferSyntaxUID)
    assert len(syntaxes) >= 7


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


def test_a_deflated_file_is_copied(tmp_path: Path) -> None:
    source = image_kinds.tomogram()
    write(source, tmp_path / "source.dcm", DeflatedExplicitVRLittleEndian)
    deidentify(tmp_path / "source.dcm", tmp_path / "copy.dcm", KEY)
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert copy.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert copy.PixelData == source.PixelData
    assert copy.Manufacturer == ""


@pytest.mark.parametrize("implicit", [True, False])
def test_a_file_without_preamble_and_group_2_becomes_a_whole_one(
    implicit: bool, tmp_path: Path
) -> None:
    source = image_kinds.tomogram()
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    source.save_as(tmp_path / "source.dcm", implicit_vr=implicit, little_endian=True)
    assert (tmp_path / "source.dcm").read_bytes()[:2] == b"\x08\0"
    deidentify(tmp_path / "source.dcm", tmp_path / "copy.dcm", KEY)
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert copy.file_meta.TransferSyntaxUID == syntax
    assert copy.PixelData == source.PixelData
    assert copy.RescaleIntercept == -1024
    assert not errors(tmp_path / "copy.dcm")


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


def test_words_that_follow_the_last_pixel_are_left_out(tmp_path: Path) -> None:
    image = image_kinds.tomogram()
    pixels = image.PixelData
    image.PixelData = pixels + SECRET.encode() + b" "
    assert copy_of(image, tmp_path).PixelData == pixels


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


def test_words_in_the_place_of_pixels_or_tables_do_not_pass(tmp_path: Path) -> None:
    """Within an item there is no picture, and a table is none without its descriptor."""
    image = colour_capture()
    words = SECRET.encode() + b" " * (len(SECRET) % 2)
    item = Dataset()
    item.add_new("PixelData", "OW", words)
    item.add_new("LUTData", "OW", words)
    item.add_new("LUTDescriptor", "US", [4, 0, 16])
    item.add_new("RedPaletteColorLookupTableData", "OW", words)
    alone = Dataset()
    alone.add_new("LUTData", "OW", words)
    image.VOILUTSequence = Sequence([item, alone])
    image.add_new("ExtendedOffsetTable", "OV", words)
    image.add_new("ExtendedOffsetTableLengths", "OV", words)
    image.add_new("BluePaletteColorLookupTableData", "OW", words)
    copy_of(image, tmp_path)
    assert words in (tmp_path / "source.dcm").read_bytes()
    assert SECRET.encode() not in (tmp_path / "copy.dcm").read_bytes()


def test_a_table_of_offsets_stays_with_its_lengths_alone(tmp_path: Path) -> None:
    """Readers that find the one ask for the other."""
    image = image_kinds.secondary_capture()
    write(image, tmp_path / "plain.dcm")
    image = pydicom.dcmread(tmp_path / "plain.dcm")
    image.compress(pydicom.uid.RLELossless, encapsulate_ext=True)
    both = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
    image.save_as(tmp_path / "both.dcm")
    deidentify(tmp_path / "both.dcm", tmp_path / "copy.dcm", KEY)
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert [copy[name].value for name in both] == [image[name].value for name in both]
    del image.ExtendedOffsetTableLengths
    image.save_as(tmp_path / "one.dcm")
    deidentify(tmp_path / "one.dcm", tmp_path / "copy.dcm", KEY)
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert "ExtendedOffsetTable" not in copy
    assert copy.pixel_array.shape[:2] == (8, 10)
