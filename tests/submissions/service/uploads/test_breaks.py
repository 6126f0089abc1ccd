"""What broken, silent and doubled requests leave of an upload, and what HEAD says meanwhile."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from submissions.service.principal import Principal
from submissions.service.uploads.collaborators import Uploads
from submissions.service.uploads.store import Upload
from tests.support.cutting_proxy import Way, cutting
from tests.support.small_disk import fill, small_file_system
from tests.support.upload_server import BYTES, Served, append, create, served

MIB = 2**20


@contextmanager
def sending(service: Served, place: str, at: int, length: int) -> Iterator[socket.socket]:
    """An open PATCH whose body of ``length`` bytes the test sends itself."""
    lines = {
        **BYTES,
        **service.ada.headers,
        "Host": "127.0.0.1",
        "Upload-Offset": str(at),
        "Content-Length": str(length),
    }
    head = f"PATCH {place} HTTP/1.1\r\n"
    head += "".join(f"{name}: {text}\r\n" for name, text in lines.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head.encode())
        yield connection


def asked(client: httpx.Client, place: str) -> int | None:
    """The offset by HEAD, None where a request receives; HEAD says nothing else."""
    answer = client.head(place)
    assert answer.status_code in (200, 423)
    return int(answer.headers["upload-offset"]) if answer.status_code == 200 else None


def begun(client: httpx.Client, place: str) -> None:
    """Wait until the service receives."""
    while asked(client, place) is not None:
        time.sleep(0.01)


def settled(client: httpx.Client, place: str) -> int:
    """The offset once no request receives any more."""
    while (at := asked(client, place)) is None:
        time.sleep(0.05)
    return at


@pytest.mark.parametrize("way", ["reset", "close"])
def test_an_upload_cut_at_random_bytes_goes_on_where_it_was(service: Served, way: Way) -> None:
    content = os.urandom(6 * MIB)
    sha256 = hashlib.sha256(content).hexdigest()
    cuts = random.Random(f"cuts {way}").choices(range(500, 3 * MIB), k=6)
    with service.client() as client, cutting(service.port, cuts, way) as proxy:
        place = create(client, len(content), sha256=sha256).headers["location"]
        offsets = [0]
        while offsets[-1] < len(content):
            with (
                suppress(httpx.TransportError),
                httpx.Client(base_url=proxy.url, headers=client.headers) as through,
            ):
                append(through, place, offsets[-1], content[offsets[-1] :])
            offsets.append(settled(client, place))
        assert proxy.n_cut >= 1
    assert offsets == sorted(offsets)
    assert len(set(offsets)) > 2  # something of broken requests was kept
    assert service.archive(sha256) == content


def test_a_silent_request_is_ended_by_a_question_for_the_offset(service: Served) -> None:
    content = os.urandom(MIB)
    with service.client() as client:
        place = create(client, len(content)).headers["location"]
        with sending(service, place, 0, len(content)) as silent:
            silent.sendall(content[:400_000])
            begun(client, place)
            at = settled(client, place)
            assert 0 < at <= 400_000
            answer = silent.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 423")
        assert append(client, place, at, content[at:]).status_code == 204
    assert service.archive(hashlib.sha256(content).hexdigest()) == content


def test_a_request_that_fell_silent_ends_by_itself(tmp_path: Path) -> None:
    with served(tmp_path, patience=1) as service, service.client() as client:
        place = create(client, MIB).headers["location"]
        with sending(service, place, 0, MIB) as silent:
            silent.sendall(bytes(300_000))
            answer = b""
            while piece := silent.recv(65_536):  # to its end: the server closes
                answer += piece
        assert answer.startswith(b"HTTP/1.1 409")
        assert b"Nothing came for 1 seconds" in answer
        assert 0 < settled(client, place) <= 300_000


def test_a_question_while_bytes_come_is_told_to_wait_and_harms_nothing(tmp_path: Path) -> None:
    content = os.urandom(2 * MIB)
    with served(tmp_path, hush=60) as service, service.client() as client:
        place = create(client, len(content)).headers["location"]
        said = set()
        with sending(service, place, 0, len(content)) as busy:
            for at in range(0, len(content), MIB // 4):
                busy.sendall(content[at : at + MIB // 4])
                said.add(asked(client, place))
            assert busy.recv(65_536).startswith(b"HTTP/1.1 204")
        assert None in said
        assert service.archive(hashlib.sha256(content).hexdigest()) == content


def test_a_new_request_ends_the_one_before(service: Served) -> None:
    content = os.urandom(MIB)
    with service.client() as client:
        place = create(client, len(content)).headers["location"]
        with sending(service, place, 0, len(content)) as first:
            first.sendall(content[:200_000])
            begun(client, place)
            with sending(service, place, 1, len(content) - 1) as second:
                # The bytes of the first count: the second learns where to go on.
                answer = second.recv(65_536)
                assert answer.startswith(b"HTTP/1.1 409")
            assert first.recv(65_536).startswith(b"HTTP/1.1 423")
        at = settled(client, place)
        assert f"upload-offset: {at}\r\n".encode() in answer
        assert at <= 200_000
        assert append(client, place, at, content[at:]).status_code == 204
    assert service.archive(hashlib.sha256(content).hexdigest()) == content


@contextmanager
def delayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The first question for an upload's row waits: it is ``held``, until ``free`` is set."""
    held, free = threading.Event(), threading.Event()
    living, first = Uploads.living, threading.Lock()

    def slow(uploads: Uploads, principal: Principal, upload_id: str) -> Upload:
        if first.acquire(blocking=False):
            held.set()
            assert free.wait(timeout=30)
        return living(uploads, principal, upload_id)

    with monkeypatch.context() as patch:
        patch.setattr(Uploads, "living", slow)
        try:
            yield held, free
        finally:
            free.set()


