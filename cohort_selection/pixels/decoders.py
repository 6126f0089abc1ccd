"""Names the one library that decodes each compressed transfer syntax, and gives it to pydicom.

Left to choose, pydicom takes what is installed, in its own order (python-gdcm first), and a lossy
image then has other values on another machine. The plug-in of this file is asked for by name.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders import pylibjpeg
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

PLUGIN = "sequestra"
"""The name under which pydicom knows this file."""

_JPEG = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1})
_JPEG_LS = frozenset({JPEGLSLossless, JPEGLSNearLossless})
_JPEG_2000 = frozenset({JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL})

LIBRARY = {
    **dict.fromkeys(_JPEG | _JPEG_LS, "imagecodecs"),
    **dict.fromkeys(_JPEG_2000, "pylibjpeg-openjpeg"),
    RLELossless: "pylibjpeg-rle",
}
"""The package that decodes each transfer syntax: libjpeg-turbo and CharLS in imagecodecs, OpenJPEG
in pylibjpeg-openjpeg."""

DECODER_DEPENDENCIES = {syntax: (library,) for syntax, library in LIBRARY.items()}
"""What pydicom tells of a decoder that is not there."""


def versions() -> dict[str, str]:
    """The decoders' packages with their versions, as a model's card records them.

    A package that is not installed is left out; its transfer syntaxes cannot be read then.
    """
    found = {}
    for library in sorted(set(LIBRARY.values())):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def is_available(syntax: str) -> bool:
    """Whether the library of a transfer syntax is installed (a call of pydicom's)."""
    uid = UID(syntax)
    if uid in _JPEG:
        return bool(imagecodecs.JPEG8.available)
    if uid in _JPEG_LS:
        return bool(imagecodecs.JPEGLS.available)
    return uid in LIBRARY and pylibjpeg.is_available(uid)


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes | bytearray:
    """Decode one frame (a call of pydicom's): its bytes, little endian, by row and column.

    Raises ValueError where the stream has another shape than the header says, and whatever the
    library raises.
    """
    syntax = runner.transfer_syntax
    if syntax not in _JPEG and syntax not in _JPEG_LS:
        return pylibjpeg._decode_frame(source, runner)
    if syntax in _JPEG_LS:
        decoded = imagecodecs.jpegls_decode(source)
    elif str(runner.photometric_interpretation).startswith("YBR"):
        # pydicom makes RGB of it afterwards, as the header says
        decoded = imagecodecs.jpeg8_decode(source, colorspace="YCBCR", outcolorspace="YCBCR")
    else:
        decoded = imagecodecs.jpeg8_decode(source)
    _refuse_other_shape(decoded, runner)
    runner.set_option("bits_allocated", decoded.dtype.itemsize * 8)
    if decoded.ndim == 3:
        runner.set_option("planar_configuration", 0)
    if decoded.dtype.byteorder == ">":
        decoded = decoded.astype(decoded.dtype.newbyteorder("<"))
    return decoded.tobytes()


def _refuse_other_shape(decoded: NDArray[np.generic], runner: DecodeRunner) -> None:
    samples = decoded.shape[2] if decoded.ndim == 3 else 1
    found = (*decoded.shape[:2], samples)
    stated = (runner.rows, runner.columns, runner.samples_per_pixel)
    if found != stated:
        raise ValueError(
            "its compressed image has {} rows, {} columns and {} channels, ".format(*found)
            + "its header says {}, {} and {}".format(*stated)
        )


def _register() -> None:
    for syntax in LIBRARY:
        decoder = get_decoder(syntax)
        known = (*decoder.available_plugins, *" ".join(decoder.missing_dependencies).split())
        if PLUGIN not in known:
            decoder.add_plugin(PLUGIN, (__name__, decode_frame.__name__))


_register()
