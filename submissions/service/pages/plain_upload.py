"""Takes an image by a plain form, without JavaScript: fields first, then the file in one piece.

The file goes the way of any other upload: rights and look before a byte, then the drop folder. A
connection that breaks ends it; what arrived is removed, and its look is free again.
"""

from __future__ import annotations

import base64
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from submissions.service.offered import Offered
from submissions.service.pages.benchmarks import offered
from submissions.service.pages.entering import entered, second
from submissions.service.pages.forms import Form, sentence_of
from submissions.service.pages.multipart import FormWithFile
from submissions.service.pages.shown import HOME, go_to
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import Problem
from submissions.service.uploads.answers import Closing
from submissions.service.uploads.collaborators import Collaborators, Uploads
from submissions.service.uploads.headers import Announced
from submissions.service.uploads.reception import Reception, to_its_end
from submissions.service.uploads.store import Upload, UploadState

router = APIRouter()


@router.post("/uploads/{name}")
async def send(
    request: Request,
    name: str,
    principal: Annotated[Principal, Depends(require(Scope.SUBMIT))],
    uploads: Collaborators,
) -> Response:
    """Take the archive that a form brings, and submit it."""
    benchmark = offered(request, name)
    body = FormWithFile(request, "archive")
    form = Form()
    try:
        form = Form(await body.fields(uploads.settings.patience_seconds))
        upload = await run_in_threadpool(_reserved, uploads, principal, benchmark, form, body)
        await _received(uploads, upload, body)
        complete = Form({**form.typed, "upload_id": upload.upload_id})
        submission = await run_in_threadpool(entered, request, principal, benchmark, complete)
    except ClientDisconnect:
        return Closing(status_code=400)  # nobody reads it
    except Problem as problem:
        if not form.value("team"):
            raise
        refusal = form.with_mistakes({"archive": sentence_of(problem.detail)})
        shown = await run_in_threadpool(
            second, request, principal, benchmark, refusal, problem.status
        )
        # The browser may still send: it is listened to for a moment, so that it reads the answer.
        headers = {key: text for key, text in shown.headers.items() if key != "content-length"}
        return Closing(shown.body, shown.status_code, {**headers, "Connection": "close"})
    return go_to(f"{HOME}/submissions/{submission.submission_id}")


def _reserved(
    uploads: Uploads, principal: Principal, benchmark: Offered, form: Form, body: FormWithFile
) -> Upload:
    """Decide before a byte of the file is taken, and hold a look; raise a Problem."""
    length = body.length()
    if not length:
        raise Problem(422, "No file", "No file is chosen, or it is empty; choose an image archive.")
    filename = base64.b64encode(body.filename[:200].encode()).decode()
    return uploads.create(
        principal,
        Announced(
            length=length,
            benchmark=benchmark.name,
            team=form.value("team"),
            sha256=None,
            metadata=f"filename {filename}",
        ),
    )


async def _received(uploads: Uploads, upload: Upload, body: FormWithFile) -> None:
    """Write the file to the drop folder and verify it; raise a Problem where it is not whole."""
    whole = False
    try:
        async with uploads.arrivals.taking_over(upload.upload_id, number=0) as arrival:
            assert arrival is not None  # the id is new
            growing = await to_its_end(lambda: uploads.drop.grow(upload.upload_id, upload.length))
            reception = Reception(uploads, upload, arrival, growing)
            await reception.take(cast("Request", body), None)
            whole = await reception.verify()
    except TimeoutError:
        raise Problem(
            408, "Fell silent", "The connection fell silent; send the file again."
        ) from None
    finally:
        if not whole:
            await to_its_end(lambda: uploads.remove(upload, UploadState.REMOVED))
    if not whole:
        raise Problem(400, "Not whole", "The file did not arrive whole; send it again.")
