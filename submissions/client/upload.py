"""Sends one file by the tus protocol, in chunks, and goes on after each break.

The server's offset is the truth: after a break, the client asks for it and sends what is missing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from submissions.client import kept_uploads
from submissions.client.address import PREFIX
from submissions.client.connection import Connection, refusal
from submissions.client.kept_uploads import Wanted
from submissions.client.problems import ClientError, Refused, Unreachable

CHUNK = 32 * 2**20
"""Bytes of one request: below the 100 MB that common proxies take."""

SMALLEST_CHUNK = 2**20
"""The server keeps all of a chunk or nothing, so a line that breaks often gets smaller ones."""

PIECE = 256_000
"""Bytes after which the progress bar moves."""

RETRIES = 10
"""Tries without a byte of progress before the client gives up."""

LONGEST_WAIT = 30.0
TUS = {"Tus-Resumable": "1.0.0"}

GONE = (404, 410)
OVER = (404, 410, 413, 460)
"""Refusals after which the upload itself has ended; after others the same command goes on."""
AGAIN = (408, 409, 423, 425, 429, 460, 500, 502, 503, 504)
"""Answers after which the same chunk is tried again from the server's offset. 460: its checksum
did not fit, so it was changed on the way."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file's SHA-256, as 64 digits, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Bytes of a chunk, and how to wait after a break."""

    chunk: int = CHUNK
    retries: int = RETRIES
    sleep: Callable[[float], None] = time.sleep


def digest(path: Path, progress: Progress = lambda hashed, total: None) -> Hashed:
    """Read a file and compute its SHA-256; raises OSError."""
    total = path.stat().st_size
    sha256, hashed = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            sha256.update(piece)
            hashed += len(piece)
            progress(hashed, total)
    return Hashed(sha256.hexdigest(), hashed)


def send(
    connection: Connection,
    path: Path,
    wanted: Wanted,
    size: int,
    *,
    progress: Progress = lambda done, total: None,
    pace: Pace | None = None,
) -> str:
    """Send a file, or what is missing of it; the id of the finished upload.

    An upload that an earlier command began goes on; it stays remembered until it is entered, since
    it holds a look. Raises Refused where the server takes none
    (rights and quota are decided before the first byte), Unreachable after ``pace.retries`` tries
    without a byte of progress, ClientError where the file changed meanwhile.
    """
    pace = pace or Pace()
    place = kept_uploads.place_of(wanted)
    offset = None if place is None else _offset(connection, place, pace)
    if place is None or offset is None:
        place = _create(connection, path.name, wanted, size)
        kept_uploads.keep(wanted, place)
        offset = 0
    sending = _Sending(connection=connection, place=place, size=size, progress=progress, pace=pace)
    try:
        with path.open("rb") as file, _Checksums(file) as checksums:
            sending.through(file, checksums, offset)
    except Refused as refused:
        if refused.status in OVER:
            kept_uploads.forget(wanted)
        raise
    return place.rstrip("/").rpartition("/")[2]


def is_under_way(connection: Connection, wanted: Wanted, pace: Pace | None = None) -> bool:
    """Whether an earlier command began this upload and the server still has it."""
    place = kept_uploads.place_of(wanted)
    return place is not None and _offset(connection, place, pace or Pace()) is not None


def _create(connection: Connection, filename: str, wanted: Wanted, size: int) -> str:
    metadata = {
        "benchmark": wanted.benchmark,
        "team": wanted.team,
        "filename": filename,
        "sha256": wanted.sha256,
    }
    fields = ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in metadata.items()
    )
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": fields}
    answer = connection.ask("POST", "/uploads", headers=headers)
    place = httpx.URL(answer.headers.get("location", "")).path
    if not place.startswith(f"{PREFIX}/"):
        raise ClientError(
            f"{connection.address} took the upload but did not say where it lies; check that the "
            "address is that of a Sequestra service"
        )
    return place


def _offset(connection: Connection, place: str, pace: Pace) -> int | None:
    """How many bytes the server has safely; None where it has no such upload."""
    for again in _tries(pace):
        try:
            answer = connection.send("HEAD", place, headers=TUS)
        except Unreachable:
            if again is None:
                raise
            again()
            continue
        offset = answer.headers.get("upload-offset", "")
        if answer.is_success and offset.isdecimal():
            return int(offset)
        if answer.status_code in GONE:
            return None
        if answer.status_code not in AGAIN or again is None:
            raise refusal(answer, connection.address)
        again()
    raise AssertionError("the last try ends the loop")


