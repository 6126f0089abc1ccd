"""Recognises packed bytes and unpacks them within bounds of memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, cast

import zstandard

from submissions.image.tar_members import CHUNK

MOST_MEMORY = 128 * 2**20
"""What a decoder may take beside; `zstd --long` and `xz -9` stay within it."""

_MAGIC = {
    "gzip": (b"\x1f\x8b",),
    "bzip2": (b"BZh",),
    "xz": (b"\xfd7zXZ\0",),
    # What zstd skips begins otherwise, and a packed tar may begin with it.
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes((low,)) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))),
}
LONGEST_MAGIC = max(len(magic) for magics in _MAGIC.values() for magic in magics)


class DamagedPacking(ValueError):
    """Packed bytes that cannot be unpacked, or not within our bounds."""


def packing(start: bytes) -> str | None:
    """Name of the packing that begins with ``start``; None for what is not packed."""
    for name, magics in _MAGIC.items():
        if start.startswith(magics):
            return name
    return None


def unpacked(file: IO[bytes], how: str) -> IO[bytes]:
    """Unpack ``file``, all of it, as ``packing`` has named it.

    Its ``read`` gives no more bytes than asked for and takes at most ``MOST_MEMORY`` beside; it
    raises DamagedPacking where the packed bytes are damaged or ask for more.
    """
    return cast(IO[bytes], _Unpacked(_READERS[how](file)))


class _Unpacked(io.RawIOBase):
    """Another reader's bytes, its faults told as ours."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        try:
            return self.file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's
                raise
            reason = str(error).lower()
            if "memory" in reason:
                problem = f"packed so that it takes over {MOST_MEMORY >> 20} MB of memory to unpack"
                raise DamagedPacking(problem) from error
            raise DamagedPacking(str(error)) from error


class _Xz(io.RawIOBase):
    """The streams of an xz file, one after the other, read within a limit of memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.left = b""
        self.stream: lzma.LZMADecompressor | None = None

    def read(self, size: int = -1) -> bytes:
        while True:
            if self.stream is None and not self._next_stream():
                return b""
            assert self.stream is not None
            if self.stream.needs_input:
                self.left = self.left or self.file.read(CHUNK)
                if not self.left:
                    raise EOFError("it ends before its end marker")
            content = self.stream.decompress(self.left, size)
            self.left = b""
            if self.stream.eof:
                self.left = self.stream.unused_data
                self.stream = None
            if content:
                return content

    def _next_stream(self) -> bool:
        """Begin the next stream, behind the zeros that may pad the one before."""
        self.left = self.left.lstrip(b"\0")
        while not self.left:
            chunk = self.file.read(CHUNK)
            if not chunk:
                return False
            self.left = chunk.lstrip(b"\0")
        self.stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_MEMORY)
        return True


def _gzip(file: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=file))


def _bzip2(file: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], bz2.BZ2File(file))


def _xz(file: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], _Xz(file))


def _zstd(file: IO[bytes]) -> IO[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=MOST_MEMORY)
    return cast(IO[bytes], decoder.stream_reader(file, read_across_frames=True, closefd=False))


_READERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    "gzip": _gzip,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": _zstd,
}
