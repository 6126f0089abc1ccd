"""A file read into memory that is used again holds what pydicom reads of it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cohort_selection.pixels.picture import read_picture
from cohort_selection.pixels.whole_file import read_whole
from tests.support.small_commons import small_commons


def same(path: Path) -> pydicom.FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted, found = pydicom.dcmread(path, force=True), read_whole(path)
    assert list(found.keys()) == list(wanted.keys())
    for tag in wanted.keys():  # noqa: SIM118 - a data set's iterator reads each element
        one, other = found.get_item(tag), wanted.get_item(tag)
        held = bytes(one.value) if isinstance(one.value, memoryview) else one.value
        assert (one.VR, held) == (other.VR, other.value)
    assert found.original_encoding == wanted.original_encoding
    return found


@pytest.mark.realdata
def test_real_files_of_every_transfer_syntax_are_what_pydicom_reads(shared_data: Path) -> None:
    found = [same(file) for file in sorted((shared_data / "dicom").glob("*.dcm"))]
    pixels = [image.get_item("PixelData").value for image in found if "PixelData" in image]
    again = [isinstance(value, memoryview) for value in pixels]
    assert any(again)
    assert not all(again)  # compressed ones are pydicom's


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("after", [b"", b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0abcd", b"words"])
def test_what_follows_the_pixels_is_left_to_pydicom(
    tmp_path: Path, implicit: bool, after: bytes
) -> None:
    image = pydicom.dcmread(small_commons(tmp_path / "commons", 1)[0].files[0])
    image.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    )
    path = tmp_path / "image.dcm"
    pydicom.dcmwrite(path, image, implicit_vr=implicit, little_endian=True)
    path.write_bytes(path.read_bytes() + after)
    assert isinstance(same(path).get_item("PixelData").value, memoryview) == (not after)


def test_pixels_that_were_cut_short_are_pydicoms_to_judge(tmp_path: Path) -> None:
    path = small_commons(tmp_path / "commons", 1)[0].files[0]
    path.write_bytes(path.read_bytes()[:-10])
    assert not isinstance(same(path).get_item("PixelData").value, memoryview)


def test_the_next_picture_takes_the_memory_of_the_last(tmp_path: Path) -> None:
    """So a picture that is kept is copied."""
    first, second = (case.files[0] for case in small_commons(tmp_path / "commons", 2)[:2])
    shown = read_picture(first)[1]
    kept = shown.copy()
    read_picture(second)
    assert not np.array_equal(shown, kept)
    np.testing.assert_array_equal(read_picture(first)[1], kept)
