"""What an image must say: each element of type 1 taken away, emptied, said twice, as a word."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import Tag
from pydicom.uid import RLELossless

from cohort_selection.deidentification.copy import DeidentificationError, deidentify
from cohort_selection.deidentification.kinds import KINDS
from cohort_selection.deidentification.needed import NEEDED, Lacking, Unfit
from cohort_selection.dicom.header import describe
from tests.support import enhanced_image_kinds, image_kinds
from tests.support.copies import KEY, copy_of
from tests.support.image_kinds import write
from tests.support.rare_image_kinds import ALL_KINDS, colour_capture

_QUICKLY_DECODED = 100_000
DAMAGES = ("removed", "emptied", "doubled", "a word", "unknown VR")


def damaged(image: Dataset, keyword: str, how: str) -> bool:
    """Damage one element; False where there is nothing to damage so."""
    tag, implicit = Tag(keyword), bool(image.original_encoding[0])
    vr = dictionary_VR(tag)
    if tag not in image or vr == "SQ":
        return False
    if how == "removed":
        del image[tag]
        return True
    value = image[tag].value
    several = not isinstance(value, str) and hasattr(value, "__iter__")
    values = [value, value] if how == "doubled" and not several else value if several else [value]
    if how == "emptied":
        content = b""
    elif how == "a word":
        vr, content = "LO", b"word"
    elif vr in {"US", "UL"}:
        content = b"".join(struct.pack({"US": "<H", "UL": "<I"}[vr], each) for each in values)
    else:
        content = "\\".join(map(str, values)).encode()
    if how == "doubled" and several:
        content += b"\\" + content
    if how == "unknown VR":
        vr = "UN"
    content += b" " * (len(content) % 2)
    image[tag] = RawDataElement(tag, vr, len(content), content, 0, implicit, True, True)
    return True


def refused_or_read(source: Path, copy: Path) -> str:
    """ "" where a copy is made that the index and pydicom read; else why there is none."""
    copy.unlink(missing_ok=True)
    known = describe(source, nameless=True)
    try:
        deidentify(source, copy, KEY)
    except DeidentificationError as error:
        assert not copy.exists()
        return str(error)
    assert not isinstance(known, str), known
    copied = pydicom.dcmread(copy)
    if copy.stat().st_size < _QUICKLY_DECODED:
        assert len(copied.pixel_array)
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert str(copied[name].value).startswith("2.25.")
    again = describe(copy, nameless=True)
    assert not isinstance(again, str), again
    return ""


def expected_of(keyword: str, how: str) -> str | None:
    """What the table says of one damage: a copy (""), a refusal, or either (None)."""
    need = NEEDED[keyword]
    if how in {"removed", "emptied"}:
        if keyword == "NumberOfFrames":
            return None  # by the frames that are there
        return "refused" if need.lacking is Lacking.QUARANTINED else ""
    if how == "unknown VR":
        return None  # it may be read all the same
    return "refused" if need.unfit is Unfit.REFUSED else ""


def real_images(folder: Path) -> Iterator[tuple[str, Dataset]]:
    for path in sorted(folder.glob("*.dcm")):
        image = pydicom.dcmread(path, force=True)
        if "PixelData" in image:
            yield path.name, image


def judge(source: Dataset, keyword: str, how: str, folder: Path, said: str) -> bool:
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        if not damaged(source, keyword, how):
            return False
        source.save_as(folder / "source.dcm")
        found = refused_or_read(folder / "source.dcm", folder / "copy.dcm")
    expected = expected_of(keyword, how)
    # Several frames, or a table of colours, may be refused for what the one damage makes of them.
    if expected is not None:
        assert bool(found) == bool(expected), (said, keyword, how, found)
    return True


@pytest.mark.realdata
@pytest.mark.parametrize("how", DAMAGES)
def test_a_real_image_without_an_element_is_refused_or_copied_as_the_table_says(
    how: str, shared_data: Path, tmp_path: Path
) -> None:
    names = [name for name, _ in real_images(shared_data / "dicom")]
    assert len(names) == 13
    judged = 0
    for name in names:
        if how not in {"removed", "emptied"} and not name.startswith(("ct", "mr", "enhanced")):
            continue  # large ones
        image = pydicom.dcmread(shared_data / "dicom" / name, force=True)
        for keyword in NEEDED:
            if keyword in image and keyword not in {"FrameIncrementPointer"}:
                again = pydicom.dcmread(shared_data / "dicom" / name, force=True)
                judged += judge(again, keyword, how, tmp_path, name)
    assert judged > 100


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_made_image_without_an_element_is_refused_or_copied_as_the_table_says(
    kind: str, tmp_path: Path
) -> None:
    write(ALL_KINDS[kind](), tmp_path / "whole.dcm")
    whole = pydicom.dcmread(tmp_path / "whole.dcm")
    for keyword in NEEDED:
        for how in DAMAGES if kind in {"CT", "enhanced CT"} else ("removed", "a word"):
            if keyword in whole:
                judge(pydicom.dcmread(tmp_path / "whole.dcm"), keyword, how, tmp_path, kind)


def test_the_table_has_every_element_of_type_1_of_every_kind() -> None:
    """By the standard's tables (PS3.3) as highdicom carries them."""
    package = find_spec("highdicom")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "_standard"
    if not folder.is_dir():
        pytest.skip("this version of highdicom does not carry the standard's tables")
    iods, modules, classes = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("iod_module_map", "module_attribute_map", "sop_class_iod_map")
    )
    judged = 0
    for sop_class, kind in KINDS.items():
        for module in iods.get(classes.get(sop_class), ()):
            for attribute in modules.get(module["key"], ()):
                if module["usage"] == "M" and attribute["type"] == "1" and not attribute["path"]:
                    known = attribute["keyword"] in NEEDED or attribute["keyword"] in kind.filled
                    assert known, (kind.name, attribute)
                    judged += 1
    assert judged > 500


