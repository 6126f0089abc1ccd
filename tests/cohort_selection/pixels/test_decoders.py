"""Compressed pixels: digests that pydicom's own decoders gave, and arrays that were encoded."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from cohort_selection.pixels.decoders import LIBRARY, PLUGIN, versions
from cohort_selection.pixels.intensities import UnreadableImage, read_frame, read_levels
from tests.support.made_images import image, write

GREY = np.add.outer(np.arange(48) * 21, np.arange(64) * 13).astype(np.uint16)


def compressed(
    path: Path,
    syntax: UID,
    stream: bytes | bytearray,
    shown: NDArray[np.generic],
    **elements: object,
) -> Path:
    """A file of ``stream``; ``shown`` gives its header."""
    data: Dataset = image(shown, **elements)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([bytes(stream)])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return write(path, data)


@pytest.mark.realdata
def test_real_files_of_every_syntax_decode_to_the_digests_of_pydicom(shared_data: Path) -> None:
    """A lossy JPEG alone may differ, by one grey level: decoders round the cosines differently."""
    with (shared_data / "dicom" / "index.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["decoded_sha256_le"]]
    assert len(rows) == 13
    for row in rows:
        path = shared_data / "dicom" / row["file"]
        decoded = pixel_array(path, decoding_plugin=PLUGIN)
        little = decoded.astype(decoded.dtype.newbyteorder("<"))
        found = hashlib.sha256(little.tobytes()).hexdigest()
        if row["transfer_syntax_uid"] != JPEGBaseline8Bit:
            assert found == row["decoded_sha256_le"], row["file"]
            continue
        source = get_frame(dcmread(path).PixelData, 0, number_of_frames=1)
        pillow = np.asarray(Image.open(io.BytesIO(source)))
        np.testing.assert_array_equal(decoded, pillow)
        assert (decoded.min(), decoded.max()) == pytest.approx(
            (int(row["pixel_min"]), int(row["pixel_max"])), abs=1
        )


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_lossless_jpeg_gives_back_what_was_encoded(
    tmp_path: Path, bits: int, predictor: int
) -> None:
    wide = (GREY.astype(np.uint32) * ((1 << bits) - 1) // GREY.max()).astype(np.uint16)
    shown = wide.astype(np.uint8) if bits == 8 else wide
    stream = imagecodecs.jpeg8_encode(shown, lossless=True, predictor=predictor, bitspersample=bits)
    syntax = JPEGLosslessSV1 if predictor == 1 else JPEGLossless
    stored = {"BitsStored": bits, "HighBit": bits - 1}
    path = compressed(tmp_path / "a.dcm", syntax, stream, shown, **stored)
    np.testing.assert_array_equal(read_frame(path).values, shown)


def test_signed_pixels_keep_their_sign(tmp_path: Path) -> None:
    signed = (GREY.astype(np.int16) - 900).astype(np.int16)
    streams = {
        JPEGLosslessSV1: imagecodecs.jpeg8_encode(
            signed.view(np.uint16), lossless=True, predictor=1, bitspersample=16
        ),
        JPEGLSLossless: imagecodecs.jpegls_encode(signed.view(np.uint16)),
    }
    for syntax, stream in streams.items():
        path = compressed(tmp_path / f"{syntax}.dcm", syntax, stream, signed)
        np.testing.assert_array_equal(read_frame(path).values, signed)


def test_twelve_signed_bits_keep_their_sign_in_jpeg_ls(tmp_path: Path) -> None:
    """The stream knows no sign: without the header's, air would be denser than bone."""
    signed = (GREY.astype(np.int16) - 1024).astype(np.int16)
    data = image(signed, BitsStored=12, HighBit=11)
    data.compress(JPEGLSLossless)
    stream = bytes(get_frame(data.PixelData, 0, number_of_frames=1))
    assert (imagecodecs.jpegls_decode(stream) == signed % 4096).all()
    np.testing.assert_array_equal(read_frame(write(tmp_path / "a.dcm", data)).values, signed)


def test_jpeg_ls_gives_back_what_was_encoded_or_what_lies_near(tmp_path: Path) -> None:
    exact = compressed(tmp_path / "a.dcm", JPEGLSLossless, imagecodecs.jpegls_encode(GREY), GREY)
    np.testing.assert_array_equal(read_frame(exact).values, GREY)
    near = compressed(
        tmp_path / "b.dcm", JPEGLSNearLossless, imagecodecs.jpegls_encode(GREY, level=3), GREY
    )
    assert np.abs(read_frame(near).values.astype(int) - GREY).max() <= 3


def test_twelve_bits_of_a_lossy_jpeg_lie_near(tmp_path: Path) -> None:
    stream = imagecodecs.jpeg8_encode(GREY, level=98, bitspersample=12)
    stored = {"BitsStored": 12, "HighBit": 11}
    path = compressed(tmp_path / "a.dcm", JPEGExtended12Bit, stream, GREY, **stored)
    assert np.abs(read_frame(path).values.astype(int) - GREY).max() <= 24


@pytest.mark.parametrize("subsampling", [0, 2])
def test_colour_in_luminance_and_chroma_becomes_grey(tmp_path: Path, subsampling: int) -> None:
    colour = np.stack([GREY // 8, GREY // 10, GREY[::-1] // 12], axis=-1).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(colour).save(held, "JPEG", quality=98, subsampling=subsampling)
    path = compressed(
        tmp_path / "a.dcm",
        JPEGBaseline8Bit,
        held.getvalue(),
        colour,
        PhotometricInterpretation="YBR_FULL_422" if subsampling else "YBR_FULL",
    )
    np.testing.assert_allclose(read_frame(path).values, colour.mean(axis=2), rtol=0, atol=4)


def test_a_stream_of_another_shape_than_the_header_is_refused(tmp_path: Path) -> None:
    stream = imagecodecs.jpegls_encode(np.ascontiguousarray(GREY.T))
    path = compressed(tmp_path / "a.dcm", JPEGLSLossless, stream, GREY)
    with pytest.raises(UnreadableImage, match="64 rows, 48 columns and 1 channels, its header"):
        read_frame(path)


def test_the_stored_values_of_a_plain_file_are_those_that_pydicom_reads(tmp_path: Path) -> None:
    for frames in (1, 3):
        volume = np.stack([GREY + 100 * frame for frame in range(frames)])
        data = image(GREY, BitsStored=12, HighBit=11)
        data.NumberOfFrames = frames
        data.PixelData = volume.tobytes()
        path = write(tmp_path / f"{frames}.dcm", data)
        wanted = pixel_array(path)
        wanted = wanted[frames // 2] if frames > 1 else wanted
        np.testing.assert_array_equal(read_levels(path).stored, wanted)
    cut = tmp_path / "1.dcm"
    cut.write_bytes(cut.read_bytes()[:-2])
    with pytest.raises(UnreadableImage, match="no pixels could be decoded"):
        read_levels(cut)


def test_the_decoders_are_named_with_their_versions() -> None:
    assert set(versions()) == set(LIBRARY.values())
    assert versions()["imagecodecs"] == imagecodecs.__version__
