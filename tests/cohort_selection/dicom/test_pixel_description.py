"""What no decoder here reads is kept out at index; what index takes can be read afterwards."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from cohort_selection.deidentification.copy import deidentify
from cohort_selection.dicom.header import Header, Quarantined, read_header, read_header_with_pydicom
from cohort_selection.dicom.pixel_description import no_image
from cohort_selection.pixels.intensities import UnreadableImage, read_frame
from tests.support.made_images import image, write, write_without_group_2

GREY = np.arange(24, dtype=np.uint16).reshape(4, 6) * 100
LARGE = np.kron(GREY, np.ones((16, 16), dtype=np.uint16))
COLOUR = np.zeros((4, 6, 3), dtype=np.uint8)


def reason(path: Path) -> str:
    """Why a file is quarantined, by both readers of headers."""
    quick, sure = read_header(path), read_header_with_pydicom(path)
    assert isinstance(quick, Quarantined), quick
    assert quick == sure
    return quick.reason


def taken(path: Path) -> None:
    found = read_header(path)
    assert isinstance(found, Header), found
    assert found == read_header_with_pydicom(path)
    assert read_frame(path).values.shape == (
        int(found.fields["Rows"]),
        int(found.fields["Columns"]),
    )


def changed(path: Path, data: Dataset, **elements: object) -> Path:
    """Write ``data`` with ``elements`` that pydicom itself would refuse."""
    with pydicom.config.disable_value_validation():
        for keyword, value in elements.items():
            if value is None:
                del data[keyword]
            else:
                setattr(data, keyword, value)
        return write(path, data)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("pixels", "elements", "said"),
    [
        (GREY, {"BitsStored": 12}, "HighBit 15 with BitsStored 12; expected HighBit 11"),
        (GREY, {"BitsStored": 17, "HighBit": 16}, "BitsStored 17; expected 1 to BitsAllocated, 16"),
        (GREY, {"BitsStored": 0}, "BitsStored 0; expected 1"),
        (GREY, {"BitsStored": None}, "BitsStored absent; expected 1"),
        (
            GREY,
            {"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11},
            "BitsAllocated 12; expected 8",
        ),
        (GREY, {"PixelRepresentation": None}, "PixelRepresentation absent; expected 0 or 1"),
        (GREY, {"PixelRepresentation": 2}, "PixelRepresentation 2; expected 0 or 1"),
        (GREY, {"SamplesPerPixel": None}, "SamplesPerPixel absent; expected 1 or 3"),
        (GREY, {"SamplesPerPixel": 4}, "SamplesPerPixel 4; expected 1 or 3"),
        (
            GREY,
            {"PhotometricInterpretation": "RGB"},
            "PhotometricInterpretation RGB with SamplesPer",
        ),
        (
            GREY,
            {"PhotometricInterpretation": None},
            "PhotometricInterpretation absent with Samples",
        ),
        (GREY, {"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR without its table"),
        (COLOUR, {"PhotometricInterpretation": "MONOCHROME2"}, "PhotometricInterpretation MONOCHR"),
        (COLOUR, {"PhotometricInterpretation": "HSV"}, "PhotometricInterpretation HSV with Sampl"),
        (COLOUR, {"PlanarConfiguration": 2}, "PlanarConfiguration 2; expected 0 or 1"),
        (
            COLOUR.astype(np.uint16),
            {"PhotometricInterpretation": "YBR_FULL"},
            "YBR_FULL with BitsAllocated 16; expected 8",
        ),
        (
            COLOUR[:, :5],
            {"PhotometricInterpretation": "YBR_FULL_422"},
            "YBR_FULL_422 with 5 columns",
        ),
    ],
)
def test_a_description_that_is_read_wrong_or_not_at_all_is_kept_out(
    tmp_path: Path,
    pixels: NDArray[np.generic],
    elements: dict[str, object],
    said: str,
    implicit: bool,
) -> None:
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    path = changed(tmp_path / "a.dcm", image(pixels, syntax), **elements)
    assert reason(path).startswith(f"unreadable pixel description: {said}")


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"RescaleSlope": "x1.5"}, "its RescaleSlope is x1.5; expected a number"),
        ({"RescaleIntercept": "nan"}, "its RescaleIntercept is nan; expected a number"),
        ({"RescaleSlope": "0"}, "its RescaleSlope is 0, which makes every pixel the same"),
    ],
)
def test_a_rescale_that_is_no_number_is_kept_out(
    tmp_path: Path, elements: dict[str, str], said: str
) -> None:
    data = image(GREY, RescaleSlope="2", RescaleIntercept="3")
    path = write(tmp_path / "a.dcm", data)
    content = path.read_bytes()
    for keyword, text in elements.items():
        tag = {"RescaleSlope": b"\x28\x00\x53\x10", "RescaleIntercept": b"\x28\x00\x52\x10"}[
            keyword
        ]
        at = content.index(tag + b"DS\x02\x00")
        value = text.encode().ljust((len(text) + 1) // 2 * 2)
        content = content[: at + 6] + bytes([len(value), 0]) + value + content[at + 10 :]
    path.write_bytes(content)
    assert reason(path) == said
    with pytest.raises(UnreadableImage):
        read_frame(path)


def test_what_is_unusual_and_valid_is_taken_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    for syntax in (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian):
        taken(write(path, image(GREY, syntax)))
    for implicit in (True, False):
        taken(write_without_group_2(path, image(GREY), implicit=implicit))
    taken(write(path, image(GREY, BitsStored=12, HighBit=11)))
    taken(write(path, image(GREY, HighBit=None)))
    half = image(COLOUR, PhotometricInterpretation="YBR_FULL_422")
    half.PixelData = half.PixelData[: 4 * 6 * 2]
    taken(write(path, half))
    bits = image(np.zeros((3, 8), dtype=np.uint8), BitsAllocated=1, BitsStored=1, HighBit=0)
    bits.PixelData = b"\x0f\xf0\xff\x00"
    taken(write(path, bits))


# Objects with pixels that are no images


@pytest.mark.parametrize(
    ("sop_class", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.30", "Parametric Map"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation"),
        ("1.2.840.10008.5.1.4.1.1.66.7", "Label Map Segmentation"),
        ("1.2.840.10008.5.1.4.1.1.66.8", "Height Map Segmentation"),
        ("1.2.840.10008.5.1.4.1.1.481.2", "RT Dose"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "Grayscale Softcopy Presentation State"),
        ("1.2.840.10008.5.1.4.1.1.81.1", "Ophthalmic Thickness Map"),
    ],
)
def test_a_map_or_a_mask_is_no_image_whatever_its_modality(
    tmp_path: Path, sop_class: str, name: str
) -> None:
    path = write(tmp_path / "a.dcm", image(GREY, SOPClassUID=sop_class, Modality="MR"))
    assert reason(path) == f"an object of the class {name} is not an image"


@pytest.mark.parametrize(
    "sop_class",
    [
        "1.2.840.10008.5.1.4.1.1.1",  # CR
        "1.2.840.10008.5.1.4.1.1.2.1",  # enhanced CT
        "1.2.840.10008.5.1.4.1.1.6.2",  # enhanced US volume
        "1.2.840.10008.5.1.4.1.1.7",  # secondary capture
        "1.2.840.10008.5.1.4.1.1.13.1.3",  # breast tomosynthesis
        "1.2.840.10008.5.1.4.1.1.128",  # PET
        "1.2.840.10008.5.1.4.1.1.481.1",  # RT image
        "1.3.12.2.1107.5.9.1",  # a vendor's own
        "",
    ],
)
def test_every_image_is_one(sop_class: str) -> None:
    assert no_image(sop_class) == ""


def test_floating_point_pixels_are_a_map(tmp_path: Path) -> None:
    data = image(GREY, BitsAllocated=32)
    del data.PixelData
    data.FloatPixelData = np.zeros(24, dtype="<f4").tobytes()
    data.SOPInstanceUID = "1.2.3"
    with pydicom.config.disable_value_validation():
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    said = "its pixels are floating-point numbers: a computed map and not an image"
    assert reason(tmp_path / "a.dcm") == said


# Deflated files


def deflated(path: Path) -> tuple[bytes, bytes]:
    """What stands before the deflated stream of a file, and the stream."""
    content = write(path, image(LARGE, DeflatedExplicitVRLittleEndian)).read_bytes()
    body = 144 + int.from_bytes(content[140:144], "little")
    return content[:body], content[body:]


def test_a_deflated_file_that_was_cut_short_is_kept_out(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    head, stream = deflated(path)
    path.write_bytes(head + stream[: len(stream) // 2])
    found = read_header(path)
    assert isinstance(found, Quarantined)
    assert found.reason == "truncated: its deflated content has no end"


def test_a_deflated_stream_that_is_damaged_is_kept_out(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    head, stream = deflated(path)
    path.write_bytes(head + b"\xff" * 8 + stream[8:])
    found = read_header(path)
    assert isinstance(found, Quarantined)
    assert found.reason.startswith("damaged: its deflated content cannot be inflated")


def test_the_pixels_inside_a_deflated_file_are_judged_too(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    head, stream = deflated(path)
    inside = zlib.decompress(stream, -zlib.MAX_WBITS)
    path.write_bytes(head + zlib.compress(inside[:-100], wbits=-zlib.MAX_WBITS))
    found = read_header(path)
    assert isinstance(found, Quarantined)
    held = LARGE.nbytes
    assert found.reason == (
        f"truncated: its pixel data should hold {held} bytes and {held - 100} are there"
    )


def test_a_deflated_file_of_megabytes_is_read_in_pieces(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 65536, (1200, 1200), dtype=np.uint16)
    taken(write(tmp_path / "a.dcm", image(noise, DeflatedExplicitVRLittleEndian)))


# Compressed streams, by their first bytes


def compressed(syntax: UID, streams: list[bytes], **elements: object) -> Dataset:
    data = image(LARGE.astype(np.uint8), **elements)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate(streams, has_bot=False)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


def jpeg(rows: int = 64, columns: int = 96) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((rows, columns), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def jpeg_2000() -> bytes:
    data = image(LARGE)
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    (stream,) = pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1)
    return stream


def test_a_stream_as_its_header_says_is_taken(tmp_path: Path) -> None:
    taken(write(tmp_path / "a.dcm", compressed(JPEGBaseline8Bit, [jpeg()])))
    data = image(LARGE)
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    taken(write(tmp_path / "b.dcm", data))
    for pixels in (LARGE, np.zeros((4, 6, 3), dtype=np.uint8)):
        data = image(pixels)
        data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        taken(write(tmp_path / "c.dcm", data))


def test_a_picture_of_another_size_than_its_header_is_kept_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", compressed(JPEGBaseline8Bit, [jpeg(96, 64)]))
    assert reason(path) == (
        "its compressed picture has 96 rows and 64 columns, its header says 64 and 96"
    )
    data = compressed(JPEG2000Lossless, [jpeg_2000()], Rows=32, Columns=192)
    assert reason(write(path, data)) == (
        "its compressed picture has 64 rows and 96 columns, its header says 32 and 192"
    )


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (JPEG2000Lossless, "JPEG 2000 Image Compression (Lossless Only)"),
        (RLELossless, "RLE Lossless"),
    ],
)
def test_a_jpeg_under_another_transfer_syntax_is_kept_out(
    tmp_path: Path, syntax: UID, name: str
) -> None:
    path = write(tmp_path / "a.dcm", compressed(syntax, [jpeg()]))
    assert reason(path) == f"damaged: its pixel data does not begin as {name} does"


def test_a_stream_without_a_beginning_is_kept_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", compressed(JPEGBaseline8Bit, [jpeg()[2:]]))
    assert reason(path).startswith("damaged: its pixel data does not begin as JPEG Baseline")


def test_fewer_fragments_than_frames_are_too_few(tmp_path: Path) -> None:
    data = compressed(JPEGBaseline8Bit, [jpeg(), jpeg()], NumberOfFrames=3)
    assert reason(write(tmp_path / "a.dcm", data)) == (
        "truncated: NumberOfFrames is 3, and its compressed pixel data holds 2 fragments"
    )
    taken(write(tmp_path / "a.dcm", compressed(JPEGBaseline8Bit, [jpeg()] * 3, NumberOfFrames=3)))


def test_compressed_pixels_without_a_transfer_syntax_are_kept_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", compressed(JPEGBaseline8Bit, [jpeg()]))
    content = path.read_bytes()
    body = 144 + int.from_bytes(content[140:144], "little")
    path.write_bytes(content[body:])
    assert reason(path) == (
        "its pixels are compressed, and its transfer syntax (not stated) does not say how"
    )


def test_plain_pixels_under_a_compressed_transfer_syntax_are_kept_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", image(GREY))
    content = path.read_bytes()
    plain, other = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"
    assert content.count(plain) == 1
    path.write_bytes(content.replace(plain, other))
    said = "its transfer syntax (RLE Lossless) is a compressed one, and its pixels are not"
    assert reason(path) == said


@pytest.mark.parametrize("text", [b"two ", b"1\\", b"1.5 ", b"-1"])
def test_a_number_of_frames_that_is_none_is_kept_out(text: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", image(GREY, NumberOfFrames="7777"[: len(text)]))
    content = path.read_bytes()
    element = b"\x28\x00\x08\x00IS" + len(text).to_bytes(2, "little")
    said = b"7777"[: len(text)]
    assert content.count(element + said) == 1
    path.write_bytes(content.replace(element + said, element + text))
    told = text.decode().strip()
    assert f"NumberOfFrames {told}; expected a whole number" in reason(path)


@pytest.mark.parametrize("text", ["1", "", "0"])
def test_one_frame_may_be_said_in_three_ways(text: str, tmp_path: Path) -> None:
    taken(write(tmp_path / "a.dcm", image(GREY, NumberOfFrames=text)))


def test_a_file_that_is_not_written_as_its_syntax_says_is_read(tmp_path: Path) -> None:
    """Old archives have them: group 2 says explicit, and no element states its representation."""
    stored = np.arange(24, dtype=np.uint16).reshape(4, 6)
    parts = []
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        content = write(tmp_path / "a.dcm", image(stored, syntax)).read_bytes()
        body = 144 + int.from_bytes(content[140:144], "little")
        parts.append((content[:body], content[body:]))
    path = tmp_path / "mixed.dcm"
    path.write_bytes(parts[0][0] + parts[1][1])
    assert isinstance(read_header(path), Header)
    np.testing.assert_array_equal(read_frame(path).values, stored)
    deidentify(path, tmp_path / "copy.dcm", b"k" * 32)
    np.testing.assert_array_equal(read_frame(tmp_path / "copy.dcm").values, stored)
