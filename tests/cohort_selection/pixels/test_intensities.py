"""Pixels as they are meant: expected values by hand, or the arrays that the test encoded."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.pixels.decoders import RLELosslessDecoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from baselines.container.images import model_input
from cohort_selection.dicom.header import Header, read_header, read_header_with_pydicom
from cohort_selection.pixels import decoders
from cohort_selection.pixels.decoders import PLUGIN
from cohort_selection.pixels.intensities import UnreadableImage, decodable, read_frame, undecodable
from cohort_selection.pixels.picture import (
    has_overlay_in_pixels,
    header_fields,
    read_picture,
    without_unused_bits,
)
from tests.support.made_images import (
    computed_tomogram,
    image,
    write,
    write_without_group_2,
)

GREY = np.arange(24, dtype=np.uint16).reshape(4, 6) * 100


def read(path: Path) -> NDArray[np.float64]:
    """The values that the look and training see alike; the index takes the file."""
    found = read_header(path)
    assert isinstance(found, Header), found
    values = read_frame(path).values
    np.testing.assert_array_equal(read_picture(path)[1], values)
    return values.astype(np.float64)


# Files that are stored in an unusual way


def test_a_deflated_file_is_inflated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", image(GREY, DeflatedExplicitVRLittleEndian))
    np.testing.assert_array_equal(read(path), GREY)
    plain = write(tmp_path / "b.dcm", image(GREY))
    assert model_input(path, 32).tobytes() == model_input(plain, 32).tobytes()


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("preamble", [True, False])
def test_a_file_without_group_2_is_read_as_it_was_written(
    tmp_path: Path, implicit: bool, preamble: bool
) -> None:
    path = write_without_group_2(tmp_path / "a.dcm", image(GREY), implicit=implicit)
    if preamble:
        path.write_bytes(bytes(128) + b"DICM" + path.read_bytes())
    np.testing.assert_array_equal(read(path), GREY)


def test_big_endian_pixels_are_turned(tmp_path: Path) -> None:
    np.testing.assert_array_equal(
        read(write(tmp_path / "a.dcm", image(GREY, ExplicitVRBigEndian))), GREY
    )


def test_words_in_small_letters_are_the_same_words(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", image(GREY, PhotometricInterpretation="MONOCHROME1"))
    replaced(path, b"MONOCHROME1", b"monochrome1")
    np.testing.assert_array_equal(read(path), 2300 - GREY.astype(int))


# Unused bits


@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_an_overlay_in_the_unused_bits_is_not_part_of_the_picture(
    tmp_path: Path, syntax: pydicom.uid.UID | None
) -> None:
    with_overlay = GREY | (np.eye(4, 6, dtype=np.uint16) << 12)
    data = image(with_overlay, BitsStored=12, HighBit=11)
    if syntax is not None:
        data.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), GREY)


def test_the_sign_of_twelve_bits_is_carried_up(tmp_path: Path) -> None:
    signed = np.array([[-2048, -1], [0, 2047]], dtype=np.int16)
    data = image(signed & 0x0FFF, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), signed)


def test_the_bits_that_a_jpeg_2000_stream_has_too_many_are_cleared(tmp_path: Path) -> None:
    large = np.kron(GREY, np.ones((16, 16), dtype=np.uint16))
    data = image(large | (np.eye(64, 96, dtype=np.uint16) << 12))
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    data.BitsStored, data.HighBit = 12, 11
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), large)


def test_a_copy_is_cleared_of_an_overlay_in_the_unused_bits(tmp_path: Path) -> None:
    with_overlay = GREY | (np.eye(4, 6, dtype=np.uint16) << 15)
    for syntax in (ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian):
        data = image(with_overlay, syntax, BitsStored=12, HighBit=11)
        clean = image(GREY, syntax, BitsStored=12, HighBit=11)
        assert without_unused_bits(data) == clean.PixelData
        assert without_unused_bits(clean) is None
    bytes_of_seven_bits = image(np.array([[1, 200, 3]], np.uint8), BitsStored=7, HighBit=6)
    assert without_unused_bits(bytes_of_seven_bits) == bytes([1, 200 - 128, 3, 0])


def test_signed_pixels_may_repeat_their_sign_or_leave_it_out(tmp_path: Path) -> None:
    signed = np.array([[-2048, -1, 5]], dtype=np.int16)
    for valid in (signed, signed & 0x0FFF):
        assert without_unused_bits(image(valid, BitsStored=12, HighBit=11)) is None
    data = image(signed ^ 0x4000, BitsStored=12, HighBit=11)
    assert without_unused_bits(data) == signed.tobytes()


def test_an_overlay_that_lies_in_the_pixels_is_told(tmp_path: Path) -> None:
    data = image(GREY, BitsStored=12, HighBit=11)
    assert not has_overlay_in_pixels(data)
    data.add_new((0x6002, 0x0102), "US", 0)  # a plane of its own, in OverlayData
    data.add_new((0x6002, 0x3000), "OW", bytes(4))
    assert not has_overlay_in_pixels(data)
    data.add_new((0x6004, 0x0102), "US", 12)
    assert has_overlay_in_pixels(data)


# Colour


def palette(data: Dataset, first: int, *channels: list[int], width: int) -> Dataset:
    """Give ``data`` a table of colours that begins at ``first``, entries of ``width`` bytes."""
    data.PhotometricInterpretation = "PALETTE COLOR"
    for colour, entries in zip(("Red", "Green", "Blue"), channels, strict=True):
        raw = np.array(entries, dtype=f"<u{width}").tobytes()
        descriptor = [len(entries), first, 8 * width]
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", descriptor)
        setattr(data, f"{colour}PaletteColorLookupTableData", raw + bytes(len(raw) % 2))
    return data


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("implicit", [False, True])
def test_palette_colour_goes_through_its_table(tmp_path: Path, width: int, implicit: bool) -> None:
    # Grey is the mean: 10 + 20 + 60, 0 + 0 + 3, 9 + 9 + 9, 200 + 100 + 0, each a third.
    indices = np.array([[0, 1, 2], [3, 4, 2]], dtype=np.uint8)
    syntax = {"syntax": ImplicitVRLittleEndian} if implicit else {}
    data = palette(
        image(indices, **syntax),
        1,
        [10, 0, 9, 200],
        [20, 0, 9, 100],
        [60, 3, 9, 0],
        width=width,
    )
    # Below the first mapped value comes the first entry.
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [[30, 30, 1], [9, 100, 1]])


def test_what_lies_beyond_a_table_takes_its_last_entry(tmp_path: Path) -> None:
    """PS3.3 C.7.6.3.1.5; pydicom 3.0.2 takes index 300 of 256 entries for 44."""
    entries = list(range(256))
    data = palette(
        image(np.array([[7, 300]], dtype=np.uint16)), 0, entries, entries, entries, width=1
    )
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [[7, 255]])


def test_a_segmented_table_is_unfolded(tmp_path: Path) -> None:
    data = image(
        np.array([[0, 1, 2, 3, 4]], dtype=np.uint8), PhotometricInterpretation="PALETTE COLOR"
    )
    # Discrete: one entry of 10. Linear: four more, up to 50 (PS3.3 C.7.9.2).
    segments = np.array([0, 1, 10, 1, 4, 50], dtype="<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [5, 0, 16])
        setattr(data, f"Segmented{colour}PaletteColorLookupTableData", segments)
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [[10, 20, 30, 40, 50]])


def test_half_the_colours_are_stored_in_ybr_full_422(tmp_path: Path) -> None:
    """With Cb = Cr = 128 there is no colour, and grey is the luminance."""
    luminance = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], dtype=np.uint8)
    stored = b"".join(bytes([one, other, 128, 128]) for one, other in luminance.reshape(-1, 2))
    data = image(np.zeros((2, 4, 3), dtype=np.uint8), PhotometricInterpretation="YBR_FULL_422")
    data.PixelData = stored
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), luminance)


def test_colour_by_plane_and_without_its_arrangement_is_averaged(tmp_path: Path) -> None:
    colour = np.array([[[10, 20, 30], [3, 3, 3]]], dtype=np.uint8)
    by_plane = image(colour, PlanarConfiguration=1)
    by_plane.PixelData = bytes([10, 3, 20, 3, 30, 3])
    for data in (by_plane, image(colour, PlanarConfiguration=None)):
        np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [[20, 3]])


# What the values mean


def test_a_frame_has_its_own_rescale(tmp_path: Path) -> None:
    frames = np.stack([np.full((2, 3), 100 * k, dtype=np.uint16) for k in range(3)])
    data = image(frames[0], NumberOfFrames=3, RescaleSlope="7", RescaleIntercept="7")
    data.PixelData = frames.tobytes()

    def groups(slope: str, intercept: str) -> Dataset:
        transformation, item = Dataset(), Dataset()
        transformation.RescaleSlope, transformation.RescaleIntercept = slope, intercept
        transformation.RescaleType = "HU"
        item.PixelValueTransformationSequence = Sequence([transformation])
        return item

    data.SharedFunctionalGroupsSequence = Sequence([groups("3", "-1000")])
    np.testing.assert_array_equal(
        read(write(tmp_path / "shared.dcm", data)), np.full((2, 3), 100 * 3 - 1000)
    )
    data.PerFrameFunctionalGroupsSequence = Sequence(
        [groups("1", "1"), groups("0.5", "-20"), groups("2", "2")]
    )
    np.testing.assert_array_equal(
        read(write(tmp_path / "by_frame.dcm", data)), np.full((2, 3), 100 * 0.5 - 20)
    )


@pytest.mark.realdata
def test_a_real_enhanced_ct_is_in_hounsfield_units(shared_data: Path) -> None:
    """highdicom 0.28.2 reads -1024 to 148 from its second frame, get_frame with real-world map."""
    values = read(shared_data / "dicom" / "enhanced_ct_multiframe.dcm")
    assert (values.min(), values.max()) == (-1024.0, 148.0)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"RescaleSlope": "2", "RescaleIntercept": "-10"}, [-10, 190]),
        ({"RescaleIntercept": "-10"}, [-10, 90]),  # a slope that is not stated is 1
        ({"RescaleSlope": "2"}, [0, 200]),
        ({"RescaleSlope": "1", "RescaleIntercept": "0"}, [0, 100]),
    ],
)
def test_each_part_of_a_rescale_is_applied(
    tmp_path: Path, elements: dict[str, str], expected: list[int]
) -> None:
    data = image(np.array([[0, 100]], dtype=np.uint16), **elements)
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [expected])


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    return path


def test_a_decimal_comma_is_a_point(tmp_path: Path) -> None:
    data = image(
        np.array([[0, 100]], dtype=np.uint16), RescaleSlope="0.25", RescaleIntercept="-8.5"
    )
    path = write(tmp_path / "a.dcm", data)
    replaced(replaced(path, b"0.25", b"0,25"), b"-8.5", b"-8,5")
    np.testing.assert_array_equal(read(path), [[-8.5, 16.5]])
    assert header_fields(path, ["RescaleSlope", "RescaleIntercept"])["RescaleSlope"] == "0,25"
    assert read_header(path) == read_header_with_pydicom(path)


def test_a_modality_table_is_looked_up(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [4, -2, 16], "OD"
    table.LUTData = np.array([5, 50, 500, 5000], dtype="<u2").tobytes()
    table["LUTDescriptor"].VR, table["LUTData"].VR = "SS", "OW"
    data = image(np.array([[-9, -2, -1, 0, 1, 9]], dtype=np.int16))
    data.ModalityLUTSequence = Sequence([table])
    np.testing.assert_array_equal(
        read(write(tmp_path / "a.dcm", data)), [[5, 5, 50, 500, 5000, 5000]]
    )


@pytest.mark.parametrize(
    ("photometric", "shape", "expected"),
    [
        ("MONOCHROME2", None, [0, 60, 100]),
        ("MONOCHROME2", "IDENTITY", [0, 60, 100]),
        ("MONOCHROME2", "INVERSE", [100, 40, 0]),
        ("MONOCHROME1", None, [100, 40, 0]),
        # PS3.3 C.8.11.3: INVERSE goes with MONOCHROME1, and both say one thing.
        ("MONOCHROME1", "INVERSE", [100, 40, 0]),
    ],
)
def test_bright_is_dense(
    tmp_path: Path, photometric: str, shape: str | None, expected: list[int]
) -> None:
    data = image(np.array([[0, 60, 100]], dtype=np.uint8), PhotometricInterpretation=photometric)
    if shape is not None:
        data.PresentationLUTShape = shape
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [expected])


def test_the_inverse_of_signed_numbers_does_not_overflow(tmp_path: Path) -> None:
    signed = np.array([[-30000, 0, 30000]], dtype=np.int16)
    data = image(signed, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [[60000, 30000, 0]])


# What shows nothing


def test_padding_is_the_darkest_of_the_rest_and_told_apart(tmp_path: Path) -> None:
    stored = np.array([[500, 20, 30], [7, 8, 40]], dtype=np.uint16)
    data = image(stored, PixelPaddingValue=500)
    frame = read_frame(write(tmp_path / "a.dcm", data))
    np.testing.assert_array_equal(frame.values, [[7, 20, 30], [7, 8, 40]])
    assert frame.outside is not None
    np.testing.assert_array_equal(frame.outside, stored == 500)
    data.PixelPaddingRangeLimit = 8  # and from the value down to the limit, both counted
    data.PixelPaddingValue = 7
    frame = read_frame(write(tmp_path / "a.dcm", data))
    np.testing.assert_array_equal(frame.values, [[500, 20, 30], [20, 20, 40]])


def test_padding_of_a_picture_that_is_shown_inverted_is_dark_too(tmp_path: Path) -> None:
    stored = np.array([[0, 20, 30]], dtype=np.uint16)
    data = image(stored, PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read(write(tmp_path / "a.dcm", data)), [[0, 10, 0]])


@pytest.mark.parametrize("kind", ["SS", "US", "implicit"])
def test_a_negative_padding_value_is_known_however_it_was_written(
    tmp_path: Path, kind: str
) -> None:
    """Files of GE's scanners hold 63536 for -2000 under the one and the other representation."""
    stored = np.array([[-2000, 0, 100]], dtype=np.int16)
    data = image(stored, **({"syntax": ImplicitVRLittleEndian} if kind == "implicit" else {}))
    data.add_new(
        "PixelPaddingValue", "US" if kind == "US" else "SS", 63536 if kind == "US" else -2000
    )
    frame = read_frame(write(tmp_path / "a.dcm", data))
    np.testing.assert_array_equal(frame.values, [[0, 0, 100]])


