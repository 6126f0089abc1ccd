"""Checks each member of an image archive before it is used."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from submissions.image.lint import MAX_LAYERS
from submissions.image.tar_members import CHUNK, Member, members
from submissions.image.unpacking import LONGEST_MAGIC, DamagedPacking, packing, unpacked
from submissions.submission import ContractBroken, Failure

MAX_MEMBERS = 4 * MAX_LAYERS + 64
"""Docker writes at most four members a layer, and a few beside."""
MAX_DOCUMENT = 1024 * 1024
OVERHEAD = 64 * 2**20
"""What an archive may hold beside its layers."""

SAVE = "write it with `docker save`"

_HEX = re.compile(r"[0-9a-f]{64}")
_BLOBS = "blobs/sha256"

_ROOT = {
    *(".dockerenv", "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt"),
    *("proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
}
"""What lies at the top of a container's file system, and of no image archive."""

_OTHER_FILES = {
    b"PK\x03\x04": "is a zip file; unpack it and give the archive inside",
    b"7z\xbc\xaf\x27\x1c": "is a 7z file; unpack it and give the archive inside",
    b"hsqs": "is a squashfs file system, not an image; give the file that `docker save` writes",
}
_APPTAINER = (32, b"SIF_MAGIC")
_START = max(LONGEST_MAGIC, _APPTAINER[0] + len(_APPTAINER[1]))


@dataclass(frozen=True, slots=True)
class Archive:
    """An open archive whose members have been judged, by their names in normal form."""

    file: IO[bytes]
    members: Mapping[str, Member]

    def content(self, name: str) -> IO[bytes]:
        """The bytes of a member, from its start; raises ContractBroken for a missing one."""
        if name not in self.members:
            raise invalid(f"names {shown(name)} but does not hold it; send it again")
        return cast(IO[bytes], _Part(self.file, self.members[name]))

    def small(self, name: str) -> bytes:
        """All bytes of a member that is a document."""
        if name in self.members and self.members[name].size > MAX_DOCUMENT:
            raise invalid(f"member {shown(name)} is over 1 MB, too large for a document")
        return self.content(name).read()

    def document(self, name: str) -> Any:
        """A JSON document, by its member's name."""
        return json.loads(self.small(name))

    def blob(self, descriptor: Mapping[str, Any]) -> bytes:
        """A small blob of an OCI layout, of the digest and the size that its descriptor tells."""
        name = blob_name(descriptor)
        content = self.small(name)
        if hashlib.sha256(content).hexdigest() != PurePosixPath(name).name:
            raise invalid(f"holds {shown(name)} with another digest; send it again")
        if descriptor.get("size") not in (None, len(content)):
            raise invalid(f"holds {shown(name)} in another size than it says; send it again")
        return content


def blob_name(descriptor: Mapping[str, Any]) -> str:
    """Where an OCI layout holds the blob of a descriptor."""
    algorithm, _, digits = str(descriptor["digest"]).partition(":")
    if algorithm != "sha256" or not _HEX.fullmatch(digits):
        raise invalid(
            f"names a blob by {shown(str(descriptor['digest']))}, which is no SHA-256; write it "
            "with `skopeo copy oci-archive:X docker-archive:Y`"
        )
    return f"{_BLOBS}/{digits}"


def digest_in(name: str) -> str | None:
    """SHA-256 that a builder has written into the name of a configuration; None where it has none.

    Docker names it <digest>.json or blobs/sha256/<digest>, crane and kaniko sha256:<digest>.
    """
    last = PurePosixPath(name).name.removesuffix(".json").removeprefix("sha256:")
    return last if _HEX.fullmatch(last) else None


