"""Writes the file that an engine loads: the checked bytes of one image.

It is a Docker archive and an OCI layout in one, with a manifest of our own over plain layers.
Docker's older store and Podman know the image by the digest of its configuration; Docker's
containerd store knows it by the digest of its manifest, which ``finish`` returns.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass, field
from typing import IO

from submissions.image.layers import Layer

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_REGISTRY = "docker.io/"
"""What engines write before a name that names no registry."""


@dataclass(slots=True)
class Loadable:
    """An image as it is written into ``file``: first its layers, then ``finish``."""

    file: IO[bytes]
    layers: list[Layer] = field(default_factory=list)
    _at: int = 0
    _written: set[str] = field(default_factory=set)

    def begin_layer(self) -> IO[bytes]:
        """Give the file, at the place where the content of the next layer goes."""
        self._at = self.file.tell()
        self.file.write(b"\0" * tarfile.BLOCKSIZE)
        return self.file

    def end_layer(self, layer: Layer) -> None:
        """Take the layer whose content was written since ``begin_layer``."""
        if layer.digest in self._written:
            self.file.seek(self._at)
            self.file.truncate()
        else:
            self._pad(layer.size)
            end = self.file.tell()
            self.file.seek(self._at)
            self.file.write(_header(_blob(layer.digest), layer.size))
            self.file.seek(end)
        self._written.add(layer.digest)
        self.layers.append(layer)

    def repeat(self, layer: Layer) -> None:
        """Take a layer whose content was written before."""
        self.layers.append(layer)

    def finish(self, digest: str, configuration: bytes, name: str) -> str:
        """Write what names the image, with its ``digest``; SHA-256 of the manifest, as 64 digits.

        ``name`` is the one name under which an engine will load it, as repository:tag.
        """
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(_CONFIGURATION, digest, len(configuration)),
                "layers": [_descriptor(_LAYER, each.digest, each.size) for each in self.layers],
            }
        )
        manifest_digest = hashlib.sha256(manifest).hexdigest()
        annotations = {
            "io.containerd.image.name": f"{_REGISTRY}{name}",
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
        entry = {
            **_descriptor(_MANIFEST, manifest_digest, len(manifest)),
            "annotations": annotations,
        }
        listed = {
            "Config": _blob(digest),
            "RepoTags": [name],
            "Layers": [_blob(each.digest) for each in self.layers],
        }
        for member, content in (
            (_blob(digest), configuration),
            (_blob(manifest_digest), manifest),
            ("oci-layout", _json({"imageLayoutVersion": "1.0.0"})),
            ("index.json", _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]})),
            ("manifest.json", _json([listed])),
        ):
            self.file.write(_header(member, len(content)))
            self.file.write(content)
            self._pad(len(content))
        self.file.write(b"\0" * (2 * tarfile.BLOCKSIZE))
        self.file.flush()
        return manifest_digest

    def _pad(self, size: int) -> None:
        self.file.write(b"\0" * (-size % tarfile.BLOCKSIZE))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _descriptor(kind: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member.tobuf(tarfile.GNU_FORMAT)