def _tries(pace: Pace) -> Iterator[Callable[[], None] | None]:
    """For each try how to wait for the next one; None for the last."""
    for number in range(pace.retries):
        wait = min(LONGEST_WAIT, 0.5 * 2**number)
        yield lambda wait=wait: pace.sleep(wait)  # type: ignore[misc]
    yield None


@dataclass(slots=True)
class _Sending:
    """The chunks of one upload, from an offset to its end."""

    connection: Connection
    place: str
    size: int
    progress: Progress
    pace: Pace
    refused: Refused | None = None

    def through(self, file: IO[bytes], checksums: _Checksums, offset: int) -> None:
        """Send all that is missing from ``offset`` on."""
        failed, chunk = 0, self.pace.chunk
        self.progress(offset, self.size)
        while offset < self.size:
            length = min(chunk, self.size - offset)
            checksum, end = checksums.of(offset, length), offset + length
            checksums.begin(end, min(2 * chunk, self.pace.chunk, self.size - end))
            reached = self._send(file, offset, length, checksum, last=failed >= self.pace.retries)
            if reached is None:
                self.pace.sleep(min(LONGEST_WAIT, 0.5 * 2**failed))
                reached = self._found()
                failed = 0 if reached > offset else failed + 1
                chunk = max(chunk // 2, min(SMALLEST_CHUNK, chunk))
            else:
                failed, chunk = 0, min(2 * chunk, self.pace.chunk)
            offset = reached
            self.progress(offset, self.size)

    def _found(self) -> int:
        """The server's offset; raises the refusal that ended the upload, where it is over."""
        offset = _offset(self.connection, self.place, self.pace)
        if offset is None:
            raise self.refused or Refused(
                "the server no longer has this upload, which may have expired; run the command "
                "again to begin a new one",
                410,
                "upload-ended",
                {},
            )
        return offset

    def _send(
        self, file: IO[bytes], offset: int, length: int, checksum: str, *, last: bool
    ) -> int | None:
        """Send one chunk; the new offset, or None where it is to be tried again."""
        headers = {
            **TUS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(length),
            "Upload-Offset": str(offset),
            "Upload-Checksum": checksum,
        }
        self.refused = None
        try:
            answer = self.connection.send(
                "PATCH", self.place, headers=headers, content=self._told(file, offset, length)
            )
        except Unreachable:
            if last:
                raise
            return None
        reached = answer.headers.get("upload-offset", "")
        if answer.is_success and reached.isdecimal():
            return int(reached)
        self.refused = refusal(answer, self.connection.address)
        if answer.status_code in AGAIN and not last:
            return None
        raise self.refused

    def _told(self, file: IO[bytes], offset: int, length: int) -> Iterator[bytes]:
        """The pieces of a chunk, each told to the progress bar once it is taken."""
        sent = offset
        for piece in _read(file, offset, length):
            yield piece
            sent += len(piece)
            self.progress(sent, self.size)


class _Checksums:
    """Upload-Checksum of each chunk; that of the next one is computed while one is sent."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1)
        self._next: tuple[int, int, Future[str]] | None = None

    def __enter__(self) -> _Checksums:
        return self

    def __exit__(self, *problem: object) -> None:
        self._thread.shutdown()

    def begin(self, offset: int, length: int) -> None:
        """Compute one beforehand, where it has bytes."""
        if length:
            self._next = offset, length, self._thread.submit(self._compute, offset, length)

    def of(self, offset: int, length: int) -> str:
        """The header of a chunk; raises ClientError where the file became shorter, OSError."""
        if self._next is not None and self._next[:2] == (offset, length):
            return self._next[2].result()
        return self._compute(offset, length)

    def _compute(self, offset: int, length: int) -> str:
        sha256 = hashlib.sha256()
        for piece in _read(self._file, offset, length):
            sha256.update(piece)
        return f"sha256 {base64.b64encode(sha256.digest()).decode()}"


def _read(file: IO[bytes], offset: int, length: int) -> Iterator[bytes]:
    """A chunk of a file in pieces: it is never in memory as a whole."""
    end = offset + length
    while offset < end:
        piece = os.pread(file.fileno(), min(PIECE, end - offset), offset)
        if not piece:
            raise ClientError(
                f"{file.name} became shorter while it was sent; leave the file alone until "
                "the command has ended, and run it again"
            )
        offset += len(piece)
        yield piece