def test_an_image_of_nothing_but_padding_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", image(np.full((40, 40), 5, np.uint16), PixelPaddingValue=5))
    assert read_frame(path).outside is None
    assert not model_input(path, 32).any()


def slice_of_a_chest(fill: int) -> NDArray[np.int16]:
    """40 x 40 Hounsfield units in the circle of a field of view, ``fill`` outside of it."""
    rows, columns = np.mgrid[:40, :40] - 19.5
    inside = rows**2 + columns**2 <= 19.5**2
    values = np.random.default_rng(8).integers(-1000, 400, (40, 40))
    return np.where(inside, values, fill).astype(np.int16)


@pytest.mark.parametrize(
    ("fill", "elements"),
    [
        (-2000, {"PixelPaddingValue": -2000}),
        (-2000, {}),
        (-3024, {"PixelPaddingValue": -32768}),  # the padding value of the file is another
        (-1024, {}),
        (900, {"PixelPaddingValue": 900}),
        (900, {"PixelPaddingValue": 800, "PixelPaddingRangeLimit": 1000}),
    ],
)
def test_the_outside_of_the_field_of_view_moves_no_percentile(
    tmp_path: Path, fill: int, elements: dict[str, int]
) -> None:
    """The pixels of the circle are 0 and 1 at the 1st and 99th percentile of the circle itself."""
    stored = slice_of_a_chest(fill)
    data = computed_tomogram(stored)
    for keyword, value in elements.items():
        data.add_new(keyword, "SS", value)
    inside = stored != fill
    low, high = np.percentile(stored[inside].astype(float), (1, 99))
    expected = np.clip((stored - low) / (high - low), 0, 1)
    found = model_input(write(tmp_path / "a.dcm", data), 40)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-6)
    assert not found[~inside].any()


