"""What tests of entries do: send an archive, enter it, walk it through its states."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx

from submissions.submission import State
from tests.support.service_running import Account, Running

TUS = {"Tus-Resumable": "1.0.0"}


def metadata(**members: str) -> str:
    """Upload-Metadata as clients of tus write it."""
    return ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in members.items()
    )


def created(
    service: Running, account: Account, length: int, *, team: str = "", benchmark: str = "chest"
) -> httpx.Response:
    """The answer to a request for an upload."""
    told = metadata(benchmark=benchmark, team=team or account.team, model="m", filename="m.tar")
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": told}
    with service.client(account) as client:
        return client.post("/api/v1/uploads", headers=headers)


def sent(service: Running, account: Account, content: bytes) -> tuple[str, str]:
    """Send an archive; the id of its upload and its SHA-256."""
    answer = created(service, account, len(content))
    assert answer.status_code == 201, answer.text
    headers = {
        **TUS,
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    with service.client(account) as client:
        taken = client.patch(answer.headers["location"], content=content, headers=headers)
    assert taken.status_code == 204, taken.text
    return answer.json()["upload_id"], hashlib.sha256(content).hexdigest()


def entered(service: Running, account: Account, **members: Any) -> httpx.Response:
    """The answer to an entry; what is not named is fit."""
    entry = {"benchmark": "chest", "team": account.team, "model": "a model", **members}
    with service.client(account) as client:
        return client.post("/api/v1/submissions", json=entry)


def submission_of(service: Running, account: Account, content: bytes = b"an archive") -> str:
    """Send and enter an archive; the id of the submission."""
    upload_id, _ = sent(service, account, content)
    answer = entered(service, account, upload_id=upload_id)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["submission_id"])


def released(service: Running, submission_id: str, document: str = '{"figure": 1}') -> None:
    """Walk a submission through its states to a release, as the queue does."""
    for state in (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING):
        service.ledger.move(submission_id, state)
    service.ledger.publish(submission_id, "k" * 64, document, state=State.RELEASED)
