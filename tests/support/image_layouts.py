"""Image archives in the layouts of every builder, made from the formats' specifications.

The OCI layout is that of the Image Format Specification 1.1; Docker's own is that of `docker save`
(Image Specification 1.2). Nothing here comes from the code under test.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import zstandard

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

Json = dict[str, Any]


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
}
WHOLE_PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    **PACKINGS,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def written(document: object) -> bytes:
    return json.dumps(document).encode()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


LAYERS = (tar_of({"app/predict.py": b"pass"}), tar_of({"app/weights": b"x" * 3000}))


@dataclass
class Image:
    """An image before any layout: its layers as tars, and its configuration."""

    layers: Sequence[bytes] = LAYERS
    architecture: str = "amd64"
    more: Json = field(default_factory=dict)

    def configuration(self) -> bytes:
        return written(
            {
                "os": "linux",
                "architecture": self.architecture,
                "config": {"Entrypoint": ["python3"], "Env": [f"ARCH={self.architecture}"]},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{digest(layer)}" for layer in self.layers],
                },
                **self.more,
            }
        )


@dataclass
class Layout:
    """Blobs of an OCI layout, and what its index.json lists."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    listed: list[Json] = field(default_factory=list)

    def blob(self, kind: str, content: bytes, **more: Any) -> Json:
        """Add a blob; its descriptor."""
        self.blobs[f"blobs/sha256/{digest(content)}"] = content
        told = f"sha256:{digest(content)}"
        return {"mediaType": kind, "digest": told, "size": len(content), **more}

    def image(
        self,
        image: Image,
        packing: str = "gzip",
        *,
        docker: bool = False,
        platform: Json | None = None,
        **more: Any,
    ) -> Json:
        """Add an image's configuration, layers and manifest; the manifest's descriptor."""
        suffix = {"plain": "", "gzip": "+gzip", "zstd": "+zstd"}[packing]
        kind = DOCKER_LAYER if docker else f"{OCI_LAYER}{suffix}"
        manifest_kind = DOCKER_MANIFEST if docker else OCI_MANIFEST
        manifest = {
            "schemaVersion": 2,
            "mediaType": manifest_kind,
            "config": self.blob(DOCKER_CONFIG if docker else OCI_CONFIG, image.configuration()),
            "layers": [self.blob(kind, PACKINGS[packing](layer)) for layer in image.layers],
        }
        if platform is not None:
            more["platform"] = platform
        return self.blob(manifest_kind, written(manifest), **more)

    def index(self, entries: Sequence[Json], kind: str = OCI_INDEX, **more: Any) -> Json:
        """Add an index of what is there; its descriptor."""
        document = {"schemaVersion": 2, "mediaType": kind, "manifests": list(entries)}
        return self.blob(kind, written(document), **more)

    def attestation(self, image: Json) -> Json:
        """Add what BuildKit writes beside an image: where it came from."""
        statement = self.blob("application/vnd.in-toto+json", b'{"_type": "x"}')
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.blob(OCI_CONFIG, b'{"architecture":"unknown","os":"unknown"}'),
            "layers": [statement],
        }
        return self.blob(
            OCI_MANIFEST,
            written(manifest),
            platform={"architecture": "unknown", "os": "unknown"},
            annotations={
                "vnd.docker.reference.digest": image["digest"],
                "vnd.docker.reference.type": "attestation-manifest",
            },
        )

    def signature(self) -> Json:
        """Add a manifest of something that is no image."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.blob("application/vnd.example.signature+json", b"{}"),
            "layers": [],
        }
        return self.blob(OCI_MANIFEST, written(manifest))

    def files(self, more: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.listed}
        return {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": written(index),
            **self.blobs,
            **(more or {}),
        }


def docker_list(image: Image, packing: str = "gzip", **names: Any) -> dict[str, bytes]:
    """Docker's manifest.json for an image whose blobs an OCI layout holds."""
    listed = {
        "Config": f"blobs/sha256/{digest(image.configuration())}",
        "RepoTags": ["a:b"],
        "Layers": [f"blobs/sha256/{digest(PACKINGS[packing](each))}" for each in image.layers],
        **names,
    }
    return {"manifest.json": written([listed])}


def own_layout(
    image: Image,
    config: str = "{digest}.json",
    layer: str = "{digest}/layer.tar",
    packing: str = "plain",
    root: str = "",
    keys: Callable[[str], str] = str,
) -> dict[str, bytes]:
    """Docker's own layout, its files named as one builder or another names them."""
    written_config = image.configuration()
    config = config.format(digest=digest(written_config))
    layers = {}
    for content in image.layers:
        packed = PACKINGS[packing](content)
        layers[layer.format(digest=digest(packed))] = packed
    listed = {"Config": config, "RepoTags": ["a:b"], "Layers": list(layers)}
    listed = {keys(key): value for key, value in listed.items()}
    return {
        f"{root}{name}": content
        for name, content in {
            config: written_config,
            **layers,
            "manifest.json": written([listed]),
        }.items()
    }
