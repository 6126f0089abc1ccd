"""An image that any sound engine starts: it tells an engine's fault from a team's.

It holds one program of 129 bytes for linux/amd64, which does nothing and ends well.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass

from submissions.image.layers import Layer
from submissions.image.loadable import Loadable

PROGRAM = "/ends-well"

_CODE = bytes.fromhex("31ffb83c0000000f05")  # xor edi, edi; mov eax, 60 (exit); syscall
_BASE = 0x400000


@dataclass(frozen=True, slots=True)
class KnownGood:
    """The image: digests of its configuration and of its manifest, unpacked bytes, its archive."""

    digest: str
    manifest_digest: str
    size_bytes: int
    archive: bytes


def known_good(naming: Callable[[str], str]) -> KnownGood:
    """Make the image, under the name (repository:tag) that ``naming`` makes of its digest."""
    layer = _tar({PROGRAM.removeprefix("/"): _program()})
    diff_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Entrypoint": [PROGRAM]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        }
    ).encode()
    digest = hashlib.sha256(config).hexdigest()
    file = io.BytesIO()
    loadable = Loadable(file)
    loadable.begin_layer().write(layer)
    loadable.end_layer(Layer(diff_id, len(layer)))
    manifest = loadable.finish(digest, config, naming(f"sha256:{digest}"))
    return KnownGood(
        digest=f"sha256:{digest}",
        manifest_digest=f"sha256:{manifest}",
        size_bytes=len(layer),
        archive=file.getvalue(),
    )


def _program() -> bytes:
    """Write the smallest program that the kernel takes: two headers and nine bytes of code."""
    start = 64 + 56
    size = start + len(_CODE)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1),  # an executable for x86-64
        *(_BASE + start, 64, 0, 0),
        *(64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + _CODE


def _tar(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            header.mode = 0o755
            tar.addfile(header, io.BytesIO(content))
    return written.getvalue()
