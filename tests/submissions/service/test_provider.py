"""Sign-in at a provider: connected once by a person who is signed in, then the way in."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from submissions.service.oidc.provider import BACK, PLACE, SignIns, _narrow
from submissions.service.settings import Provider, SettingsError
from tests.support.service_running import Running, running


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider on loopback, in a process of its own, that knows its clients and asks a nonce."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    known = ("--require-registration", "true", "--require-nonce", "true")
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(
        [*command, *known], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield answering(f"http://127.0.0.1:{port}", server)
        finally:
            server.terminate()


def answering(issuer: str, server: subprocess.Popen[bytes]) -> str:
    """The address, once the provider answers."""
    while server.poll() is None:
        with suppress(httpx.HTTPError):
            httpx.get(f"{issuer}/.well-known/openid-configuration").raise_for_status()
            return issuer
        time.sleep(0.05)
    raise AssertionError(f"the provider ended with status {server.returncode}")


@pytest.fixture
def service(tmp_path: Path, issuer: str) -> Iterator[Running]:
    """A service that the provider knows."""
    metadata = httpx.get(f"{issuer}/.well-known/openid-configuration").json()

    def registered(url: str) -> Provider:
        answer = httpx.post(
            metadata["registration_endpoint"],
            json={
                "redirect_uris": [f"{url}{BACK}"],
                "token_endpoint_auth_method": "client_secret_basic",
            },
        )
        assert answer.status_code == 201, answer.text
        known = answer.json()
        return Provider(issuer, known["client_id"], known["client_secret"])

    with running(tmp_path / "home", provider=registered) as started:
        yield started


class Browser:
    """What a browser does of a sign-in: keeps cookies by hand, follows the redirects."""

    def __init__(self, service: Running, secret: str = "") -> None:
        self.service = service
        self.cookies = {"__Host-sequestra": secret} if secret else {}
        self.more: dict[str, str] = {}

    def get(self, path: str, **query: str) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = httpx.get(
            f"{self.service.url}{path}",
            params=query or None,
            headers={"Cookie": cookie, **self.more},
        )
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            assert "Secure" in line
            assert "HttpOnly" in line
            value = rest.partition(";")[0].strip('"')
            self.cookies[name] = value
        return answer

    def at_provider(self, subject: str, answer: httpx.Response) -> dict[str, str]:
        """Sign in at the provider as ``subject``; what it sends back to the service."""
        place = answer.headers["location"]
        sent = httpx.post(place, data={"sub": subject})
        assert sent.status_code == 302, sent.text
        back = urlsplit(sent.headers["location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == f"{self.service.url}{BACK}"
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    def sign_in(self, subject: str) -> httpx.Response:
        return self.get(BACK, **self.at_provider(subject, self.get(PLACE)))

    def who(self) -> str:
        return str(self.get("/api/v1/me").json().get("name"))


def test_the_provider_is_asked_with_pkce_a_nonce_and_a_state(service: Running) -> None:
    place = Browser(service).get(PLACE).headers["location"]
    asked = parse_qs(urlsplit(place).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"code_challenge", "nonce", "state"} <= set(asked)
    assert asked["redirect_uri"] == [f"{service.url}{BACK}"]


def test_a_person_connects_an_identity_and_signs_in_with_it(service: Running) -> None:
    secret = service.store.sessions.open(service.ada.person_id, 1)
    connected = Browser(service, secret).sign_in("ada-at-work")
    assert connected.status_code == 303
    later = Browser(service)
    assert later.sign_in("ada-at-work").status_code == 303
    assert later.who() == "Ada"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_on_another_site_connects_nobody(service: Running, site: str) -> None:
    browser = Browser(service, service.store.sessions.open(service.ada.person_id, 1))
    browser.more = {"Sec-Fetch-Site": site}
    begun = browser.get(PLACE)
    assert begun.status_code == 302
    assert browser.get(BACK, **browser.at_provider("somebody", begun)).status_code == 403
    assert Browser(service).sign_in("somebody").status_code == 403


def test_an_identity_that_nobody_connected_signs_nobody_in(service: Running) -> None:
    browser = Browser(service)
    answer = browser.sign_in("ada@example.org")
    assert answer.status_code == 403
    assert browser.get("/api/v1/me").status_code == 401


def test_an_identity_belongs_to_one_person(service: Running) -> None:
    for person, status in ((service.ada, 303), (service.ben, 409)):
        secret = service.store.sessions.open(person.person_id, 1)
        assert Browser(service, secret).sign_in("shared").status_code == status


def test_a_disabled_person_does_not_come_in_by_the_provider(service: Running) -> None:
    secret = service.store.sessions.open(service.ada.person_id, 1)
    Browser(service, secret).sign_in("ada-at-work")
    service.store.people.enable(service.ada.person_id, enabled=False)
    assert Browser(service).sign_in("ada-at-work").status_code == 403


def test_another_state_begins_the_sign_in_again(service: Running) -> None:
    browser = Browser(service)
    sent = browser.at_provider("ada-at-work", browser.get(PLACE))
    answer = browser.get(BACK, code=sent["code"], state="another")
    assert (answer.status_code, answer.headers["location"]) == (303, PLACE)


def test_a_code_is_worth_nothing_in_another_browser_or_twice(service: Running) -> None:
    secret = service.store.sessions.open(service.ada.person_id, 1)
    Browser(service, secret).sign_in("ada-at-work")
    first = Browser(service)
    sent = first.at_provider("ada-at-work", first.get(PLACE))
    assert Browser(service).get(BACK, **sent).status_code == 403
    assert first.get(BACK, **sent).status_code == 303
    assert Browser(service).get(BACK, **sent).status_code == 403


def test_the_public_address_comes_from_the_settings(service: Running) -> None:
    answer = httpx.get(f"{service.url}{PLACE}", headers={"Host": "other.example"})
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["redirect_uri"] == [f"{service.url}{BACK}"]


@pytest.mark.parametrize(
    ("offered", "left"),
    [
        (["RS256"], ["RS256"]),
        (["HS256", "none", "ES256"], ["ES256"]),
        (None, ["RS256"]),
    ],
)
def test_asymmetric_signatures_are_let_through_alone(
    offered: list[str] | None, left: list[str]
) -> None:
    metadata = {"issuer": "https://p.example", "id_token_signing_alg_values_supported": offered}
    _narrow(metadata, Provider("https://p.example", "c", "s"))
    assert metadata["id_token_signing_alg_values_supported"] == left


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://p.example", "id_token_signing_alg_values_supported": ["HS256"]},
        {"issuer": "https://other.example"},
    ],
)
def test_a_provider_that_cannot_be_trusted_is_refused(metadata: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        _narrow(metadata, Provider("https://p.example", "c", "s"))


def test_a_provider_without_encryption_is_refused() -> None:
    with pytest.raises(SettingsError, match="not encrypted"):
        Provider("http://p.example", "c", "s")


def test_the_audience_must_be_this_service() -> None:
    claims = SignIns(Provider("https://p.example", "client 1", "s")).claims()
    assert claims["aud"] == {"essential": True, "value": "client 1"}
    assert claims["iss"] == {"essential": True, "value": "https://p.example"}
