"""The routes of tus 1.0: core, creation, termination, expiration, checksum.

Rights, quota and room are decided when an upload is created, before a byte is taken. What a broken
request brought is kept. A new PATCH ends the one before, and never one that came later. HEAD of a
living upload answers 200, or 423 while a PATCH receives, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from email.utils import format_datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from submissions.drop import BeingWritten, DropError
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import Problem, not_found
from submissions.service.uploads.answers import Closing, TusRoute, documented
from submissions.service.uploads.collaborators import Collaborators, Uploads, of_app
from submissions.service.uploads.headers import (
    CHECKSUMS,
    EXTENSIONS,
    TUS,
    VERSION,
    announced,
    checksum,
    offset,
    refuse_other_version,
)
from submissions.service.uploads.reception import Reception, beyond, to_its_end
from submissions.service.uploads.store import Upload, UploadState

PREFIX = "/api/v1/uploads"
CHUNK = 32 * 2**20
"""Bytes of one PATCH that the service proposes: common proxies let at most 90 MB pass."""

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

Submitter = Annotated[Principal, Depends(require(Scope.SUBMIT))]


@asynccontextmanager
async def _sweeping(app: FastAPI) -> AsyncIterator[None]:
    """Sweep at the start, and now and then while the service runs; at its end let all save."""
    uploads = of_app(app)
    await run_in_threadpool(uploads.sweep)

    async def again() -> None:
        while True:
            await asyncio.sleep(uploads.settings.sweep_seconds)
            try:
                await run_in_threadpool(uploads.sweep)
            except Exception:  # the next round tries again
                _LOG.exception("unfinished uploads are not swept up")

    sweeper = asyncio.create_task(again())
    try:
        yield
    finally:
        # The server ends the process right after this, and no thread with it is waited for.
        await uploads.arrivals.end_all()
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper


router = APIRouter(prefix=PREFIX, route_class=TusRoute, tags=["uploads"], lifespan=_sweeping)


def _at(path: str, method: str, **documentation: Any) -> Callable[[_T], _T]:
    """Serve a path with and without a slash at its end: clients of tus follow no redirect."""

    def serve(function: Any) -> Any:
        router.add_api_route(path, function, methods=[method], **documentation)
        router.add_api_route(f"{path}/", function, methods=[method], include_in_schema=False)
        return function

    return serve


@_at("", "OPTIONS", status_code=204, responses=documented())
def options(uploads: Collaborators) -> Response:
    """Tell what of tus 1.0 is spoken here."""
    return Response(
        status_code=204,
        headers={
            **TUS,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
            "Tus-Max-Size": str(uploads.largest()),
        },
    )


@_at("", "POST", status_code=201, responses=documented(409, 413, 507))
def create(request: Request, uploads: Collaborators, principal: Submitter) -> Response:
    """Create an upload, which holds a look of its team until it is entered, removed or expires.

    Upload-Length: size in bytes. Upload-Metadata: ``benchmark`` and ``team`` (id or name), and
    ``sha256`` of the whole archive, if known: another one is then refused at the end.
    """
    refuse_other_version(request.headers)
    upload = uploads.create(principal, announced(request.headers))
    headers = {
        **TUS,
        "Location": f"{PREFIX}/{upload.upload_id}",
        "Upload-Expires": _expiry(uploads, upload),
    }
    return JSONResponse({"upload_id": upload.upload_id, "chunk_bytes": CHUNK}, 201, headers)


@_at(
    "/{upload_id}",
    "HEAD",
    status_code=200,
    response_class=Response,
    responses=documented(410, 423),
)
async def ask(upload_id: str, uploads: Collaborators, principal: Submitter) -> Response:
    """Tell at which byte the next PATCH goes on; 423 while another one receives."""
    upload = await run_in_threadpool(uploads.living, principal, upload_id)
    if await uploads.arrivals.is_receiving(upload_id, uploads.settings.hush_seconds):
        raise _busy(upload_id)
    return await run_in_threadpool(_offered_again, uploads, upload)


@_at(
    "/{upload_id}",
    "PATCH",
    status_code=204,
    responses=documented(409, 410, 413, 415, 423, 460, 507),
)
async def append(
    upload_id: str, request: Request, uploads: Collaborators, principal: Submitter
) -> Response:
    """Append bytes at Upload-Offset; with Upload-Checksum all of them count, or none."""
    refuse_other_version(request.headers)
    start, expected = offset(request.headers), checksum(request.headers)
    upload = await run_in_threadpool(uploads.living, principal, upload_id)
    async with uploads.arrivals.taking_over(upload_id, request.state.number) as arrival:
        if arrival is None:
            raise _busy(upload_id)
        upload = await run_in_threadpool(uploads.living, principal, upload_id)
        if upload.state is UploadState.COMPLETE:
            raise _elsewhere(upload, upload.length)
        try:
            growing = await to_its_end(lambda: uploads.drop.grow(upload_id, upload.length))
        except BeingWritten as error:
            raise _busy(upload_id) from error
        if growing.offset != start:
            await to_its_end(growing.close)
            raise _elsewhere(upload, growing.offset)
        if start + _declared(request) > upload.length:
            await to_its_end(growing.close)
            raise beyond(upload)
        reception = Reception(uploads, upload, arrival, growing)
        try:
            await reception.take(request, expected)
        except ClientDisconnect:
            return Closing(status_code=400)  # nobody reads it
        except TimeoutError:
            if arrival.ended:
                raise _busy(upload_id) from None
            raise _silent(uploads, growing.offset) from None
        complete = await reception.verify()
    headers = {**TUS, "Upload-Offset": str(upload.length if complete else growing.offset)}
    if not complete:
        headers["Upload-Expires"] = await run_in_threadpool(_expiry, uploads, upload)
    return Response(status_code=204, headers=headers)


@_at("/{upload_id}", "DELETE", status_code=204, responses=documented(410, 423))
async def remove(
    upload_id: str, request: Request, uploads: Collaborators, principal: Submitter
) -> Response:
    """Remove an upload that was not entered, and free the look that it holds."""
    refuse_other_version(request.headers)
    upload = await run_in_threadpool(uploads.living, principal, upload_id)
    if not await uploads.arrivals.end(upload_id):
        raise _busy(upload_id)
    await run_in_threadpool(uploads.remove, upload, UploadState.REMOVED)
    return Response(status_code=204, headers=TUS)


@_at("/{upload_id}", "POST", responses=documented(409, 410, 413, 415, 423, 460, 507))
async def override(
    upload_id: str, request: Request, uploads: Collaborators, principal: Submitter
) -> Response:
    """Do as PATCH or DELETE, where X-HTTP-Method-Override names one that a proxy lets not pass."""
    method = request.headers.get("x-http-method-override", "")
    if method == "PATCH":
        return await append(upload_id, request, uploads, principal)
    if method == "DELETE":
        return await remove(upload_id, request, uploads, principal)
    raise Problem(
        405,
        "Method not allowed",
        f"X-HTTP-Method-Override is {method[:40]!r}; send PATCH or DELETE.",
        headers={"Allow": "HEAD, PATCH, DELETE"},
    )


@_at("/by-digest/{sha256}", "GET", responses=documented())
def by_digest(
    sha256: str, team: str, uploads: Collaborators, principal: Submitter
) -> dict[str, str | int]:
    """Tell whether this team sent an archive before: then it need not send it again."""
    member = principal.named_team(team)
    try:
        size = uploads.drop.size(member.team_id, sha256)
    except DropError:
        size = None
    if size is None:
        raise not_found("archive")
    return {"sha256": sha256, "team": member.team, "size": size}


def _offered_again(uploads: Uploads, upload: Upload) -> Response:
    complete = upload.state is UploadState.COMPLETE
    at = upload.length if complete else uploads.drop.offset(upload.upload_id)
    headers = {
        **TUS,
        "Upload-Offset": str(at),
        "Upload-Length": str(upload.length),
        "Upload-Metadata": upload.metadata,
        "Upload-Expires": _expiry(uploads, upload),
    }
    return Response(status_code=200, headers=headers)


def _expiry(uploads: Uploads, upload: Upload) -> str:
    return format_datetime(uploads.expires(upload), usegmt=True)


def _declared(request: Request) -> int:
    """Bytes of the body as the request says, which the server holds it to; 0 where it does not."""
    return int(request.headers.get("content-length", "0"))


def _busy(upload_id: str) -> Problem:
    return Problem(
        423,
        "Upload is receiving",
        f"Another request sends bytes of upload {upload_id} now; ask for the offset in a moment.",
        type="upload-receiving",
        headers={"Retry-After": "1"},
    )


def _elsewhere(upload: Upload, at: int) -> Problem:
    return Problem(
        409,
        "Other offset",
        f"Upload {upload.upload_id} goes on at byte {at} of {upload.length}; ask for the offset "
        f"and send from there.",
        type="upload-offset",
        headers={"Upload-Offset": str(at)},
    )


def _silent(uploads: Uploads, at: int) -> Problem:
    # 409 and not 408: official clients take 408 as final, and 409 as 'ask and go on'.
    return Problem(
        409,
        "Request fell silent",
        f"Nothing came for {uploads.settings.patience_seconds:g} seconds, and the bytes up to {at} "
        f"are kept; ask for the offset and send from there.",
        type="upload-silent",
        headers={"Upload-Offset": str(at)},
    )
