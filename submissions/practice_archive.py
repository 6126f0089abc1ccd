"""Practice cases of a benchmark as one tar: packed by the service, unpacked by a researcher.

The tar holds the list of the cases and the files that the list names, nothing else. The same cases
give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TABLE = "open.csv"
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,59}"
_FILE = re.compile(rf"images/{_PART}/{_PART}", re.ASCII)
_BLOCK = tarfile.BLOCKSIZE
_END = b"\0" * 2 * _BLOCK
_PIECE = 256 * 1024


class PracticeArchiveError(ValueError):
    """The practice cases cannot be packed, or are not what they should be; one sentence."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A tar that is made while it is read: its ``size`` in bytes, its SHA-256 as 64 digits.

    ``members`` are the names below ``folder`` with their sizes in bytes.
    """

    folder: Path
    members: tuple[tuple[str, int], ...]
    n_cases: int
    size: int
    sha256: str

    def pieces(self) -> Iterator[bytes]:
        """The bytes, never all in memory; raise PracticeArchiveError where a file has changed."""
        return _pieces(self.folder, self.members)


def pack(folder: Path) -> Packed:
    """Read all practice cases in ``folder`` once, for the digest of their tar.

    Raises PracticeArchiveError where the list names a file that is elsewhere, a link or not there.
    """
    with _opened(folder, TABLE) as file:
        names, n_cases = _listed(file.read())
    members = []
    for name in (TABLE, *names):
        with _opened(folder, name) as file:
            members.append((name, os.fstat(file.fileno()).st_size))
    sha256, size = hashlib.sha256(), 0
    for piece in _pieces(folder, members):
        sha256.update(piece)
        size += len(piece)
    return Packed(
        folder=folder, members=tuple(members), n_cases=n_cases, size=size, sha256=sha256.hexdigest()
    )


def unpack(archive: Path, folder: Path) -> Path:
    """Write the cases of a tar into the empty folder ``folder``; the path of their list.

    Raises PracticeArchiveError for a member that is no plain file of a list or of a case, and where
    the list names other files than those that came. Nothing is written outside ``folder``.
    """
    came = set()
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                _refuse_unless_plain(member)
                if member.name in came:
                    raise PracticeArchiveError(f"{member.name} comes twice among the cases")
                came.add(member.name)
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                assert source is not None
                with source, target.open("xb") as file:
                    while piece := source.read(_PIECE):
                        file.write(piece)
    except tarfile.TarError as error:
        raise PracticeArchiveError(f"the archive of practice cases is damaged ({error})") from error
    if TABLE not in came:
        raise PracticeArchiveError(f"the archive of practice cases has no {TABLE}")
    if set(_listed((folder / TABLE).read_bytes())[0]) != came - {TABLE}:
        raise PracticeArchiveError(f"{TABLE} names other files than those that came with it")
    return folder / TABLE


def is_whole(folder: Path) -> bool:
    """Whether a folder has the list of unpacked cases and every file that it names."""
    try:
        names, _ = _listed((folder / TABLE).read_bytes())
    except (OSError, PracticeArchiveError):
        return False
    return all((folder / name).is_file() for name in names)


def _refuse_unless_plain(member: tarfile.TarInfo) -> None:
    plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if not plain or not (member.name == TABLE or _FILE.fullmatch(member.name)):
        raise PracticeArchiveError(
            f"the archive has {member.name[:100]!r}, which is no plain file of a practice case"
        )


def _listed(table: bytes) -> tuple[tuple[str, ...], int]:
    """The files that a list names, in its order, and its number of cases."""
    try:
        rows = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
        names = [name for row in rows for name in row["files"].split(";") if name]
    except (UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise PracticeArchiveError(f"{TABLE} is not a list of cases with their files") from error
    for name in names:
        if not _FILE.fullmatch(name):
            raise PracticeArchiveError(
                f"{TABLE} names {name[:100]!r}, where images/CASE/FILE was expected"
            )
    return tuple(dict.fromkeys(names)), len(rows)


def _opened(folder: Path, name: str) -> IO[bytes]:
    """A plain file below ``folder`` that no link leads to."""
    root = folder.resolve()
    try:
        if (root / name).resolve() != root / name:
            raise PracticeArchiveError(f"{name} is a link; practice cases are plain files")
        file = os.fdopen(os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise PracticeArchiveError(f"{name} cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise PracticeArchiveError(f"{name} is no plain file")
    return file


def _pieces(folder: Path, members: Sequence[tuple[str, int]]) -> Iterator[bytes]:
    for name, size in members:
        header = tarfile.TarInfo(name)
        header.size = size
        yield header.tobuf(tarfile.USTAR_FORMAT)
        left = size
        with _opened(folder, name) as file:
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise PracticeArchiveError(f"{name} became shorter while it was sent")
                left -= len(piece)
                yield piece
        yield b"\0" * (-size % _BLOCK)
    yield _END