def test_a_late_request_does_not_end_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(MIB)
    with (
        served(tmp_path, hush=60) as service,
        service.client() as client,
        delayed(monkeypatch) as (held, free),
    ):
        place = create(client, len(content)).headers["location"]
        with sending(service, place, 0, len(content)) as late:
            late.sendall(content[:300_000])
            assert held.wait(timeout=30)
            with sending(service, place, 0, len(content)) as newer:
                newer.sendall(content[:200_000])
                begun(client, place)
                free.set()
                assert late.recv(65_536).startswith(b"HTTP/1.1 423")
                newer.sendall(content[200_000:])
                assert newer.recv(65_536).startswith(b"HTTP/1.1 204")
        assert service.archive(hashlib.sha256(content).hexdigest()) == content


def test_a_removal_ends_the_request_that_sends(service: Served) -> None:
    with service.client() as client:
        place = create(client, MIB).headers["location"]
        with sending(service, place, 0, MIB) as busy:
            busy.sendall(bytes(100_000))
            begun(client, place)
            assert client.delete(place).status_code == 204
            assert busy.recv(65_536).startswith(b"HTTP/1.1 423")
        assert client.head(place).status_code == 410
    assert place.rpartition("/")[2] not in service.drop.arriving()


def test_broken_bytes_with_a_checksum_do_not_count(service: Served) -> None:
    with service.client() as client:
        place = create(client, 2 * MIB).headers["location"]
        line = {"Upload-Checksum": "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="}
        append(client, place, 0, bytes(MIB))
        with (
            suppress(httpx.TransportError),
            cutting(service.port, [300_000]) as proxy,
            httpx.Client(base_url=proxy.url, headers=client.headers) as through,
        ):
            append(through, place, MIB, bytes(MIB), **line)
        assert settled(client, place) == MIB


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    content = os.urandom(6 * MIB)
    with (
        small_file_system(tmp_path / "small", 16) as disk,
        served(disk, spare=0) as service,
        service.client() as client,
    ):
        place = create(client, len(content)).headers["location"]
        append(client, place, 0, content[: 2 * MIB])
        filling = fill(disk, but=MIB)
        answer = append(client, place, 2 * MIB, content[2 * MIB :])
        assert answer.status_code == 507
        assert "no room" in answer.json()["detail"]
        at = settled(client, place)
        assert 2 * MIB <= at < len(content)
        filling.unlink()
        assert append(client, place, at, content[at:]).status_code == 204
        assert service.archive(hashlib.sha256(content).hexdigest()) == content
