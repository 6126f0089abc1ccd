"""The files of a pixel cache: shards of pixels, and the index that says whose they are.

A shard is two files of one name. ``NAME.pixels`` has the rows one after the other. ``NAME.npy`` has
an entry for each: the identity of its files, the digest of their content, and the row. The index is
written last, both by rename, so that pixels without an index are rests of a kill, and no index
lacks its pixels. Nothing is ever changed in place; each training adds what it did not find.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.atomic_files import written

ENTRY = np.dtype([("identity", "<u8", 2), ("content", "<u8", 2), ("row", "<i4")])
UNREADABLE = -1
"""The row of files that could not be decoded: they are not tried again until they change."""

ABANDONED_SECONDS = 24 * 3600.0
_CHUNK = 1 << 20

Digest = NDArray[np.uint64]
Entries = NDArray[np.void]


def identity(files: Sequence[Path]) -> bytes | None:
    """Give 16 bytes that change when a file is replaced; None where a file is missing.

    Of path, size, times of the last change of content and of status, and the inode: a copy that
    keeps size and time is another file all the same.
    """
    digest = blake2b(digest_size=16)
    for file in files:
        try:
            status = file.stat()
        except OSError:
            return None
        facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        digest.update(f"{file.absolute()}\0{facts}\0".encode("utf-8", "surrogateescape"))
    return digest.digest()


def content(files: Sequence[Path]) -> bytes:
    """Give 16 bytes that the files' own bytes decide. Raises OSError."""
    digest = blake2b(digest_size=16)
    for file in files:
        digest.update(file.stat().st_size.to_bytes(8, "little"))
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Index:
    """Where the pixels of all known files are: ``shards`` names, and sorted tables.

    ``entries`` (n,) sorted by identity, ``shard`` (n,) the number of each entry's shard.
    """

    shards: tuple[Path, ...]
    entries: Entries
    shard: NDArray[np.int32]
    by_content: NDArray[np.int64]

    def find(self, identities: Digest) -> NDArray[np.int64]:
        """Give the entry of each identity (n, 2), -1 where none is known."""
        return _found(self.entries["identity"], identities)

    def find_content(self, digest: bytes) -> tuple[Path, int] | None:
        """Give shard and row of pixels that were made of the same bytes."""
        digests = np.frombuffer(digest, "<u8")[np.newaxis]
        place = int(_found(self.entries["content"][self.by_content], digests)[0])
        if place < 0:
            return None
        entry = int(self.by_content[place])
        return self.shards[self.shard[entry]], int(self.entries["row"][entry])


def _found(table: Digest, digests: Digest) -> NDArray[np.int64]:
    """Place of each row of ``asked`` in ``table``, sorted by its first column, else -1."""
    if not len(table):
        return np.full(len(digests), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(table[:, 0], digests[:, 0]), len(table) - 1)
    return np.where((table[place] == digests).all(axis=1), place, -1)


def read_index(folder: Path, row_bytes: int) -> Index:
    """Read all shards of a folder whose index is whole and whose pixels are as long as it says."""
    shards: list[Path] = []
    tables: list[Entries] = []
    for path in sorted(folder.glob("*.npy")):
        pixels = path.with_suffix(".pixels")
        try:
            table = np.load(path)
            rows = int(table["row"].max(initial=UNREADABLE)) + 1
            whole = table.dtype == ENTRY and pixels.stat().st_size == rows * row_bytes
        except (OSError, ValueError, EOFError, IndexError):
            continue  # an index that was cut off is as good as none
        if whole:
            shards.append(pixels)
            tables.append(table)
    entries = np.concatenate(tables) if tables else np.empty(0, ENTRY)
    owners = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])
    order = np.argsort(entries["identity"][:, 0], kind="stable")
    entries, owners = entries[order], owners[order]
    return Index(
        shards=tuple(shards),
        entries=entries,
        shard=owners,
        by_content=np.argsort(entries["content"][:, 0], kind="stable"),
    )


def write_shard(
    folder: Path, identities: Iterable[bytes], contents: Iterable[bytes], rows: Sequence[bytes]
) -> None:
    """Write a shard of ``rows`` (b"" where unreadable), whole or not at all."""
    table = np.zeros(len(rows), ENTRY)
    decoded = np.array([bool(row) for row in rows])
    table["identity"] = np.frombuffer(b"".join(identities), "<u8").reshape(-1, 2)
    table["content"] = np.frombuffer(b"".join(contents), "<u8").reshape(-1, 2)
    table["row"] = np.where(decoded, np.cumsum(decoded) - 1, UNREADABLE)
    # Two trainings may write the same at once, on two machines too: each under its own name.
    name = f"{blake2b(table.tobytes(), digest_size=12).hexdigest()}-{secrets.token_hex(4)}"
    with written(folder / f"{name}.pixels") as stream:
        stream.writelines(rows)
    with written(folder / f"{name}.npy") as stream:
        np.save(stream, table)


def read_row(descriptor: int, row: int, into: memoryview) -> None:
    """Read one row of a shard. Raises OSError where the shard has been cut off."""
    if os.preadv(descriptor, [into], row * into.nbytes) != into.nbytes:
        raise OSError("a shard of the pixel cache has been cut off; train again")


def sweep(folder: Path) -> None:
    """Remove what kills left more than a day ago: pixels that no index came after, half files."""
    now = time.time()
    for path in (*folder.glob("*.pixels"), *folder.glob(".*.new-*")):
        if path.suffix == ".pixels" and path.with_suffix(".npy").exists():
            continue
        try:
            if now - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue
