"""A form with a file at its end, in pieces of any size, as other software writes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from submissions.service.pages.multipart import FormWithFile
from submissions.service.principal import COOKIE
from submissions.service.problems import Problem
from submissions.service.uploads.store import UploadStore
from tests.submissions.service.pages.seeded import SHEET
from tests.support.service_running import Running

FIELDS = {"team": "abc", "model": "N\u00e9t \u201cx\u201d", "fact_sheet": '{"a": "1\\r\\n"}'}


def written(fields: dict[str, str], content: bytes, filename: str = "net.tar") -> httpx.Request:
    """A form as httpx writes it: the fields, then the file."""
    files = {"archive": (filename, content, "application/x-tar")}
    return httpx.Request("POST", "http://127.0.0.1/", data=fields, files=files)


def request_of(sent: httpx.Request, size: int, **headers: str) -> Request:
    body = sent.read()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    coming = iter(messages)

    async def receive() -> dict[str, object]:
        return next(coming)

    given_headers = {**dict(sent.headers), **headers}
    pairs = [(name.lower().encode(), text.encode()) for name, text in given_headers.items() if text]
    return Request({"type": "http", "method": "POST", "headers": pairs, "state": {}}, receive)


async def read(request: Request) -> tuple[dict[str, str], int, bytes, str]:
    form = FormWithFile(request, "archive")
    fields = await form.fields()
    length = form.length()
    content = b"".join([piece async for piece in form.stream()])
    return fields, length, content, form.filename


@settings(deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=300), st.just(b"\r\n--\r\n--x\r\n" * 9), st.just(b"\r" * 80)
    ),
    size=st.integers(1, 400),
)
def test_a_form_in_pieces_of_any_size_gives_its_fields_and_its_file(
    content: bytes, size: int
) -> None:
    sent = written(FIELDS, content)
    fields, length, found, filename = asyncio.run(read(request_of(sent, size)))
    assert fields == FIELDS
    assert (length, found) == (len(content), content)
    assert filename == "net.tar"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 400),
        ({"content-type": "multipart/form-data"}, 400),
        ({"content-length": ""}, 411),
        ({"content-length": "many"}, 411),
    ],
)
def test_what_is_no_such_form_gets_one_sentence(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Problem) as caught:
        asyncio.run(read(request_of(written(FIELDS, b"x"), 100, **headers)))
    assert caught.value.status == status


def test_fields_without_an_end_are_not_kept_in_memory() -> None:
    with pytest.raises(Problem, match="too long"):
        asyncio.run(read(request_of(written({"model": "x" * 600_000}, b"x"), 65_536)))


def test_a_field_behind_the_file_is_refused() -> None:
    sent = written(FIELDS, b"x")
    body = sent.read()
    boundary = body.split(b"\r\n", 1)[0]
    late = boundary + b'\r\nContent-Disposition: form-data; name="team"\r\n\r\nother\r\n'
    changed = body[: body.rindex(boundary)] + late + body[body.rindex(boundary) :]
    headers = {"content-type": sent.headers["content-type"]}
    other = httpx.Request("POST", "http://127.0.0.1/", content=changed, headers=headers)
    with pytest.raises(Problem, match="behind the file"):
        asyncio.run(read(request_of(other, 50)))


def fields_of(service: Running) -> dict[str, str]:
    sheet = str(SHEET).replace("'", '"')
    return {"team": service.ada.team_id, "model": "Net", "fact_sheet": sheet}


def test_a_connection_that_breaks_leaves_nothing_and_frees_the_look(service: Running) -> None:
    sent = written(fields_of(service), b"x" * 3_000_000)
    body = sent.read()

    def broken() -> Iterator[bytes]:
        yield body[:2_000_000]
        raise ConnectionAbortedError

    headers = {name: sent.headers[name] for name in ("content-type", "content-length")}
    with service.browser(service.ada) as client, pytest.raises(ConnectionAbortedError):
        client.post("/team/uploads/chest", content=broken(), headers=headers)
    with service.browser(service.ada) as client:
        for _ in range(100):
            if not UploadStore(service.store).holding():
                break
            client.get("/team/people")
    assert UploadStore(service.store).holding() == []
    assert service.drop.arriving() == []
    assert service.ledger.submissions() == []


def test_a_file_over_the_limit_is_refused_before_it_is_read(service: Running) -> None:
    sent = written(fields_of(service), b"x" * 100)
    body = sent.read()
    secret = service.store.sessions.open(service.ada.person_id, 1)
    head = (
        f"POST /team/uploads/chest HTTP/1.1\r\nHost: x\r\nOrigin: {service.url}\r\n"
        f"Cookie: {COOKIE}={secret}\r\nContent-Type: {sent.headers['content-type']}\r\n"
        f"Content-Length: {4096 * 2**20 + 1 + len(body)}\r\n\r\n"
    )
    port = int(service.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:-60])
        answer = b""
        while b"archive-mistake" not in answer:
            answer += connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"make the image smaller" in answer
    assert UploadStore(service.store).holding() == []
    assert service.drop.arriving() == []


def test_a_form_that_falls_silent_before_its_file_is_ended() -> None:
    request = request_of(written(FIELDS, b"x"), 10**6)

    async def silent() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    quiet = Request(request.scope, silent)

    async def read_fields() -> None:
        await FormWithFile(quiet, "archive").fields(patience=0.01)

    with pytest.raises(Problem) as ended:
        asyncio.run(read_fields())
    assert ended.value.status == 408
