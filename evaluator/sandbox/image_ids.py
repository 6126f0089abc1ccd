"""Translates between the digests of an image's configuration and of its manifest.

An image is entered by the digest of its configuration, which is the same in every engine. Docker's
older stores and Podman know it by that too. Docker's containerd store, the default of new
installations, knows it by its manifest, which names the configuration by its digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

CONTAINERD = "containerd"
_SNAPSHOTTER = ["driver-type", "io.containerd.snapshotter.v1"]

MAX_MANIFEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest of ours tells: the configuration's digest, and the bytes of plain layers."""

    configuration: str
    size_bytes: int


def store_of(info: Mapping[str, Any]) -> str:
    """Name of the store in which an engine keeps its images, from what it tells of itself."""
    if _SNAPSHOTTER in (info.get("DriverStatus") or ()):
        return CONTAINERD
    return str(info.get("Driver") or "unknown")


def read_manifest(saved: Iterator[bytes], digest: str) -> Manifest | None:
    """Find the manifest of this ``digest`` in what an engine saves of an image.

    It is what it says, since its content has the digest. None where there is none, or where its
    layers are packed, so that it is none of ours.
    """
    name = digest.replace("sha256:", "blobs/sha256/")
    with tarfile.open(fileobj=cast(IO[bytes], _Chunks(saved)), mode="r|") as tar:
        for member in tar:
            if member.name != name or not member.isreg() or member.size > MAX_MANIFEST:
                continue
            file = tar.extractfile(member)
            content = file.read() if file else b""
            if f"sha256:{hashlib.sha256(content).hexdigest()}" == digest:
                return _read(content)
    return None


def _read(content: bytes) -> Manifest | None:
    document = json.loads(content)
    layers = document.get("layers")
    if layers is None or any(not str(each["mediaType"]).endswith(".tar") for each in layers):
        return None
    return Manifest(document["config"]["digest"], sum(int(each["size"]) for each in layers))


class _Chunks(io.RawIOBase):
    """What comes in chunks, read as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.left = b""

    def read(self, size: int = -1) -> bytes:
        while len(self.left) < size and (chunk := next(self.chunks, b"")):
            self.left += chunk
        content, self.left = self.left[:size], self.left[size:]
        return content
