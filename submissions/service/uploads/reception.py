"""Takes the bytes of one PATCH to disk, and verifies an archive whose bytes are all there."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

from fastapi import Request

from submissions.drop import GrowingFile
from submissions.service.problems import Problem
from submissions.service.uploads.answers import all_read
from submissions.service.uploads.arrivals import Arrival
from submissions.service.uploads.collaborators import Uploads, no_room
from submissions.service.uploads.headers import Checksum
from submissions.service.uploads.store import Upload, UploadState, UploadStateError

MOST_IN_MEMORY = 2 * 2**20
"""Bytes of one upload that may wait in memory before reception waits for the disk."""

MOST_UNSAVED = 64 * 2**20
"""Bytes that may be ahead of the saved offset before reception waits for the disk."""

_DISK = ThreadPoolExecutor(32, thread_name_prefix="uploads")
"""Most of these threads wait for a disk: a pool of as many as cores would stand still."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_T = TypeVar("_T")


class Reception:
    """The reception of one PATCH: ``take`` the bytes, then ``verify`` where they are the last."""

    def __init__(
        self, uploads: Uploads, upload: Upload, arrival: Arrival, growing: GrowingFile
    ) -> None:
        """Begin at the offset of the growing file, which is let go of at the end."""
        self._uploads = uploads
        self._upload = upload
        self._arrival = arrival
        self._growing = growing
        self._work: dict[Callable[[], None], asyncio.Future[None]] = {}

    async def take(self, request: Request, expected: Checksum | None) -> None:
        """Write the body at the end of the file; let go of it, unless it is whole.

        Raises TimeoutError where nothing came for too long or another request took over,
        ClientDisconnect, and a Problem: 413 beyond the length that was announced, 460 for bytes
        that do not have the ``expected`` checksum, 507 on a full disk. What came before counts; of
        bytes with a checksum, all or none.
        """
        growing = self._growing
        counts, whole = expected is None, False
        if expected is not None:
            growing.check = hashlib.new(expected.algorithm)
        try:
            await self._receive(request)
            if expected is not None and growing.check is not None:
                if growing.check.digest() != expected.digest:
                    raise _other_bytes(expected)
                growing.check, counts = None, True
            whole = self._is_whole()
        except OSError as error:
            if isinstance(error, TimeoutError) or error.errno not in _FULL:
                raise
            raise no_room() from error
        finally:
            if not whole:
                await to_its_end(lambda: growing.close(keep=counts))

    async def verify(self) -> bool:
        """Put a whole archive in its place; False where bytes are still missing.

        Raises a 460 Problem where its SHA-256 is not the announced one: the upload is over then.
        """
        if not self._is_whole():
            return False
        self._arrival.settle()
        try:
            await to_its_end(self._verify)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise no_room() from error
        return True

    def _is_whole(self) -> bool:
        return self._growing.written == self._upload.length

    async def _receive(self, request: Request) -> None:
        growing, arrival = self._growing, self._arrival
        wait = self._uploads.settings.patience_seconds
        async with arrival.patience(wait), aclosing(request.stream()) as stream:
            async for piece in stream:
                arrival.heard(wait)
                if growing.added + len(piece) > self._upload.length:
                    raise beyond(self._upload)
                growing.add(piece)
                if growing.is_write_due():
                    far = growing.added - growing.written > MOST_IN_MEMORY
                    await self._begin(growing.write, wait=far)
                if growing.is_save_due():
                    far = growing.written - growing.offset > MOST_UNSAVED
                    await self._begin(growing.save, wait=far)
                arrival.heard(wait)
            all_read(request)
            arrival.heard(None)
            await self._begin(growing.write)
            for work in self._work.values():
                await work

    async def _begin(self, work: Callable[[], None], *, wait: bool = True) -> None:
        """Let a thread do it while bytes come, after the time before; not where that still runs."""
        before = self._work.get(work)
        if before is not None:
            if not (wait or before.done()):
                return
            self._arrival.heard(None)
            await asyncio.shield(before)
        begun = asyncio.get_running_loop().run_in_executor(_DISK, work)
        begun.add_done_callback(_see)
        self._work[work] = begun

    def _verify(self) -> None:
        upload, uploads = self._upload, self._uploads
        try:
            digest = self._growing.sha256()
            if upload.announced and digest != upload.announced:
                uploads.remove(upload, UploadState.REFUSED)
                raise Problem(
                    460,
                    "Other archive than announced",
                    f"The archive that arrived has the SHA-256 {digest}, and {upload.announced} "
                    f"was announced; create another upload and send it again.",
                    type="checksum",
                )
            try:
                uploads.store.complete(upload.upload_id, digest)
            except UploadStateError as error:
                uploads.drop.forget(upload.upload_id)
                raise Problem(
                    410,
                    "Upload ended",
                    f"Upload {upload.upload_id} was removed while it arrived; create another one.",
                    type="upload-ended",
                ) from error
            uploads.drop.place(upload.upload_id, upload.team_id, digest)
        finally:
            self._growing.close()


async def to_its_end(work: Callable[[], _T]) -> _T:
    """Run ``work`` in a thread, and wait for its end even where the request is cancelled."""
    done = asyncio.get_running_loop().run_in_executor(_DISK, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


def _see(done: asyncio.Future[None]) -> None:
    """Look at an error that nobody may wait for any more."""
    if not done.cancelled():
        done.exception()


def beyond(upload: Upload) -> Problem:
    """413: more bytes than the creation of the upload announced."""
    return Problem(
        413,
        "More than announced",
        f"Upload {upload.upload_id} was announced with {upload.length} bytes, and more came; "
        f"create another upload with the archive's size.",
        type="beyond-length",
    )


def _other_bytes(expected: Checksum) -> Problem:
    return Problem(
        460,
        "Bytes damaged on their way",
        f"The bytes do not have the {expected.algorithm} that Upload-Checksum says, and were "
        f"thrown away; send them again.",
        type="checksum",
    )
