"""Decoding and resizing to 512 pixels by transfer syntax, beside plain pydicom and scikit-image.

One radiograph in every syntax: a real one where SEQUESTRA_DATA points at it, else a made one of the
same shape and bits. `python -m perf decoding`; peers from perf/peers.txt.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from baselines.container.images import model_input
from cohort_selection.commons.radiograph import uid
from cohort_selection.pixels.area import area_mean
from cohort_selection.pixels.decoders import PLUGIN
from cohort_selection.pixels.intensities import read_levels
from perf.timing import Program, Timed, missing, side_by_side

OURS = "Sequestra: decode, area mean"
WITH_NORMALISING = "Sequestra: model_input (with percentiles)"
PLAIN = "pydicom pixel_array, scikit-image resize"
BEFORE = "the same, pydicom's own RLE"
SIZE = 512
SHAPE = 1955, 1841


def run(rounds: int = 9) -> list[Timed]:
    """Time every syntax, in turns; the peer has its own decoders installed, in pydicom's order."""
    found: list[Timed] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files_of_every_syntax(Path(folder), a_radiograph()).items():
            found += _beside(f"{name}, {SHAPE[0]} x {SHAPE[1]}", path, rounds)
    return found


def _beside(work: str, path: Path, rounds: int) -> list[Timed]:
    try:
        from skimage.transform import resize
    except ImportError:
        return [missing(work, PLAIN)]
    programs = [
        Program(OURS, partial(_ours, path), rounds=rounds),
        Program(WITH_NORMALISING, partial(model_input, path, SIZE), rounds=rounds),
        Program(PLAIN, partial(_plain, path, resize, ""), "scikit-image", rounds=rounds),
    ]
    if dcmread(path).file_meta.TransferSyntaxUID == RLELossless:
        programs.append(
            Program(BEFORE, partial(_plain, path, resize, "pydicom"), "pydicom", rounds=rounds)
        )
    return side_by_side(work, programs)


def _target(shape: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = (max(1, round(side * SIZE / max(shape))) for side in shape)
    return rows, columns


def _ours(path: Path) -> NDArray[np.float64]:
    stored = read_levels(path).filled()
    return area_mean(stored, *_target(stored.shape))


def _plain(path: Path, resize: Callable[..., Any], plugin: str) -> NDArray[np.float64]:
    """As one writes it: pydicom chooses the decoder, but never this project's own."""
    image = dcmread(path)
    chosen = plugin or _first_of_pydicom(image)
    image.pixel_array_options(decoding_plugin=chosen)
    stored = image.pixel_array
    shrunk = resize(stored, _target(stored.shape), anti_aliasing=True, preserve_range=True)
    return np.asarray(shrunk)


def _first_of_pydicom(image: Dataset) -> str:
    from pydicom.pixels import get_decoder

    syntax = image.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return ""
    found = [name for name in get_decoder(syntax)._available if name != PLUGIN]
    return found[0]


def a_radiograph() -> NDArray[np.uint16]:
    configured = os.environ.get("SEQUESTRA_DATA")
    root = Path(__file__).resolve().parent.parent.parent
    folder = Path(configured) if configured else root / "shared" / "data"
    real = folder / "dicom" / "cr_chest_rg1_explicit_le.dcm"
    if real.is_file():
        return np.asarray(dcmread(real).pixel_array)
    rng = np.random.default_rng(0)
    waves = np.add.outer(np.sin(np.arange(SHAPE[0]) / 90), np.cos(np.arange(SHAPE[1]) / 70))
    noise = rng.normal(0, 60, SHAPE)
    return np.clip(12_000 + 5_000 * waves + noise, 0, (1 << 15) - 1).astype(np.uint16)


def files_of_every_syntax(folder: Path, picture: NDArray[np.uint16]) -> Mapping[str, Path]:
    eight, twelve = (picture >> 7).astype(np.uint8), picture >> 3
    jpeg = imagecodecs.jpeg8_encode
    lossless = partial(jpeg, lossless=True, predictor=1)
    made: dict[str, tuple[NDArray[Any], int, UID, bytes | bytearray | None]] = {
        "raw, 15 bit": (picture, 15, ExplicitVRLittleEndian, None),
        "raw, 8 bit": (eight, 8, ExplicitVRLittleEndian, None),
        "RLE, 15 bit": (picture, 15, RLELossless, b""),
        "RLE, 12 bit": (twelve, 12, RLELossless, b""),
        "JPEG baseline, 8 bit": (eight, 8, JPEGBaseline8Bit, jpeg(eight, level=90)),
        "JPEG extended, 12 bit": (
            twelve,
            12,
            JPEGExtended12Bit,
            jpeg(twelve, level=90, bitspersample=12),
        ),
        "JPEG lossless, 15 bit": (
            picture,
            15,
            JPEGLosslessSV1,
            lossless(picture, bitspersample=15),
        ),
        "JPEG lossless, 12 bit": (
            twelve,
            12,
            JPEGLosslessSV1,
            lossless(twelve, bitspersample=12),
        ),
        "JPEG-LS, 15 bit": (picture, 15, JPEGLSLossless, imagecodecs.jpegls_encode(picture)),
        "JPEG 2000, 15 bit": (picture, 15, JPEG2000Lossless, b""),
    }
    written: dict[str, Path] = {}
    for name, (stored, bits, syntax, stream) in made.items():
        data = _image(stored, bits)
        if stream:
            data.file_meta.TransferSyntaxUID = syntax
            data.PixelData = encapsulate([stream])
            data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        elif stream is not None:
            encoder = "pylibjpeg"
            data.compress(syntax, encoding_plugin=encoder, generate_instance_uid=False)
        written[name] = folder / f"{len(written)}.dcm"
        data.save_as(written[name], enforce_file_format=True)
    return written


def _image(stored: NDArray[Any], bits: int) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID = UID(uid("decoding"))
    data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = stored.itemsize * 8, bits, bits - 1
    data.PixelRepresentation = 0
    raw = np.ascontiguousarray(stored).tobytes()
    data.add_new("PixelData", "OB" if stored.itemsize == 1 else "OW", raw + bytes(len(raw) % 2))
    return data