@contextmanager
def opened(path: Path, limit: int, scratch: Path) -> Iterator[Archive]:
    """Open an archive, plain or packed as a whole, and judge the members that it has.

    A packed one is unpacked into a nameless file in ``scratch``, of at most ``limit`` bytes.
    Raises ContractBroken with what is wrong and how to mend it; OSError where the disk fails.
    """
    with path.open("rb") as file:
        start = file.read(_START)
        file.seek(0)
        _refuse_other(start)
        how = packing(start)
        if how is None:
            if path.stat().st_size > limit:
                raise too_large(limit)
            yield Archive(file, _members(file))
            return
        with tempfile.TemporaryFile(dir=scratch) as plain:
            content = unpacked(file, how)
            while chunk := content.read(CHUNK):
                if plain.tell() + len(chunk) > limit:
                    raise too_large(limit)
                plain.write(chunk)
            if file.read(1):
                raise DamagedPacking("something after its end")
            plain.seek(0)
            if packing(plain.read(LONGEST_MAGIC)):
                raise invalid("is packed twice; unpack it once")
            plain.seek(0)
            yield Archive(cast(IO[bytes], plain), _members(cast(IO[bytes], plain)))


def _refuse_other(start: bytes) -> None:
    """Refuse what is known to be another kind of file."""
    at, magic = _APPTAINER
    if start[at:].startswith(magic):
        raise invalid(
            "is an Apptainer image, which Sequestra cannot run; give the Docker or OCI image that "
            "it was made from"
        )
    for other, builder in _OTHER_FILES.items():
        if start.startswith(other):
            raise invalid(builder)


def _members(file: IO[bytes]) -> dict[str, Member]:
    """Plain files by name, and what links to one; each name once."""
    by_name: dict[str, Member] = {}
    links: dict[str, str] = {}
    tops: set[str] = set()
    for count, member in enumerate(members(file)):
        # Tools of Nix write absolute names into the archive, never into a layer.
        name = inside(member.name.removeprefix("/"), member.name)
        tops.add(name.partition("/")[0])
        if len(tops & _ROOT) > 1:
            raise invalid(
                "is a container's file system, such as `docker export` writes, and not an image; "
                "give the file that `docker save IMAGE` writes"
            )
        if count >= MAX_MEMBERS:
            raise invalid(f"has over {MAX_MEMBERS} members; {SAVE}")
        if member.kind == tarfile.DIRTYPE:
            continue
        if name in by_name or name in links:
            raise invalid(f"holds {shown(name)} twice; {SAVE}")
        if member.kind == tarfile.SYMTYPE:
            # Docker writes a layer that is used twice as a link to the first.
            where = str(PurePosixPath(name).parent / member.link)
            links[name] = inside(where, member.link, climbs=True)
        elif member.kind == tarfile.REGTYPE:
            by_name[name] = member
        else:
            raise invalid(f"member {shown(name)} is not a plain file")
    for name, target in links.items():
        if target not in by_name:
            raise invalid(f"member {shown(name)} links to {shown(target)}, which is not there")
        by_name[name] = by_name[target]
    return by_name


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


def inside(name: str, target: str = "", *, climbs: bool = False) -> str:
    """Normal form of a name that stays inside; with ``climbs``, .. may undo what came before.

    ``told`` is the name as a message shows it. Raises ContractBroken for a name outside.
    """
    parts: list[str] = []
    for part in name.split("/"):
        if part == ".." and climbs and parts:
            parts.pop()
        elif part == "..":
            raise invalid(f"member {shown(target or name)} lies outside it; {SAVE}")
        elif part not in ("", "."):
            parts.append(part)
    if name.startswith("/"):
        raise invalid(f"member {shown(target or name)} has an absolute path; {SAVE}")
    return "/".join(parts)


def shown(name: str) -> str:
    """A name that a stranger chose, short and in quotes."""
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")


def invalid(what: str) -> ContractBroken:
    """An archive that is none, or of no image that may run."""
    return ContractBroken(Failure.IMAGE_INVALID, f"the archive {what}")


def too_large(limit: int) -> ContractBroken:
    """An archive, or what it unpacks to, over ``limit`` bytes."""
    return ContractBroken(
        Failure.IMAGE_TOO_LARGE, f"the archive unpacks to over {limit / 2**20:.0f} MB"
    )
