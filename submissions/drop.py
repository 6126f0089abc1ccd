"""The drop folder: archives that arrive in pieces, and archives that arrived whole.

``incoming/<upload_id>`` grows, and the file of that name with ``.offset`` says how many of its
bytes are safely on disk. ``archives/<team_id>/<sha256>`` is whole and verified. An archive is
shared between submissions of the same team only: a digest is no proof of having the image.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import Lock

STEP = 8 * 2**20
"""Bytes after which a growing file is flushed to disk and its offset saved."""

BATCH = 2**20
"""Bytes that are gathered in memory before they are written."""

PATIENCE = 0.5
"""Seconds after which a file that grows slowly is written, and its offset saved, all the same.

Shorter than any service lives that is killed again and again: each life gets all uploads further.
"""

_PIECE = 2**20
_CATCH_UP = 4
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OFFSET_DIGITS = 20


class DropError(ValueError):
    """The drop folder was asked for a name that it cannot have, or an archive that it lacks."""


class BeingWritten(DropError):
    """Another request or process appends to this file now."""


class Drop:
    """The drop folder at ``folder``, which is created; the web process and the queue share it."""

    def __init__(self, folder: Path) -> None:
        """Create what is missing of the folder; raises OSError."""
        self._incoming = folder / "incoming"
        self._archives = folder / "archives"
        for each in (self._incoming, self._archives):
            each.mkdir(parents=True, exist_ok=True, mode=0o770)
        self._digests: dict[str, _RunningDigest] = {}

    def archive(self, team_id: str, sha256: str) -> Path:
        """Where the verified archive lies; raises DropError where this team sent none."""
        path = self._place_of(team_id, sha256)
        if path.is_symlink() or not path.is_file():  # a link leads out of the folder
            raise DropError(
                f"the drop folder has no archive {sha256[:12]} of team {team_id}; send it again"
            )
        return path

    def size(self, team_id: str, sha256: str) -> int | None:
        """Bytes of an archive that this team sent; None where it sent none."""
        try:
            return self._place_of(team_id, sha256).stat().st_size
        except FileNotFoundError:
            return None

    def discard(self, team_id: str, sha256: str) -> None:
        """Remove a verified archive; nothing happens where it is gone already."""
        self._place_of(team_id, sha256).unlink(missing_ok=True)

    def grow(self, upload_id: str, length: int) -> GrowingFile:
        """Open an upload of ``length`` bytes to append to it; raises BeingWritten, OSError."""
        path = self._incoming_of(upload_id)
        digest = self._digests.setdefault(upload_id, _RunningDigest())
        return GrowingFile(path, length, digest)

    def offset(self, upload_id: str) -> int:
        """How many bytes of an upload are safely on disk."""
        path = self._incoming_of(upload_id)
        with suppress(FileNotFoundError):
            return min(_saved(_offset_path(path)), path.stat().st_size)
        return 0

    def changed(self, upload_id: str) -> datetime | None:
        """When the offset of an upload was last saved; None where nothing came yet."""
        with suppress(FileNotFoundError):
            saved = _offset_path(self._incoming_of(upload_id)).stat().st_mtime
            return datetime.fromtimestamp(saved, UTC)
        return None

    def place(self, upload_id: str, team_id: str, sha256: str) -> Path:
        """Move a verified upload to its team's archives, on disk when this returns.

        A second call changes nothing; nor does a second upload of the same content.
        """
        path, target = self._incoming_of(upload_id), self._place_of(team_id, sha256)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o770, exist_ok=True)
            _flush_folder(self._archives)
        with suppress(FileNotFoundError):  # placed already
            path.rename(target)
        _flush_folder(target.parent)
        self.forget(upload_id)
        return target

    def forget(self, upload_id: str) -> None:
        """Remove what came of an upload."""
        path = self._incoming_of(upload_id)
        path.unlink(missing_ok=True)
        _offset_path(path).unlink(missing_ok=True)
        self._digests.pop(upload_id, None)

    def arriving(self) -> list[str]:
        """Ids of the uploads that have a file."""
        names = {path.name.partition(".")[0] for path in self._incoming.iterdir()}
        return sorted(name for name in names if _NAME.fullmatch(name))

    def free_bytes(self) -> int:
        """Bytes that this user may still write to the folder's disk."""
        return shutil.disk_usage(self._incoming).free

    def _incoming_of(self, upload_id: str) -> Path:
        return self._incoming / _checked(upload_id)

    def _place_of(self, team_id: str, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise DropError(f"{sha256[:80]!r} is no SHA-256; give 64 digits of 0-9 and a-f")
        return self._archives / _checked(team_id) / sha256


class GrowingFile:
    """One upload's file, open to append to; its methods may be called from any thread.

    ``added`` bytes came, ``written`` ones are in the file, and ``offset`` is what is safely on
    disk, where the next request goes on. The last byte counts only once the archive stands in its
    place: a server that is killed while it verifies is sent that byte again, and verifies again.
    While ``check`` is set it digests what is written, and nothing counts.
    """

    def __init__(self, path: Path, length: int, digest: _RunningDigest) -> None:
        """Open the file and cut it to its offset; raises BeingWritten, OSError."""
        self._length = length
        self._digest = digest
        self._lock = Lock()
        self._flushing = Lock()  # taken before the other
        self._gathered = _Gathered()
        self.check: hashlib._Hash | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._offset_file = -1
        self._open = True
        self._whole = False
        self._folder = path.parent
        self._named = False
        self._failed = False  # what came after a piece that failed must not take its place
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
            self._offset_file = os.open(
                _offset_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640
            )
            self.offset = min(_saved(_offset_path(path)), os.fstat(self._file).st_size)
            os.ftruncate(self._file, self.offset)
            self._digest.cut(self.offset)
        except BaseException as error:
            self._let_go()
            if isinstance(error, BlockingIOError):
                raise BeingWritten("another request appends to this upload") from error
            raise
        self.added = self.written = self.offset
        self._wrote_at = self._saved_at = time.monotonic()

    def is_write_due(self) -> bool:
        """Whether enough was added, or waits for long enough, to be written."""
        waiting = self.added - self.written
        return waiting >= BATCH or (waiting > 0 and time.monotonic() - self._wrote_at > PATIENCE)

    def is_save_due(self) -> bool:
        """Whether enough was written, or long enough ago, to save the offset."""
        if self.check is not None:
            return False
        new = self.written - self.offset
        return new >= STEP or (new > 0 and time.monotonic() - self._saved_at > PATIENCE)

    def add(self, piece: bytes) -> None:
        """Take a piece into memory, to be written at the end of the file; of one thread alone."""
        self._gathered.add(piece)
        self.added += len(piece)

    def write(self) -> None:
        """Write what was added, in order. Raises OSError; what was counted stays."""
        with self._lock:
            if self._open:
                self._write()

    def save(self) -> None:
        """Flush what was written to disk, then the offset; nothing is counted while unchecked.

        Others may add and write meanwhile. Raises OSError.
        """
        with self._flushing:
            if self._open and self.check is None:
                self._save()

    def sha256(self) -> str:
        """Digest of the whole file, which is on disk when this returns; raises OSError."""
        with self._flushing, self._lock:
            self._save()
            digest = self._digest.of_all(self._file, self.written)
            self._whole = True
            return digest

    def close(self, *, keep: bool = True) -> int:
        """Write what was added, save the offset and let go; give the offset.

        Where ``keep`` is off, or the disk is full, what was not counted is cut off.
        """
        with self._flushing, self._lock:
            if not self._open:
                return self.offset
            try:
                if keep and not self._whole:
                    with suppress(OSError):
                        self._write()
                    self._save()
                    os.fsync(self._offset_file)
            except OSError:
                pass  # the offset is the one before
            finally:
                if not self._whole:
                    with suppress(OSError):
                        os.ftruncate(self._file, self.offset)
                self._let_go()
            return self.offset

    def _write(self) -> None:
        while not self._failed and (batch := self._gathered.next()) is not None:
            begin, self._failed = self.written, True
            with memoryview(batch.memory)[: batch.size] as content:
                self._put(content)
                self._failed = False
                self._digest.take(content, begin, self._file, self._length - 1)
                if self.check is not None:
                    self.check.update(content)
            self._gathered.give_back(batch)
        self._wrote_at = time.monotonic()

    def _put(self, content: memoryview) -> None:
        done = 0
        while done < len(content):
            wrote = os.pwrite(self._file, content[done:], self.written)
            self.written += wrote
            done += wrote

    def _save(self) -> None:
        counted = min(self.written, self._length - 1)
        os.fsync(self._file)
        os.pwrite(self._offset_file, f"{counted:{_OFFSET_DIGITS}d}".encode(), 0)
        if not self._named:  # from now on an older number is the worst after a loss of power
            os.fsync(self._offset_file)
            _flush_folder(self._folder)
            self._named = True
        self.offset = counted
        self._saved_at = time.monotonic()

    def _let_go(self) -> None:
        self._open = False
        for descriptor in (self._offset_file, self._file):  # the lock goes with the second
            if descriptor >= 0:
                os.close(descriptor)


@dataclass(slots=True)
class _Batch:
    """The first ``size`` bytes of ``memory`` are content."""

    memory: bytearray
    size: int = 0


class _Gathered:
    """Bytes between the thread that receives and the one that writes, in memory used again.

    Pieces are copied and given up at once: their memory stays warm, and the system need not find
    and clear new pages for each.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._filling: _Batch | None = None
        self._full: deque[_Batch] = deque()
        self._spare: list[_Batch] = []

    def add(self, piece: bytes) -> None:
        """Copy a piece to the end."""
        rest = memoryview(piece)
        while rest:
            with self._lock:
                batch = self._filling or (self._spare.pop() if self._spare else None)
                self._filling = None  # the writer takes none that is being filled
            batch = batch or _Batch(bytearray(BATCH))
            n = min(len(rest), BATCH - batch.size)
            batch.memory[batch.size : batch.size + n] = rest[:n]
            batch.size += n
            rest = rest[n:]
            with self._lock:
                if batch.size == BATCH:
                    self._full.append(batch)
                else:
                    self._filling = batch

    def next(self) -> _Batch | None:
        """The earliest batch, full or not; None where nothing waits, or it is being filled."""
        with self._lock:
            if self._full:
                return self._full.popleft()
            batch, self._filling = self._filling, None
            return batch

    def give_back(self, batch: _Batch) -> None:
        """Let a batch that was written be filled again."""
        batch.size = 0
        with self._lock:
            self._spare.append(batch)


class _RunningDigest:
    """SHA-256 of a file's beginning, kept in memory between requests.

    It takes pieces that were just written, as they are in memory. What it has not seen, after a
    restart the whole file, it reads a few times as fast as the file grows.
    """

    def __init__(self) -> None:
        self._sha, self._seen = hashlib.sha256(), 0
        self._before = self._sha.copy(), 0

    def cut(self, end: int) -> None:
        """Go back where more was seen than stays of the file; the next request begins here."""
        if self._seen > end:
            sha, size = self._before
            self._sha, self._seen = (sha, size) if size <= end else (hashlib.sha256(), 0)
        self._before = self._sha.copy(), self._seen

    def take(self, content: memoryview, begin: int, file: int, most: int) -> None:
        """Go on with what was written from byte ``begin`` on, as far as byte ``most``."""
        if self._seen < begin:
            size = len(content)
            self._read(file, min(begin + size, most, self._seen + _CATCH_UP * size))
            return
        new = content[: max(0, most - begin)]
        self._sha.update(new)
        self._seen += len(new)

    def of_all(self, file: int, end: int) -> str:
        """Read on to byte ``end``, the last; give the digest in hexadecimal."""
        self._read(file, end)
        return self._sha.hexdigest()

    def _read(self, file: int, end: int) -> None:
        while self._seen < end:
            piece = os.pread(file, min(_PIECE, end - self._seen), self._seen)
            if not piece:
                raise OSError(f"the file ends at byte {self._seen}, before byte {end}")
            self._sha.update(piece)
            self._seen += len(piece)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DropError(f"{name[:80]!r} is no name of a file in the drop folder")
    return name


def _offset_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.offset")


def _saved(path: Path) -> int:
    try:
        return int(path.read_bytes()[:_OFFSET_DIGITS] or b"0")
    except FileNotFoundError:
        return 0


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
