"""Takes the bytes of one PATCH to disk, and verifies an archive whose bytes are all there."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Callable
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

BATCH = 2**20
"""Bytes that are gathered in memory before they are written."""

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
        self._pieces: list[bytes] = []
        self._size = 0

    async def take(self, request: Request, expected: Checksum | None) -> None:
        """Write the body behind what is there; let go of the file, unless it is whole.

        Raises TimeoutError where nothing came for too long or another request took over,
        ClientDisconnect, and a Problem: 413 beyond the length that was announced, 460 for bytes
        that do not have the ``expected`` checksum, 507 on a full disk. What came before counts; of
        bytes with a checksum, all or none.
        """
        found = None if expected is None else hashlib.new(expected.algorithm)
        counts, whole = expected is None, False
        try:
            await self._receive(request, found)
            if found is not None and expected is not None:
                if found.digest() != expected.digest:
                    raise _other_bytes(expected)
                counts = True
            whole = self._is_whole()
        except OSError as error:
            if isinstance(error, TimeoutError) or error.errno not in _FULL:
                raise
            raise no_room() from error
        finally:
            if not whole:
                await to_its_end(lambda: self._growing.close(self._pieces, keep=counts))

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

    async def _receive(self, request: Request, found: hashlib._Hash | None) -> None:
        wait = self._uploads.settings.patience_seconds
        async with self._arrival.patience(wait), aclosing(request.stream()) as stream:
            async for piece in stream:
                self._arrival.heard(wait)
                if self._growing.written + self._size + len(piece) > self._upload.length:
                    raise beyond(self._upload)
                self._pieces.append(piece)
                self._size += len(piece)
                if self._size >= BATCH:
                    self._arrival.heard(None)
                    await self._write(found)
                    self._arrival.heard(wait)
            all_read(request)
            self._arrival.heard(None)
            await self._write(found)

    async def _write(self, found: hashlib._Hash | None) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0

        def write() -> None:
            if found is not None:
                for piece in pieces:
                    found.update(piece)
            self._growing.append(pieces, checked=found is None)

        await asyncio.to_thread(write)

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
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


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
