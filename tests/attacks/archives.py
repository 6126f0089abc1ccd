"""Image archives that lie, escape or swell: what each is, and why the lint must refuse it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

from submissions.contract import Contract
from submissions.image.archive import lint_archive
from submissions.submission import ContractBroken, Failure

CONTRACT = Contract(image_mb=8)


def tar_of(files: Mapping[str, bytes], **header: Any) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in header.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


@dataclass
class Image:
    """A one-layer image as `docker save` writes it, open to tampering at every place."""

    layer: bytes = field(default_factory=lambda: tar_of({"app/predict.py": b"pass"}))
    config: dict[str, Any] = field(default_factory=dict)
    members: dict[str, bytes] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Entrypoint": ["python3"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(self.layer).hexdigest()}"],
            },
            **self.config,
        }
        document = json.dumps(config).encode()
        name = f"{hashlib.sha256(document).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": ["a:b"], "Layers": ["one/layer.tar"]}]
        return {
            "one/layer.tar": self.layer,
            name: document,
            "manifest.json": json.dumps(manifest).encode(),
            **self.members,
        }


def followed(archive: bytes, more: bytes) -> bytes:
    """Two archives as one: the first without the zeros that end it."""
    members = archive.rstrip(b"\0")
    return members + b"\0" * (-len(members) % 512) + more


def extended(kind: bytes, size: int, content: bytes) -> bytes:
    """Write a header of an extension that claims to be ``size`` bytes long, and what follows."""
    info = tarfile.TarInfo("extension")
    info.type = kind
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + content


def header(name: str, length: int, **fields: bytes) -> bytes:
    """Write a header, and then some of its bytes anew, each at the place that ``PLACES`` tells."""
    info = tarfile.TarInfo(name)
    info.size = length
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    for field_name, content in fields.items():
        at = PLACES[field_name]
        block[at : at + len(content)] = content
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


PLACES = {"size": 124, "kind": 156, "magic": 257, "device": 329, "map": 386, "swollen": 483}
UNREADABLE = header("x", 0, device=b"\x81" + b"\0" * 7)
"""Python's tarfile takes it for the end; an engine reads it, and what follows."""


def sparse(size: int) -> bytes:
    """A member in GNU's own format that declares ``size`` bytes and holds 512."""
    return (
        header(
            "big",
            512,
            kind=b"S",
            magic=b"ustar  \0",
            map=b"%011o\0%011o\0" % (size - 512, 512),
            swollen=b"%011o\0" % size,
        )
        + b"x" * 512
    )


def sparse_by_extension(records: Mapping[str, str], content: bytes = b"x" * 512) -> bytes:
    """The same in one of the formats that say so in an extended header."""
    info = tarfile.TarInfo("big")
    info.size = len(content)
    info.pax_headers = {f"GNU.sparse.{key}": value for key, value in records.items()}
    return info.tobuf(tarfile.PAX_FORMAT) + content


HOLE = 2**32 - 512
WHOLE = str(2**32)
SPARSE = {
    "old": sparse(2**32),
    "0.1": sparse_by_extension(
        {"major": "0", "minor": "1", "size": WHOLE, "numblocks": "1", "map": f"{HOLE},512"}
    ),
    "0.1 without its number": sparse_by_extension({"size": WHOLE, "map": f"{HOLE},512"}),
    "1.0": sparse_by_extension(
        {"major": "1", "minor": "0", "name": "big", "realsize": WHOLE},
        f"1\n{HOLE}\n512\n".encode().ljust(512, b"\0") + b"x" * 512,
    ),
}
ESCAPE = tar_of({"../../etc/cron.d/x": b""})
TWO_EXTENSIONS = b"".join(
    info.tobuf(tarfile.PAX_FORMAT)[:1024]
    for info in (tarfile.TarInfo("é" * 100), tarfile.TarInfo("è" * 100))
)


def indexed(image: Image) -> dict[str, bytes]:
    """An OCI index of an image, its manifest and its configuration."""
    files = image.files()
    (config,) = (files[name] for name in files if len(name) == 69)
    manifest = json.dumps(
        {"config": {"digest": f"sha256:{hashlib.sha256(config).hexdigest()}"}, "layers": []}
    ).encode()
    entry = {"digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}"}
    return {
        "index.json": json.dumps({"manifests": [entry]}).encode(),
        **{f"blobs/sha256/{hashlib.sha256(each).hexdigest()}": each for each in (manifest, config)},
    }


def in_a_layer(layer: bytes) -> bytes:
    return tar_of(Image(layer=layer).files())


OTHER_PACKINGS = {
    "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh9",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "what zstd skips": b"\x5a\x2a\x4d\x18",
}


def also(magic: bytes) -> bytes:
    """A whole tar whose first bytes, of a member's name, are those of another format."""
    header = bytearray(tarfile.TarInfo("a" * 8).tobuf(tarfile.USTAR_FORMAT))
    header[: len(magic)] = magic
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"\0" * 9728


