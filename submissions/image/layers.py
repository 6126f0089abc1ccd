"""Reads the layers of an image archive to their last byte before an engine sees them."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, cast

from submissions.image.archive_members import Archive, invalid, shown
from submissions.image.lint import NEW_LAYER
from submissions.image.tar_members import CHUNK, SPARSE, members
from submissions.image.unpacking import LONGEST_MAGIC, packing, unpacked

MAX_LAYER_MEMBERS = 2_000_000

_PACKED = ("gzip", "zstd")
"""How a layer may be packed; the formats of images know no other."""

AGAIN = "write the image again, or with another tool"

_PLAIN_AGAIN = (
    "`skopeo copy docker-archive:X docker-archive:Y` writes it plain (oci-archive:X for an OCI "
    "archive)"
)


class LayerTooLarge(Exception):
    """A layer that unpacks to more than there is room for."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An unpacked layer: its SHA-256 as 64 digits and its size in bytes."""

    digest: str
    size: int


def read_layer(archive: Archive, name: str, limit: int, copy: IO[bytes] | None = None) -> Layer:
    """Read a layer whose members all stay inside it, and write it unpacked into ``copy``.

    None of its members is sparse, so that what they declare is no more than the bytes that are
    counted. Raises ContractBroken, or LayerTooLarge where it unpacks to over ``limit`` bytes.
    """
    packed = _Digested(archive.content(name))
    start = archive.content(name).read(LONGEST_MAGIC)
    how = packing(start)
    if how is not None and how not in _PACKED:
        raise invalid(f"has a layer that is packed by {how}; {_PLAIN_AGAIN}")
    plain = unpacked(cast(IO[bytes], packed), how) if how else cast(IO[bytes], packed)
    content = _Counted(plain, limit, copy)
    try:
        _judge(content)
    except tarfile.TarError as error:
        raise invalid(f"has a layer that is cut short or damaged ({error}); {AGAIN}") from error
    if packed.read(1):
        raise invalid(f"has a layer with something after its end; {AGAIN}")
    path = PurePosixPath(name)
    if str(path.parent) == "blobs/sha256" and packed.digest.hexdigest() != path.name:
        raise invalid(f"holds {shown(name)} with another digest; send it again")
    return Layer(content.digest.hexdigest(), content.count)


def _judge(content: _Counted) -> None:
    for count, member in enumerate(members(cast(IO[bytes], content))):
        if count >= MAX_LAYER_MEMBERS:
            raise invalid(f"has a layer of over {MAX_LAYER_MEMBERS} files")
        if member.kind == SPARSE:
            problem = f"has a layer with the sparse file {shown(member.name)}"
            raise invalid(f"{problem}; store it whole: {NEW_LAYER}")
        names = (member.name, member.link) if member.kind == tarfile.LNKTYPE else (member.name,)
        for name in names:
            if name.startswith("/"):
                problem = f"has a layer whose member {shown(name)} has an absolute path"
                raise invalid(f"{problem}; {NEW_LAYER}")
            if ".." in name.split("/"):
                problem = f"has a layer whose member {shown(name)} lies outside it"
                raise invalid(f"{problem}; {NEW_LAYER}")


class _Digested(io.RawIOBase):
    """Digests what is read, as it lies in the archive."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self.file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self.digest.update(chunk)
        return chunk


class _Counted(io.RawIOBase):
    """Counts, digests and copies what is read, and stops at the limit.

    An engine looks at the first bytes of a layer and unpacks what seems packed to it, whatever
    the image says: so a tar may not begin like anything else.
    """

    def __init__(self, file: IO[bytes], limit: int, copy: IO[bytes] | None) -> None:
        self.file = file
        self.limit = limit
        self.copy = copy
        self.count = 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self.file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        if not self.count and packing(chunk):
            raise invalid(f"has a layer that is packed twice; {AGAIN}")
        self.count += len(chunk)
        if self.count > self.limit:
            raise LayerTooLarge
        self.digest.update(chunk)
        if self.copy is not None:
            self.copy.write(chunk)
        return chunk