def test_an_image_without_its_own_uid_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write(image_kinds.tomogram(), tmp_path / "source.dcm")
    image = pydicom.dcmread(tmp_path / "source.dcm")
    del image.SOPInstanceUID
    image.save_as(tmp_path / "source.dcm")
    assert refused_or_read(tmp_path / "source.dcm", tmp_path / "copy.dcm") == (
        "source.dcm cannot be a case's image (no SOPInstanceUID in its header); "
        "index the commons again: it will be quarantined"
    )


def test_a_copy_which_names_nobody_can_be_copied_again(tmp_path: Path) -> None:
    write(image_kinds.tomogram(), tmp_path / "source.dcm")
    deidentify(tmp_path / "source.dcm", tmp_path / "once.dcm", KEY)
    assert not pydicom.dcmread(tmp_path / "once.dcm").PatientID
    assert refused_or_read(tmp_path / "once.dcm", tmp_path / "twice.dcm") == ""


def test_an_image_of_no_series_is_a_series_of_its_own(tmp_path: Path) -> None:
    uids = []
    for number in (1, 2):
        image = image_kinds.tomogram()
        image.SOPInstanceUID = f"1.2.{number}"
        del image.SeriesInstanceUID
        uids.append(str(copy_of(image, tmp_path).SeriesInstanceUID))
    assert len(set(uids)) == 2
    assert all(uid.startswith("2.25.") for uid in uids)


def test_the_high_bit_is_below_the_bits_stored_where_the_source_does_not_say_it(
    tmp_path: Path,
) -> None:
    image = image_kinds.tomogram()
    del image.HighBit
    copy = copy_of(image, tmp_path)
    assert copy.HighBit == copy.BitsStored - 1


def two_frames(make: Callable[[], Dataset]) -> Dataset:
    image = make()
    image.PixelData = image.PixelData + image.PixelData
    return image


def test_frames_that_an_image_does_not_say_are_no_loss_that_nobody_sees(tmp_path: Path) -> None:
    """They were left out of the copy, and nobody was told."""
    said = "has 2 frames and says that there are 1 (NumberOfFrames absent)"
    with pytest.raises(DeidentificationError) as refused:
        copy_of(two_frames(image_kinds.tomogram), tmp_path)
    assert said in str(refused.value)
    image = enhanced_image_kinds.enhanced_tomogram()
    frames = image.NumberOfFrames
    del image.NumberOfFrames
    with pytest.raises(DeidentificationError, match=f"has {frames} frames and says that there are"):
        copy_of(image, tmp_path)


def without_their_number(image: Dataset, frames: int, folder: Path) -> str:
    image.NumberOfFrames = frames
    image.save_as(folder / "source.dcm")
    assert not refused_or_read(folder / "source.dcm", folder / "copy.dcm")
    del image.NumberOfFrames
    image.save_as(folder / "source.dcm")
    return refused_or_read(folder / "source.dcm", folder / "copy.dcm")


def test_compressed_frames_that_an_image_does_not_say_are_seen(tmp_path: Path) -> None:
    image = image_kinds.multiframe_secondary_capture()
    frames = int(image.NumberOfFrames)
    write(image, tmp_path / "plain.dcm")
    image = pydicom.dcmread(tmp_path / "plain.dcm")
    image.compress(RLELossless)
    said = f"has {frames} frames and says that there are 1 (NumberOfFrames absent)"
    assert said in without_their_number(image, frames, tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["ct_chest_j2k_lossless", "ct_chest_jpeg_lossless_sv1"])
def test_compressed_frames_of_a_real_image_that_it_does_not_say_are_seen(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    image = pydicom.dcmread(shared_data / "dicom" / f"{name}.dcm")
    [frame] = generate_frames(image.PixelData, number_of_frames=1)
    image.PixelData = encapsulate([frame, frame], has_bot=False)
    image["PixelData"].is_undefined_length = True
    assert "has 2 frames and says that there are 1" in without_their_number(image, 2, tmp_path)


def test_colours_of_no_stated_order_are_pixel_by_pixel_in_the_copy(tmp_path: Path) -> None:
    image = colour_capture()
    image.PlanarConfiguration = 0
    whole = copy_of(image, tmp_path).pixel_array
    del image.PlanarConfiguration
    copy = copy_of(image, tmp_path)
    assert copy.PlanarConfiguration == 0
    assert np.array_equal(copy.pixel_array, whole)


def test_frames_described_and_frames_said_are_as_many(tmp_path: Path) -> None:
    image = enhanced_image_kinds.enhanced_tomogram()
    frames = int(image.NumberOfFrames)
    image.PerFrameFunctionalGroupsSequence = image.PerFrameFunctionalGroupsSequence[:-1]
    with pytest.raises(DeidentificationError, match=f"has {frames - 1} frames and says that"):
        copy_of(image, tmp_path)


def test_one_frame_of_a_kind_of_several_is_said_to_be_one(tmp_path: Path) -> None:
    image = image_kinds.multiframe_secondary_capture()
    image.PixelData = image.PixelData[: len(image.PixelData) // int(image.NumberOfFrames)]
    del image.NumberOfFrames
    assert copy_of(image, tmp_path).NumberOfFrames == 1
