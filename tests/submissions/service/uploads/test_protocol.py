"""The routes of tus 1.0 by its specification (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.support.upload_server import BYTES, TUS, UPLOADS, Served, append, create, metadata

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def client(service: Served) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def test_options_say_what_is_spoken_to_anybody(service: Served) -> None:
    answer = httpx.options(service.url + UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,termination,expiration,checksum"
    assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"
    assert int(answer.headers["tus-max-size"]) == 4096 * 2**20


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_archive_arrives_in_pieces(service: Served, client: httpx.Client, slash: str) -> None:
    content = CONTENT + slash.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    said = metadata(sha256=sha256, filename="model.tar")
    headers = {"Upload-Length": str(len(content)), "Upload-Metadata": said}
    created = client.post(UPLOADS + slash, headers=headers)
    assert created.status_code == 201
    place = created.headers["location"]
    assert place == f"{UPLOADS}/{created.json()['upload_id']}"
    assert parsedate_to_datetime(created.headers["upload-expires"]).tzinfo is not None
    for start, end in ((0, 100_000), (100_000, 250_000)):
        answer = append(client, place + slash, start, content[start:end])
        assert answer.status_code == 204
        assert answer.headers["upload-offset"] == str(end)
        assert "upload-expires" in answer.headers
        asked = client.head(place + slash)
        assert asked.status_code == 200
        assert asked.headers["upload-offset"] == str(end)
        assert asked.headers["upload-length"] == str(len(content))
        assert asked.headers["upload-metadata"] == said
        assert asked.headers["cache-control"] == "no-store"
    answer = append(client, place, 250_000, content[250_000:])
    assert answer.headers["upload-offset"] == str(len(content))
    assert client.head(place).headers["upload-offset"] == str(len(content))
    assert service.archive(sha256) == content


def test_bytes_of_unknown_number_are_taken(service: Served, client: httpx.Client) -> None:
    place = create(client, len(CONTENT)).headers["location"]
    pieces = (CONTENT[at : at + 7_001] for at in range(0, len(CONTENT), 7_001))
    assert append(client, place, 0, pieces).status_code == 204
    assert service.archive(SHA256) == CONTENT


def test_a_method_that_a_proxy_lets_pass_stands_for_another(
    service: Served, client: httpx.Client
) -> None:
    place = create(client, len(CONTENT)).headers["location"]
    headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(place, headers=headers, content=CONTENT).status_code == 204
    assert service.archive(SHA256) == CONTENT


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"Upload-Length": None}, "Upload-Length is missing"),
        ({"Upload-Length": "0"}, "empty file"),
        ({"Upload-Length": "-1"}, "Upload-Length is '-1'"),
        ({"Upload-Length": "+5"}, "Upload-Length is '+5'"),
        ({"Upload-Length": "1_000"}, "Upload-Length is '1_000'"),
        ({"Upload-Length": "1" * 19}, "Upload-Length is '111"),
        ({"Upload-Length": None, "Upload-Defer-Length": "1"}, "Upload-Length is missing"),
        ({"Upload-Metadata": None}, "has no 'benchmark'"),
        ({"Upload-Metadata": "benchmark Y2hlc3Q="}, "has no 'team'"),
        ({"Upload-Metadata": "benchmark %%"}, "'benchmark' that is not text in base64"),
        ({"Upload-Metadata": "benchmark /w=="}, "'benchmark' that is not text in base64"),
        ({"Upload-Metadata": "benchmark Y2hlc3Q=,benchmark Y2hlc3Q="}, "'benchmark' twice"),
        ({"Upload-Metadata": metadata(filename="a\r\nb")}, "'filename' twice, or with characters"),
        ({"Upload-Metadata": metadata(filename="x" * 5_000)}, "send at most 4096"),
        ({"Upload-Metadata": metadata(sha256="A" * 64)}, "send 64 digits of 0-9 and a-f"),
    ],
)
def test_a_creation_that_says_too_little_is_refused_in_a_sentence(
    client: httpx.Client, headers: dict[str, str | None], says: str
) -> None:
    said = {"Upload-Length": "100", "Upload-Metadata": metadata(), **headers}
    sent = {name: text for name, text in said.items() if text is not None}
    answer = client.post(UPLOADS, headers=sent)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0"])
def test_another_version_is_refused(service: Served, method: str, version: str | None) -> None:
    with service.client() as client:
        path = UPLOADS if method == "POST" else create(client, 9).headers["location"]
    headers = {**service.ada.headers, **({} if version is None else {"Tus-Resumable": version})}
    answer = httpx.request(method, service.url + path, headers=headers)
    assert answer.status_code == 412
    assert answer.headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Offset": "5"}, 409),
        ({"Upload-Offset": "x"}, 400),
        ({"Upload-Offset": None}, 400),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Upload-Checksum": "md5 1B2M2Y8AsgTpgAmY7PhCfg=="}, 400),
        ({"Upload-Checksum": "sha1 1B2M2Y8AsgTpgAmY7PhCfg=="}, 400),
        ({"Upload-Checksum": "sha1"}, 400),
    ],
)
def test_bytes_that_cannot_be_placed_are_refused(
    client: httpx.Client, headers: dict[str, str | None], status: int
) -> None:
    place = create(client, len(CONTENT)).headers["location"]
    said = {**BYTES, "Upload-Offset": "0", **headers}
    sent = {name: text for name, text in said.items() if text is not None}
    answer = client.patch(place, headers=sent, content=CONTENT)
    assert answer.status_code == status
    assert answer.headers["connection"] == "close"
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert client.head(place).headers["upload-offset"] == "0"


@pytest.mark.parametrize("chunked", [False, True])
def test_more_bytes_than_announced_are_refused(client: httpx.Client, chunked: bool) -> None:
    place = create(client, len(CONTENT) - 1).headers["location"]
    answer = append(client, place, 0, iter([CONTENT]) if chunked else CONTENT)
    assert answer.status_code == 413
    assert client.head(place).status_code == 200


def test_a_refused_patch_ends_its_connection_and_its_client_sees_why(service: Served) -> None:
    with service.client() as client:
        place = create(client, 2**30).headers["location"]
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as sending:
        head = f"PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.ada.token}\r\n"
        lines = {**BYTES, "Upload-Offset": "7", "Content-Length": str(2**30 - 7)}
        head += "".join(f"{name}: {text}\r\n" for name, text in lines.items()) + "\r\n"
        sending.sendall(head.encode() + bytes(4 * 2**20))
        answer = b""
        while piece := sending.recv(65536):  # to its end: the server closes
            answer += piece
    assert answer.startswith(b"HTTP/1.1 409")
    assert b"goes on at byte 0" in answer


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_bytes_with_a_checksum_count_as_a_whole(
    service: Served, client: httpx.Client, algorithm: str
) -> None:
    content = CONTENT + algorithm.encode()

    def said(part: bytes) -> str:
        digest = base64.b64encode(hashlib.new(algorithm, part).digest()).decode()
        return f"{algorithm} {digest}"

    place = create(client, len(content)).headers["location"]
    first, rest = content[:200_000], content[200_000:]
    damaged = first[:-1] + bytes([first[-1] ^ 1])
    refused = append(client, place, 0, damaged, **{"Upload-Checksum": said(first)})
    assert refused.status_code == 460
    assert client.head(place).headers["upload-offset"] == "0"
    taken = append(client, place, 0, first, **{"Upload-Checksum": said(first)})
    assert taken.headers["upload-offset"] == "200000"
    refused = append(client, place, 200_000, rest, **{"Upload-Checksum": said(first)})
    assert refused.status_code == 460
    assert append(client, place, 200_000, rest, **{"Upload-Checksum": said(rest)}).is_success
    assert service.archive(hashlib.sha256(content).hexdigest()) == content


def test_an_archive_other_than_announced_is_refused_and_gone(
    service: Served, client: httpx.Client
) -> None:
    other = hashlib.sha256(b"another").hexdigest()
    place = create(client, len(CONTENT), sha256=other).headers["location"]
    answer = append(client, place, 0, CONTENT[:-1] + b"?")
    assert answer.status_code == 460
    assert other in answer.json()["detail"]
    assert client.head(place).status_code == 410
    assert service.drop.size(service.ada.team_id, other) is None


def test_a_removed_upload_is_gone(service: Served, client: httpx.Client) -> None:
    place = create(client, len(CONTENT)).headers["location"]
    append(client, place, 0, CONTENT[:50_000])
    assert client.delete(place).status_code == 204
    assert client.head(place).status_code == 410
    assert append(client, place, 50_000, CONTENT[50_000:]).status_code == 410
    assert client.delete(place).status_code == 410
    assert place.rpartition("/")[2] not in service.drop.arriving()


def test_two_files_of_one_size_and_beginning_are_two_archives(
    service: Served, client: httpx.Client
) -> None:
    beginning = os.urandom(65_536)
    files = [beginning + os.urandom(50_000) for _ in range(2)]
    for content in files:
        place = create(client, len(content)).headers["location"]
        assert append(client, place, 0, content).is_success
    for content in files:
        assert service.archive(hashlib.sha256(content).hexdigest()) == content


def test_an_archive_that_the_team_sent_before_need_not_be_sent_again(
    service: Served, client: httpx.Client
) -> None:
    content = os.urandom(1_000)
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"{UPLOADS}/by-digest/{sha256}"
    assert client.get(path, params={"team": "north"}).status_code == 404
    append(client, create(client, 1_000).headers["location"], 0, content)
    answer = client.get(path, params={"team": "north"})
    assert answer.json() == {"sha256": sha256, "team": "north", "size": 1_000}
    assert client.get(f"{path}/", params={"team": service.ada.team_id}).is_success
    with service.client(service.ben) as other:
        assert other.get(path, params={"team": "south"}).status_code == 404
        assert other.get(path, params={"team": "north"}).status_code == 404
    for wrong in ("..%2f..", "x", sha256.upper()):
        answer = client.get(f"{UPLOADS}/by-digest/{wrong}", params={"team": "north"})
        assert answer.status_code == 404


def test_headers_of_every_answer_say_the_version(service: Served, client: httpx.Client) -> None:
    place = create(client, 100).headers["location"]
    answers = [
        client.head(place),
        client.head(f"{UPLOADS}/000000000000"),
        client.post(UPLOADS),
        httpx.head(service.url + place, headers=TUS),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 401]
    assert {answer.headers["tus-resumable"] for answer in answers} == {"1.0.0"}