@pytest.mark.parametrize(
    "elements",
    [
        {"Modality": "MR"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"RescaleType": "MGML"},  # a map of iodine
    ],
)
def test_values_under_air_are_fill_in_a_ct_alone(
    tmp_path: Path, elements: dict[str, object]
) -> None:
    data = computed_tomogram(slice_of_a_chest(-2000), **elements)
    assert read_frame(write(tmp_path / "a.dcm", data)).outside is None


def test_air_that_is_the_lowest_value_is_no_fill(tmp_path: Path) -> None:
    data = computed_tomogram(slice_of_a_chest(-1000))
    assert read_frame(write(tmp_path / "a.dcm", data)).outside is None


@pytest.mark.realdata
def test_a_real_ct_is_a_circle_in_a_square(shared_data: Path) -> None:
    """Outside lies 1 - pi / 4 of it, and holds -3024, which is not the padding value it states."""
    frame = read_frame(shared_data / "dicom" / "ct_chest_explicit_le.dcm")
    assert frame.outside is not None
    assert frame.outside.mean() == pytest.approx(1 - np.pi / 4, abs=0.003)
    assert frame.values.min() == -1024


# The decoder


@pytest.fixture
def another_decoder_first() -> Iterator[None]:
    """What python-gdcm does once it is installed: pydicom asks it before all others."""
    own = {
        "pylibjpeg": ("pydicom.pixels.decoders.pylibjpeg", "_decode_frame"),
        "pydicom": ("pydicom.pixels.decoders.rle", "_decode_frame"),
        PLUGIN: (decoders.__name__, decoders.decode_frame.__name__),
    }
    for label in own:
        RLELosslessDecoder.remove_plugin(label)
    RLELosslessDecoder.add_plugin("other", ("tests.support.other_decoder", "decode_as_zeros"))
    for label, where in own.items():
        RLELosslessDecoder.add_plugin(label, where)
    yield
    RLELosslessDecoder.remove_plugin("other")


