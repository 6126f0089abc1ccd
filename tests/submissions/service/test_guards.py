"""Guards of every request: origin, sizes, the Host header; rate limits; headers of answers."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from submissions.service.principal import COOKIE
from submissions.service.rates import Rates, peer_key
from submissions.service.settings import ServiceSettings, SettingsError
from tests.support.service_running import ASKED, PASSWORD, Running, running


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"Origin": "SELF"}, 201),
        ({"Origin": "SELF", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "SELF", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "SELF", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "SELF.evil.example"}, 403),
    ],
)
def test_only_pages_of_the_service_use_its_cookie(
    unchanged: Running, sent: dict[str, str], status: int
) -> None:
    secret = unchanged.store.sessions.open(unchanged.ada.person_id, 1)
    headers = {name: text.replace("SELF", unchanged.url) for name, text in sent.items()}
    answer = httpx.post(
        f"{unchanged.url}/api/v1/tokens",
        json={"name": "x", "scopes": ["read"]},
        headers={**headers, "Cookie": f"{COOKIE}={secret}"},
    )
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["type"] == "cross-site"


def test_another_site_cannot_sign_a_browser_in(unchanged: Running) -> None:
    answer = httpx.post(
        f"{unchanged.url}/api/v1/sessions",
        json={"email": unchanged.ada.email, "password": PASSWORD},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_beside_a_token_the_cookie_is_not_looked_at(unchanged: Running) -> None:
    secret = unchanged.store.sessions.open(unchanged.ada.person_id, 1)
    headers = {"Cookie": f"{COOKIE}={secret}", "Authorization": "Bearer sqst_wrong"}
    assert httpx.get(f"{unchanged.url}/api/v1/me", headers=headers).status_code == 401


def test_every_answer_has_the_headers_of_security(unchanged: Running) -> None:
    with unchanged.client() as client:
        for path in ("/api/v1/me", "/api/v1/benchmarks", "/nothing", "/team/sign-in"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert "strict-transport-security" not in headers  # this one is not encrypted


def test_nothing_is_taken_from_the_host_header(unchanged: Running) -> None:
    with unchanged.client(unchanged.ada) as client:
        for path in ("/api/v1/openapi.json", "/api/v1/me", "/team/sign-in", "/team/"):
            answer = client.get(path, headers={"Host": "evil.example"})
            assert "evil.example" not in answer.text
            assert "evil.example" not in str(answer.headers)


def test_what_lies_behind_the_guards_sees_the_public_address(tmp_path: Path) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(str(Request(scope).url))(scope, receive, send)

    with running(tmp_path / "home", site=echo) as service, service.client() as client:
        for name, text in (("Host", "evil.example"), ("Host", ""), ("X-Forwarded-Host", "e.org")):
            assert client.get("/echo", headers={name: text}).text == f"{service.url}/echo"


def test_a_large_body_is_refused_by_its_length_and_by_what_comes(unchanged: Running) -> None:
    def pieces() -> object:
        for _ in range(20):
            yield b" " * 8192

    with unchanged.client(unchanged.ada) as client:
        by_length = client.post("/api/v1/tokens", content=b" " * 70_000)
        by_pieces = client.post("/api/v1/tokens", content=pieces())  # type: ignore[arg-type]
    for answer in (by_length, by_pieces):
        assert answer.status_code == 413, answer.text
        assert answer.json()["type"] == "body-too-large"


def test_large_headers_and_addresses_are_refused(unchanged: Running) -> None:
    with unchanged.client(unchanged.ada) as client:
        many = client.get("/api/v1/me", headers={"X-Large": "x" * 20_000})
        assert (many.status_code, many.json()["type"]) == (431, "headers-too-large")
        long = client.get("/api/v1/me", params={"x": "y" * 9_000})
        assert (long.status_code, long.json()["type"]) == (414, "address-too-long")


def test_what_is_no_http_ends_without_harm(unchanged: Running) -> None:
    port = int(unchanged.url.rpartition(":")[2])
    for said in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert httpx.get(f"{unchanged.url}/api/v1/benchmarks").status_code == 200


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'"x"', b"null", b"[" * 5000])
def test_what_is_no_document_is_refused_in_one_sentence(unchanged: Running, body: bytes) -> None:
    with unchanged.client(unchanged.ada) as client:
        answer = client.post(
            "/api/v1/tokens", content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


def test_a_method_that_is_not_there_names_the_one_that_is(unchanged: Running) -> None:
    with unchanged.client(unchanged.ada) as client:
        answer = client.put("/api/v1/me")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert "use GET" in answer.json()["detail"]


def test_a_token_has_a_rate_that_its_answers_show(tmp_path: Path) -> None:
    with running(tmp_path / "home", rates=Rates(token="3/minute")) as service:
        with service.client(service.ada) as client:
            left = [client.get("/api/v1/me").headers["ratelimit-remaining"] for _ in range(3)]
            assert left == ["2", "1", "0"]
            refused = client.get("/api/v1/me")
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert refused.json()["type"] == "rate-limited"
            head = client.head("/api/v1/uploads/000000000000", headers={"Tus-Resumable": "1.0.0"})
            assert head.status_code == 404  # a HEAD is never refused for its rate
        with service.client(service.ben) as client:
            assert client.get("/api/v1/me").status_code == 200


def test_tokens_of_one_team_share_its_rate(tmp_path: Path) -> None:
    with running(tmp_path / "home", rates=Rates(team="3/minute")) as service:
        service.store.people.join(service.ben.person_id, service.ada.team_id)
        statuses = []
        for account in (service.ada, service.ben, service.ada, service.ben):
            with service.client(account) as client:
                statuses.append(client.get("/api/v1/me").status_code)
    assert statuses == [200, 200, 200, 429]


def test_tries_to_sign_in_are_bounded_for_the_account(tmp_path: Path) -> None:
    tries = ("ada@example.org", " ADA@example.org", "ada@example.org", "x@y.org")
    rates = Rates(sign_in_account="2/minute")
    with running(tmp_path / "home", rates=rates) as service, service.client() as client:
        statuses = [
            client.post(
                "/api/v1/sessions", json={"email": email, "password": "wrong pass phrase"}
            ).status_code
            for email in tries
        ]
    assert statuses == [401, 401, 429, 401]


def test_requests_of_an_address_are_bounded(tmp_path: Path) -> None:
    rates = Rates(requests_peer="1/hour")
    with running(tmp_path / "home", rates=rates) as service, service.client() as client:
        statuses = [client.post("/api/v1/requests", json=ASKED).status_code for _ in range(2)]
    assert statuses == [202, 429]


def test_refused_tokens_count_for_their_address_and_valid_ones_go_on(tmp_path: Path) -> None:
    with running(tmp_path / "home", rates=Rates(refused_peer="2/minute")) as service:
        wrong = {"Authorization": "Bearer sqst_wrong"}
        statuses = [
            httpx.get(f"{service.url}/api/v1/me", headers=wrong).status_code for _ in range(3)
        ]
        assert statuses == [401, 401, 429]
        with service.client(service.ada) as client:
            assert client.get("/api/v1/me").status_code == 200


def test_an_ipv6_network_counts_as_one_peer() -> None:
    assert peer_key("2001:db8::1") == peer_key("2001:db8::ffff") == "2001:db8::/64"
    assert peer_key("192.0.2.1") == "192.0.2.1"
    assert peer_key("::ffff:192.0.2.1") == "192.0.2.1"  # else all of IPv4 shared one limit
    assert peer_key(None) == "unknown"


@pytest.mark.parametrize(
    "address", ["http://sequestra.example.org", "ftp://x", "sequestra", "https://x.org/path"]
)
def test_a_public_address_that_cannot_be_served_is_refused(address: str) -> None:
    with pytest.raises(SettingsError):
        ServiceSettings(address)
