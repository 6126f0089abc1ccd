"""A service that is stopped or killed while archives arrive: all go on, all digests are right."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from submissions.drop import BATCH, STEP
from submissions.service.uploads.store import UploadStore
from tests.support.upload_server import Served, append, create, served

MIB = 2**20


def written(service: Served, upload_id: str) -> int:
    """Bytes of a file that grows, saved or not."""
    return (service.folder / "drop" / "incoming" / upload_id).stat().st_size


def slowly(content: bytes, sent: threading.Event, over: threading.Event) -> Iterator[bytes]:
    """Pieces of a body; most of it is sent only when the service is over."""
    yield content[: len(content) // 2]
    sent.set()
    over.wait(timeout=30)
    yield content[len(content) // 2 :]


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_an_upload_goes_on_after_a_restart_in_the_midst_of_it(
    tmp_path: Path, by: signal.Signals
) -> None:
    content = os.urandom(24 * MIB)
    sha256 = hashlib.sha256(content).hexdigest()
    sent, over = threading.Event(), threading.Event()
    with served(tmp_path, process=True) as service:

        def broken() -> None:
            with service.client() as client, suppress(httpx.TransportError):
                append(client, place, 0, slowly(content, sent, over))

        with service.client() as client:
            place = create(client, len(content), sha256=sha256).headers["location"]
        sender = threading.Thread(target=broken)
        sender.start()
        sent.wait(timeout=30)
        upload_id = place.rpartition("/")[2]
        came = len(content) // 2 - BATCH
        while service.drop.offset(upload_id) < STEP or written(service, upload_id) < came:
            time.sleep(0.01)
        service.end(by)
        over.set()
        sender.join()
        service.start()
        with service.client() as client:
            answer = client.head(place)
            assert answer.status_code == 200
            at = int(answer.headers["upload-offset"])
            # A step is kept whatever the signal was; all that came, where there was time for it.
            assert (STEP if by is signal.SIGKILL else came) <= at <= len(content) // 2
            assert append(client, place, at, content[at:]).status_code == 204
        assert service.archive(sha256) == content


def test_twenty_uploads_go_on_after_the_service_was_killed(tmp_path: Path) -> None:
    contents = [os.urandom(random.Random(n).randrange(200_000, 3 * MIB)) for n in range(20)]
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    with served(tmp_path, process=True) as service:
        with service.client() as client:
            places = [create(client, len(each)).headers["location"] for each in contents]

        def upload(n: int) -> bool:
            """Send one archive as a client does that tries again; whether it was broken."""
            content, at, broken = contents[n], 0, False
            with service.client() as client:
                while True:
                    try:
                        if append(client, places[n], at, pieces(content[at:])).status_code == 204:
                            return broken
                    except httpx.TransportError:
                        broken = True
                    at = offset(client, places[n])
                    if at == len(content):
                        return broken

        def pieces(content: bytes) -> Iterator[bytes]:
            for at in range(0, len(content), 50_000):
                yield content[at : at + 50_000]
                time.sleep(0.01)

        with ThreadPoolExecutor(20) as pool:
            uploads = [pool.submit(upload, n) for n in range(20)]
            _some_bytes(service, places)
            service.end(signal.SIGKILL)
            service.start()
            broken = [each.result() for each in uploads]
        assert any(broken)
        for content, sha256 in zip(contents, digests, strict=True):
            assert service.archive(sha256) == content
        assert service.drop.arriving() == []


def test_a_kill_between_verifying_and_placing_loses_no_archive(tmp_path: Path) -> None:
    content = os.urandom(MIB)
    sha256 = hashlib.sha256(content).hexdigest()
    with served(tmp_path) as service:
        with service.client() as client:
            place = create(client, len(content)).headers["location"]
            append(client, place, 0, content[:-1])
        service.end()
        upload_id = place.rpartition("/")[2]
        # What a killed server leaves there: the row says complete, the file is not moved yet.
        (tmp_path / "drop" / "incoming" / upload_id).write_bytes(content)
        UploadStore(service.store).complete(upload_id, sha256)
        service.start()
        assert service.archive(sha256) == content
        assert service.drop.arriving() == []
        with service.client() as client:
            assert client.head(place).headers["upload-offset"] == str(len(content))


def offset(client: httpx.Client, place: str) -> int:
    """The offset, once the service answers and receives no more."""
    while True:
        with suppress(httpx.TransportError):
            answer = client.head(place)
            assert answer.status_code in (200, 423)
            if answer.status_code == 200:
                return int(answer.headers["upload-offset"])
        time.sleep(0.1)


def _some_bytes(service: Served, places: list[str]) -> None:
    """Wait until bytes of some uploads arrived, of the files that lie in the drop folder."""
    incoming = service.folder / "drop" / "incoming"
    ids = [place.rpartition("/")[2] for place in places]
    before = sum((incoming / each).exists() for each in ids)
    while before == 0:
        before = sum((incoming / each).exists() for each in ids)
    time.sleep(0.3)
