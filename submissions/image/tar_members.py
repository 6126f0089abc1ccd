"""Reads the members of a tar so strictly that an engine finds no others.

Engines read with Go's archive/tar. Python's tarfile takes some headers for others than it does, and
ends without a word at one that it cannot read, so that an engine would go on with members that
nobody has looked at. Here both must agree where the next header stands, or the tar is damaged.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

SPARSE = tarfile.GNUTYPE_SPARSE
"""Kind of a member that swells as it is unpacked, in whichever format it says so."""

MAX_HEADER = 64 * 1024
MOST_DIGITS = 18
CHUNK = 1024 * 1024

_OCTAL = re.compile(rb" *[0-7]*[ \0]*")
_BASE_256 = 0x80
_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_EXTENSIONS = (_LONG_NAME, _LONG_LINK, tarfile.XHDTYPE)
_WITHOUT_CONTENT = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A member's header; its ``size`` bytes of content begin at ``offset``."""

    name: str
    kind: bytes
    link: str
    offset: int
    size: int


def members(file: IO[bytes]) -> Iterator[Member]:
    """Read a tar forward to the last byte of ``file``, which may hold nothing but zeros at its end.

    Every byte of a member that is not sparse is read. Raises tarfile.TarError where the tar is
    damaged, or where two readers might differ about it.
    """
    offset = 0
    extensions: dict[bytes, bytes] = {}
    while block := file.read(tarfile.BLOCKSIZE):
        if not any(block):
            break
        offset += tarfile.BLOCKSIZE
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        field, kind = block[124:136], block[156:157]
        if header.size < 0 or not (field[0] == _BASE_256 or _OCTAL.fullmatch(field)):
            raise tarfile.ReadError("a size that is no number")
        if kind in (*_EXTENSIONS, tarfile.XGLTYPE) and header.size > MAX_HEADER:
            raise tarfile.ReadError("a member with an endless name")
        if kind in _EXTENSIONS:
            if kind in extensions:
                raise tarfile.ReadError("a member with two headers of one kind")
            extensions[kind] = _read(file, _padded(header.size))[: header.size]
            offset += _padded(header.size)
            continue
        size = header.size
        if kind != tarfile.XGLTYPE:
            member = _member(header, kind, extensions, offset)
            yield member
            size = member.size
            extensions = {}
        elif extensions:  # one reader takes them to be of this header, another of the next
            raise tarfile.ReadError("a global header after those of a member")
        _skip(file, _padded(size))
        offset += _padded(size)
    if not offset and not block:
        raise tarfile.ReadError("empty")
    while chunk := file.read(CHUNK):
        if chunk.strip(b"\0"):
            raise tarfile.ReadError("something after its end")


def _member(
    header: tarfile.TarInfo, kind: bytes, extensions: dict[bytes, bytes], offset: int
) -> Member:
    records = _records(extensions.get(tarfile.XHDTYPE, b""))
    name = extensions.get(_LONG_NAME, b"").partition(b"\0")[0] or records.get(b"path")
    link = extensions.get(_LONG_LINK, b"").partition(b"\0")[0] or records.get(b"linkpath")
    size = header.size
    if size_record := records.get(b"size"):
        if not size_record.isdigit() or len(size_record) > MOST_DIGITS:
            raise tarfile.ReadError("a size that is no number")
        size = int(size_record)
    if any(key.startswith(b"GNU.sparse.") for key in records):
        kind = SPARSE
    shown = _text(name) if name else header.name
    if kind == tarfile.AREGTYPE:
        kind = tarfile.REGTYPE
        # In the oldest format a folder is a file whose name ends so, and has no content.
        if (header.isdir() or shown.endswith("/")) and size:
            raise tarfile.ReadError("a folder with content")
        if header.isdir():
            kind = tarfile.DIRTYPE
    if kind in _WITHOUT_CONTENT:
        size = 0
    return Member(
        name=shown,
        kind=kind,
        link=_text(link) if link else header.linkname,
        offset=offset,
        size=size,
    )


def _records(extension: bytes) -> dict[bytes, bytes]:
    """Read the records of a PAX header: their length, a space, key=value and a line's end."""
    records = {}
    while extension:
        length = extension.partition(b" ")[0]
        end = int(length) if length.isdigit() and len(length) <= MOST_DIGITS else 0
        record, extension = extension[:end], extension[end:]
        key, equals, value = record[len(length) + 1 : -1].partition(b"=")
        if not equals or len(record) != end or not record.endswith(b"\n"):
            raise tarfile.ReadError("an extended header that is none")
        records[key] = value
    return records


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _read(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise tarfile.ReadError("unexpected end of data")
    return content


def _skip(file: IO[bytes], size: int) -> None:
    while size:
        size -= len(_read(file, min(size, CHUNK)))