def smuggling() -> bytes:
    """A size that one reader takes to be the global header's, and with it what lies there."""
    hidden = tar_of({"smuggled": b"x"}).rstrip(b"\0").ljust(1024, b"\0")
    record = b"17 size=00001536\n"
    of_member = extended(tarfile.XHDTYPE, len(record), record.ljust(512, b"\0"))
    of_all = extended(tarfile.XGLTYPE, 11, b"11 a=12345\n".ljust(512, b"\0"))
    return of_member + of_all + hidden + tar_of({"seen": b""})


FILES = Image().files()
CONFIG = next(name for name in FILES if len(name) == 69)
TWICE = followed(tar_of(FILES), tar_of({"manifest.json": FILES["manifest.json"]}))
MANIFEST: list[dict[str, Any]] = json.loads(FILES["manifest.json"])

INVALID: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "cut short or damaged"),
    "not an archive": (b"GIF89a" * 1000, "cut short or damaged"),
    "a truncated gzip": (gzip.compress(tar_of(FILES))[:-40], "cut short or damaged"),
    "a truncated archive": (tar_of(FILES)[:1000], "cut short|does not hold|has no"),
    "an absolute path": (tar_of({**FILES, "//etc/passwd": b""}), "has an absolute path"),
    "an absolute path to what is there": (
        followed(tar_of(FILES), tar_of({"/manifest.json": FILES["manifest.json"]})),
        "holds 'manifest.json' twice",
    ),
    "a path out of it": (tar_of({**FILES, "a/../../etc/passwd": b""}), "lies outside it"),
    "a device": (
        followed(tar_of(FILES), tar_of({"null": b""}, type=tarfile.CHRTYPE)),
        "not a plain file",
    ),
    "a fifo": (followed(tar_of(FILES), tar_of({"p": b""}, type=tarfile.FIFOTYPE)), "not a plain"),
    "a link out of it": (
        followed(
            tar_of(FILES),
            tar_of({"x/layer.tar": b""}, type=tarfile.SYMTYPE, linkname="../../../etc/passwd"),
        ),
        "lies outside it",
    ),
    "a link to nothing": (
        followed(tar_of(FILES), tar_of({"x": b""}, type=tarfile.SYMTYPE, linkname="y")),
        "which is not there",
    ),
    "two manifests": (TWICE, "holds 'manifest.json' twice"),
    "two images": (
        tar_of({**FILES, "manifest.json": json.dumps(MANIFEST * 2).encode()}),
        "holds 2 images; save one",
    ),
    "no image": (tar_of({**FILES, "manifest.json": b"[]"}), "holds 0 images"),
    "no manifest": (tar_of({"one": b""}), "has no 'manifest.json' and no 'index.json', so it"),
    "a manifest that is no JSON": (tar_of({**FILES, "manifest.json": b"{"}), "cannot be read"),
    "a manifest of the wrong shape": (tar_of({**FILES, "manifest.json": b"[3]"}), "cannot be read"),
    "a manifest without bottom": (
        tar_of({**FILES, "manifest.json": b"[" * 500_000}),
        "cannot be read",
    ),
    "a layer that is not there": (
        tar_of({name: FILES[name] for name in (CONFIG, "manifest.json")}),
        "does not hold it",
    ),
    "a configuration under another's digest": (
        tar_of({**FILES, CONFIG: FILES[CONFIG] + b" "}),
        "a configuration whose digest is not that of its name",
    ),
    "a layer exchanged": (
        tar_of({**FILES, "one/layer.tar": tar_of({"evil": b""})}),
        "a layer whose digest is not as its configuration says",
    ),
    "an index for another image": (
        tar_of(
            {
                **FILES,
                **indexed(Image(config={"created": "2026-01-01T00:00:00Z"})),
            }
        ),
        "an index and a manifest for different images",
    ),
    "a layer that climbs out": (
        tar_of(Image(layer=tar_of({"../../etc/cron.d/x": b""})).files()),
        "lies outside it",
    ),
    "a layer with an absolute path": (
        tar_of(Image(layer=tar_of({"/etc/x": b""})).files()),
        "has an absolute path",
    ),
    "a layer with a hard link out of it": (
        tar_of(Image(layer=tar_of({"x": b""}, type=tarfile.LNKTYPE, linkname="../../x")).files()),
        "lies outside it",
    ),
    "a global header after those of a member": (
        tar_of(Image(layer=smuggling()).files()),
        "a global header after those of a member",
    ),
    **{
        f"a layer that is {name} too": (
            tar_of(Image(layer=also(magic)).files()),
            "a layer that is packed by|cut short or damaged",
        )
        for name, magic in OTHER_PACKINGS.items()
    },
    **{
        f"a packed layer that is {name} too": (
            tar_of(
                {**Image(layer=also(magic)).files(), "one/layer.tar": gzip.compress(also(magic))}
            ),
            "has a layer that is packed twice",
        )
        for name, magic in OTHER_PACKINGS.items()
    },
    "too many members": (
        tar_of({**FILES, **{str(index): b"" for index in range(570)}}),
        "has over 564 members",
    ),
    "an endless name": (
        extended(tarfile.GNUTYPE_LONGNAME, 2**33, b"x" * 10_000),
        "a member with an endless name",
    ),
    "an endless extended header": (
        extended(tarfile.XHDTYPE, 2**33, b"x" * 10_000),
        "a member with an endless name",
    ),
    "a declared VOLUME": (
        tar_of(Image(config={"config": {"Cmd": ["x"], "Volumes": {"/data": {}}}}).files()),
        "declares VOLUME",
    ),
    "ONBUILD": (
        tar_of(Image(config={"config": {"Cmd": ["x"], "OnBuild": ["RUN x"]}}).files()),
        "ONBUILD",
    ),
    **{
        f"a layer with a sparse file, {format_name}": (
            in_a_layer(member + ESCAPE),
            "a layer with the sparse file 'big'; store it whole",
        )
        for format_name, member in SPARSE.items()
    },
    "a sparse member": (SPARSE["0.1"] + tar_of(FILES), "not a plain file"),
    "a layer that Python stops reading": (
        in_a_layer(tar_of({"x": b""})[:512] + UNREADABLE + ESCAPE),
        "cut short or damaged",
    ),
    "an archive that Python stops reading": (
        followed(tar_of(FILES), UNREADABLE + ESCAPE),
        "cut short or damaged",
    ),
    "a layer after a layer": (
        in_a_layer(tar_of({"x": b""}) + ESCAPE),
        "something after its end",
    ),
    "an archive after an archive": (tar_of(FILES) + ESCAPE, "something after its end"),
    "a size that Python takes for none": (
        in_a_layer(header("x", 0, size=b"\0 0000001000") + tar_of({"y": b""})),
        "a size that is no number",
    ),
    "a size below zero": (
        in_a_layer(header("x", 0, size=b"\xff" * 10 + b"\xfe\0") + ESCAPE),
        "a size that is no number",
    ),
    "an archive of a size below zero": (
        header("x", 0, size=b"\xff" * 10 + b"\xfe\0") + tar_of(FILES),
        "a size that is no number",
    ),
    "a folder with content": (
        in_a_layer(header("x/", 512, kind=b"\0") + tar_of({"y": b""})),
        "a folder with content",
    ),
    "two extended headers of a member": (
        in_a_layer(TWO_EXTENSIONS + tar_of({"y": b""})),
        "two headers of one kind",
    ),
    "another platform": (
        tar_of(Image(config={"architecture": "arm64"}).files()),
        "for linux/arm64",
    ),
}


