"""A `docker save` archive, read within bounds before any engine sees it; nothing is unpacked."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from submissions.contract import Contract
from submissions.image import MAX_LAYERS, ImageConfiguration, lint
from submissions.submission import ContractBroken, Failure
from submissions.tar_members import CHUNK, SPARSE, Member, members

MAX_MEMBERS = 4 * MAX_LAYERS + 64
"""Docker writes at most four members a layer, and a few beside."""
MAX_LAYER_MEMBERS = 2_000_000
MAX_DOCUMENT = 1024 * 1024
OVERHEAD = 64 * 2**20

_GZIP = b"\x1f\x8b"
_OTHERWISE_PACKED = re.compile(rb"BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""How bzip2, xz, zstd and what zstd skips begin: an engine that knows them would unpack what is a
tar to everybody else, whatever it declares."""


@dataclass(frozen=True, slots=True)
class _Archive:
    """An open archive whose members have been judged, by name."""

    file: IO[bytes]
    members: dict[str, Member]
    config: str
    layers: tuple[str, ...]


def lint_archive(path: Path, contract: Contract) -> ImageConfiguration:
    """Lint the archive at ``path``, plain or gzipped, and give its image's configuration.

    One image for one platform; no member outside the archive, twice, or other than a plain file;
    every digest as its content says; the unpacked size within the contract's. The digest returned
    is that by which an engine will know the image: run that, and no name.

    Raises ContractBroken with what is wrong and how to mend it; OSError where the disk fails.
    """
    with _read(path, contract) as archive:
        configuration = _configuration(archive, contract)
    lint(configuration, contract)
    return configuration


def without_names(path: Path, target: Path, contract: Contract) -> None:
    """Write the image of a linted archive to ``target``, with nothing else that it carries.

    An engine that loads ``path`` itself would give its image the names that it claims, which may
    be those of the base image or of another team's.
    """
    with _read(path, contract) as archive, tarfile.open(target, "w") as written:
        manifest = [{"Config": archive.config, "RepoTags": None, "Layers": archive.layers}]
        document = json.dumps(manifest).encode()
        header = tarfile.TarInfo("manifest.json")
        header.size = len(document)
        written.addfile(header, io.BytesIO(document))
        for name in dict.fromkeys((archive.config, *archive.layers)):
            header = tarfile.TarInfo(name)
            header.size = archive.members[name].size
            written.addfile(header, _content(archive, name))


@contextmanager
def _read(path: Path, contract: Contract) -> Iterator[_Archive]:
    """Open the archive and judge its members and its manifest."""
    limit = contract.image_mb * 2**20
    try:
        with _plain(path, limit + OVERHEAD) as file:
            found = _members(file)
            yield _Archive(file, found, *_manifest(file, found))
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _invalid(f"is cut short or damaged ({error}); send it again") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _invalid("has a manifest or configuration that cannot be read") from error