def test_another_decoder_that_is_installed_changes_no_pixel(
    tmp_path: Path, another_decoder_first: None
) -> None:
    data = image(GREY)
    data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    path = write(tmp_path / "a.dcm", data)
    assert not pixel_array(path).any()
    np.testing.assert_array_equal(read(path), GREY)


def test_every_compressed_syntax_of_the_decoder_can_be_read_here() -> None:
    assert undecodable() == []
    assert decodable(RLELossless)
    assert decodable("1.2.840.10008.1.2.1")
    assert not decodable("1.2.840.10008.1.2.4.100")  # MPEG2
    assert not decodable("1.2.840.10008.1.2.8.1")  # deflated frames
    assert not decodable("")


# Failures


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"RescaleSlope": "1e400"}, "its RescaleSlope is 1e400; give a finite number"),
        ({"BitsStored": 20}, "no pixels could be decoded"),
        ({"PixelData": None}, "no pixels could be decoded"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, elements: dict[str, object], said: str
) -> None:
    path = write(tmp_path / "a.dcm", image(GREY))
    with pydicom.config.disable_value_validation():
        data = pydicom.dcmread(path)
        for keyword, value in elements.items():
            if value is None:
                del data[keyword]
            else:
                setattr(data, keyword, value)
        data.save_as(path)
    with pytest.raises(UnreadableImage, match=f"^a.dcm: {said}") as raised:
        read_frame(path)
    assert "\n" not in str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.reason) == (str(raised.value), raised.value.reason)