def bomb_of_zeros() -> bytes:
    return gzip.compress(b"\0" * 200_000_000)


def bomb_in_a_layer() -> bytes:
    return tar_of(Image(layer=gzip.compress(tar_of({"zeros": b"\0" * 100_000_000}))).files())


def bomb_of(pack: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: pack(b"\0" * 90_000_000)


def bomb_in_a_zstd_layer() -> bytes:
    return tar_of(
        {**Image().files(), "one/layer.tar": zstd(tar_of({"zeros": b"\0" * 100_000_000}))}
    )


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def sparse_terabyte() -> bytes:
    info = tarfile.TarInfo("one/layer.tar")
    info.size = 2**40
    return info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 100_000


BOMBS: dict[str, Callable[[], bytes]] = {
    "a bomb of zeros": bomb_of_zeros,
    "a bomb of zeros in zstd": bomb_of(zstd),
    "a bomb of zeros in xz": bomb_of(partial(lzma.compress, preset=1)),
    "a bomb of zeros in bzip2": bomb_of(bz2.compress),
    "a bomb in a layer": bomb_in_a_layer,
    "a bomb in a zstd layer": bomb_in_a_zstd_layer,
}


def archives() -> Iterator[tuple[str, Callable[[], bytes], Failure]]:
    """Every archive by its name, how it is made, and how it must be refused."""
    for name, (content, _) in INVALID.items():
        yield name, partial(bytes, content), Failure.IMAGE_INVALID
    yield "a member of a terabyte that is not there", sparse_terabyte, Failure.IMAGE_INVALID
    for name, bomb in BOMBS.items():
        yield name, bomb, Failure.IMAGE_TOO_LARGE


def verdict(path: Path, archive: bytes, contract: Contract = CONTRACT) -> ContractBroken | None:
    """What the lint says against an archive that is written to ``path``."""
    path.write_bytes(archive)
    try:
        lint_archive(path, contract)
    except ContractBroken as broken:
        return broken
    return None