@contextmanager
def _plain(path: Path, limit: int) -> Iterator[IO[bytes]]:
    """Give the archive as a plain file; a gzipped one is unpacked beside it, within ``limit``."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            if path.stat().st_size > limit:
                raise _too_large(limit)
            yield file
            return
        with tempfile.TemporaryFile(dir=path.parent) as unpacked, gzip.open(file) as content:
            while chunk := content.read(CHUNK):
                if unpacked.tell() + len(chunk) > limit:
                    raise _too_large(limit)
                unpacked.write(chunk)
            unpacked.seek(0)
            yield unpacked


def _members(file: IO[bytes]) -> dict[str, Member]:
    found: dict[str, Member] = {}
    links: dict[str, str] = {}
    for count, member in enumerate(members(file)):
        if count >= MAX_MEMBERS:
            raise _invalid(f"has over {MAX_MEMBERS} members; write it with `docker save`")
        name = _inside(member.name)
        if member.kind == tarfile.DIRTYPE:
            continue
        if name in found or name in links:
            raise _invalid(f"holds {_shown(name)} twice; write it with `docker save`")
        if member.kind == tarfile.SYMTYPE:
            # Docker writes a layer that is used twice as a link to the first.
            links[name] = _inside(str(PurePosixPath(name).parent / member.link), climbs=True)
        elif member.kind == tarfile.REGTYPE:
            found[name] = member
        else:
            raise _invalid(f"member {_shown(name)} is not a plain file")
    for name, target in links.items():
        if target not in found:
            raise _invalid(f"member {_shown(name)} links to {_shown(target)}, which is not there")
        found[name] = found[target]
    return found


def _manifest(file: IO[bytes], members: dict[str, Member]) -> tuple[str, tuple[str, ...]]:
    """Names of the configuration and of the layers of the one image."""
    images = _document(file, members, "manifest.json")
    if len(images) != 1:
        raise _invalid(f"holds {len(images)} images; save one")
    config, layers = str(images[0]["Config"]), tuple(map(str, images[0]["Layers"]))
    if len(layers) > MAX_LAYERS:
        raise _invalid(f"has {len(layers)} layers; use at most {MAX_LAYERS}")
    for name in (config, *layers):
        if name not in members:
            raise _invalid(f"names {_shown(name)} but does not hold it; send it again")
    if "index.json" in members:  # what a newer engine reads in place of the manifest
        listed = {entry["digest"] for entry in _document(file, members, "index.json")["manifests"]}
        if len(listed) != 1:
            raise _invalid(f"holds {len(listed)} images; save one, for one platform")
        blob = "blobs/sha256/" + str(listed.pop()).removeprefix("sha256:")
        second = _document(file, members, blob)
        if second["config"]["digest"].removeprefix("sha256:") != _digest_in(config):
            raise _invalid("has an index and a manifest for different images")
    return config, layers


def _configuration(archive: _Archive, contract: Contract) -> ImageConfiguration:
    written = _small(archive.file, archive.members, archive.config)
    digest = hashlib.sha256(written).hexdigest()
    if _digest_in(archive.config) != digest:
        raise _invalid("has a configuration whose digest is not that of its name; send it again")
    config = json.loads(written)
    run = config.get("config") or {}
    told = [str(layer).removeprefix("sha256:") for layer in config["rootfs"]["diff_ids"]]
    if len(told) != len(archive.layers):
        raise _invalid(f"has {len(archive.layers)} layers where its configuration has {len(told)}")
    left = contract.image_mb * 2**20
    judged: dict[str, tuple[str, int]] = {}
    for name, diff_id in zip(archive.layers, told, strict=True):
        if name not in judged:
            judged[name] = _layer(archive, name, left)
        found, size = judged[name]
        left -= size
        if left < 0:
            raise _too_large(contract.image_mb * 2**20)
        if found != diff_id:
            raise _invalid("has a layer whose digest is not as its configuration says")
    return ImageConfiguration.read(
        run,
        digest=f"sha256:{digest}",
        system=str(config.get("os", "")),
        architecture=str(config.get("architecture", "")),
        variant=str(config.get("variant") or ""),
        size_bytes=contract.image_mb * 2**20 - left,
        layers=len(told),
    )


def _layer(archive: _Archive, name: str, limit: int) -> tuple[str, int]:
    """Digest and size of an unpacked layer, whose members all stay inside it.

    None of them is sparse, so that what they declare is no more than the bytes that are counted.
    """
    packed = _content(archive, name)
    start = packed.read(6)
    is_gzip = start.startswith(_GZIP)
    if _OTHERWISE_PACKED.match(start):
        raise _invalid("has a layer that is packed otherwise than by gzip; pack it so, or not")
    packed.seek(0)
    content = _Counted(_gunzipped(packed) if is_gzip else packed, limit)
    for count, member in enumerate(members(cast(IO[bytes], content))):
        if count >= MAX_LAYER_MEMBERS:
            raise _invalid(f"has a layer of over {MAX_LAYER_MEMBERS} files")
        if member.kind == SPARSE:
            raise _invalid(
                f"has a layer with the sparse file {_shown(member.name)}; store it whole"
            )
        _inside(member.name)
        if member.kind == tarfile.LNKTYPE:
            _inside(member.link)
    return content.digest.hexdigest(), content.count


class _Counted(io.RawIOBase):
    """Counts and digests what is read, and stops at the limit."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self.file = file
        self.limit = limit
        self.count = 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self.file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self.count += len(chunk)
        self.digest.update(chunk)
        if self.count > self.limit:
            raise _too_large(self.limit)
        return chunk


class _Part(io.RawIOBase):
    """The content of a member, read from the archive's own file."""

    def __init__(self, file: IO[bytes], member: Member) -> None:
        self.file = file
        self.member = member
        self.at = 0

    def read(self, size: int = -1) -> bytes:
        left = self.member.size - self.at
        self.file.seek(self.member.offset + self.at)
        chunk = self.file.read(min(size, left) if size >= 0 else left)
        self.at += len(chunk)
        return chunk

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset
        return self.at


def _content(archive: _Archive, name: str) -> IO[bytes]:
    return cast(IO[bytes], _Part(archive.file, archive.members[name]))


def _gunzipped(packed: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=packed))


def _small(file: IO[bytes], members: dict[str, Member], name: str) -> bytes:
    if name not in members:
        raise _invalid(f"has no {_shown(name)}; write it with `docker save`")
    if members[name].size > MAX_DOCUMENT:
        raise _invalid(f"member {_shown(name)} is too large for what it is")
    return _Part(file, members[name]).read()


def _document(file: IO[bytes], members: dict[str, Member], name: str) -> Any:
    return json.loads(_small(file, members, name))


def _digest_in(name: str) -> str:
    """SHA-256 that Docker writes into the name of a configuration, in either layout."""
    return PurePosixPath(name).name.removesuffix(".json")


def _inside(name: str, *, climbs: bool = False) -> str:
    """Normal form of a name that stays inside; with ``climbs``, .. may undo what came before."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == ".." and climbs and parts:
            parts.pop()
        elif part == "..":
            raise _invalid(f"member {_shown(name)} lies outside it; write it with `docker save`")
        elif part not in ("", "."):
            parts.append(part)
    if name.startswith("/"):
        raise _invalid(f"member {_shown(name)} has an absolute path; write it with `docker save`")
    return "/".join(parts)


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")


def _invalid(what: str) -> ContractBroken:
    return ContractBroken(Failure.IMAGE_INVALID, f"the archive {what}")


def _too_large(limit: int) -> ContractBroken:
    return ContractBroken(
        Failure.IMAGE_TOO_LARGE, f"the archive unpacks to over {limit / 2**20:.0f} MB"
    )
