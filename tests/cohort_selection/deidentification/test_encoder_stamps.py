"""An encoder's stamp is nobody's comment; all else within a compressed picture is reported."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels import compress
from pydicom.uid import JPEG2000Lossless

from cohort_selection.deidentification.copy import deidentify
from cohort_selection.deidentification.encoder_stamps import has_words
from tests.support.image_kinds import SECRET, tomogram, write


def jpeg(comment: bytes = b"", exif: bytes = b"") -> bytes:
    picture = io.BytesIO()
    more = {"exif": exif} if exif else {}
    Image.new("L", (8, 8)).save(picture, "JPEG", comment=comment, **more)
    return encapsulate([picture.getvalue()])


def test_a_stream_that_openjpeg_wrote_is_not_reported(tmp_path: Path) -> None:
    """The plug-in that pydicom compresses with is OpenJPEG, which signs each stream."""
    plain = tomogram()
    plain.Rows = plain.Columns = 64
    plain.PixelData = bytes(64 * 64) * 2
    file = write(plain, tmp_path / "plain.dcm")
    image = pydicom.dcmread(file)
    compress(image, JPEG2000Lossless)
    assert b"Created by OpenJPEG version" in image.PixelData
    image.save_as(tmp_path / "j2k.dcm")
    assert not deidentify(tmp_path / "j2k.dcm", tmp_path / "copy.dcm", b"k" * 32).comment
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert np.array_equal(copy.pixel_array, pydicom.dcmread(file).pixel_array)


@pytest.mark.realdata
def test_real_streams_of_other_encoders_are_not_reported(shared_data: Path, tmp_path: Path) -> None:
    for name, stamp in (
        ("ct_chest_j2k_lossless.dcm", b"Created by GDCM/OpenJPEG version 2.3.1"),
        ("cr_chest_rg1_j2k_lossy.dcm", b"Kakadu-2.2"),
    ):
        file = shared_data / "dicom" / name
        assert stamp in file.read_bytes()
        assert not deidentify(file, tmp_path / name, b"k" * 32).comment


@pytest.mark.parametrize(
    "stamp",
    [
        b"Created by OpenJPEG version 2.5.0",
        b"Created by OpenJPEG",
        b"Kakadu-v7.10.2",
        b"Creator: JasPer Version 1.701.0",
        b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n",
        b"Lavc58.134.100",
    ],
)
def test_stamps_are_told_from_words_beside_them(stamp: bytes) -> None:
    assert not has_words(jpeg(stamp))
    assert has_words(jpeg(stamp + b" " + SECRET.encode()))
    assert has_words(jpeg(SECRET.encode() + b" " + stamp))


def test_words_and_exif_are_reported() -> None:
    assert has_words(jpeg(SECRET.encode()))
    exif = Image.Exif()
    exif[0x010E] = SECRET
    assert has_words(jpeg(exif=exif.tobytes()))
    assert not has_words(jpeg())
    assert not has_words(None)
    assert not has_words(b"")


def test_every_frame_is_looked_at_and_the_table_of_offsets_is_no_picture() -> None:
    def picture(comment: bytes) -> bytes:
        frame = io.BytesIO()
        Image.new("L", (8, 8)).save(frame, "JPEG", comment=comment)
        return frame.getvalue()

    quiet, telling = picture(b""), picture(SECRET.encode())
    assert has_words(encapsulate([quiet, telling]))
    assert not has_words(encapsulate([quiet, quiet]))
    offsets = b"\xfe\xff\x00\xe0\x08\x00\x00\x00" + b"\0\0\0\0" + b"\xff\xd8\0\0"
    item = b"\xfe\xff\x00\xe0" + len(telling).to_bytes(4, "little")
    assert has_words(offsets + item + telling)


@pytest.mark.parametrize(("marker", "told"), [(0xE4, True), (0xEC, True), (0xE0, False)])
def test_segments_of_applications_are_looked_at(marker: int, told: bool) -> None:
    frame = io.BytesIO()
    Image.new("L", (8, 8)).save(frame, "JPEG")
    content = frame.getvalue()
    words = SECRET.encode()
    segment = bytes([0xFF, marker]) + (len(words) + 2).to_bytes(2, "big") + words
    assert has_words(encapsulate([content[:2] + segment + content[2:]])) is told


def test_a_box_of_text_around_a_picture_of_jpeg_2000_is_seen() -> None:
    frame = io.BytesIO()
    Image.new("L", (64, 64)).save(frame, "JPEG2000")
    content = frame.getvalue()
    assert content[4:8] == b"jP  "
    assert not has_words(encapsulate([content]))
    words = SECRET.encode()
    box = (len(words) + 8).to_bytes(4, "big") + b"xml " + words
    assert has_words(encapsulate([content[:12] + box + content[12:]]))
